"""What somebody might do to budgetctl: each ends in a clear error, and nothing is lost."""
