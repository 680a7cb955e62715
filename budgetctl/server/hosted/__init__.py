"""litellm's hosted protocol: its routes, and by which rules records of clients become charges."""
