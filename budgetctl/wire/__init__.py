"""Values as JSON and back, for stores and servers that talk over a network."""
