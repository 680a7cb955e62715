"""The server, its protocol and litellm's."""
