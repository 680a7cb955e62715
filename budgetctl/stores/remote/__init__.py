"""A store behind a server, budgetctl's own or litellm's."""
