"""How each noun is shown: one module a noun, with its JSON document, the columns of its table, and its words."""
