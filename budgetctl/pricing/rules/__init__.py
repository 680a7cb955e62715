"""The rules that price a usage by an entry of the map: rates, tiers, batches, off-peak hours."""
