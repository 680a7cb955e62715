"""Around other people's calls: litellm and its proxy."""
