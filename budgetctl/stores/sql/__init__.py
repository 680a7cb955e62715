"""The operations that SQLite and PostgreSQL share, in SQL that both understand."""
