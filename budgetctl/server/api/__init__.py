"""The server's own interface: its endpoints, its pages, and their description."""
