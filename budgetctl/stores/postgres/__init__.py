"""A store in a PostgreSQL database, whose hot operations are functions there."""
