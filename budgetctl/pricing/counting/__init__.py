"""The numbers of tokens of texts and prompts."""
