"""What usage costs by an entry's prices: rates, tiers, batches, off-peak hours."""
