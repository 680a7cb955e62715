"""litellm's hosted protocol: its routes, and the rules by which records of clients become charges."""
