"""Stores, and enforcement over each kind of them."""
