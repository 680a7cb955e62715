"""From an answer, a text or counts to an amount."""
