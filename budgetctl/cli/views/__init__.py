"""How each noun is shown: one module a noun, with its JSON document, the columns of its table, and its words.

The field names of documents are what scripts rely on. Times in them are RFC 3339 in UTC, amounts USD.
"""
