"""Files that others may replace, lock or make odd: opening, locking, replacing them."""
