"""The server: the operations of stores over HTTP, for many machines and for litellm's hosted client."""
