"""Whose prices hold: litellm's map, one's own, what was proven of them, and how they are updated."""
