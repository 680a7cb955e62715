"""How many tokens a text, a prompt or a picture has."""
