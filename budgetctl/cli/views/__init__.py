"""The views of results: one module for each noun, with its JSON document, the columns of its table, and its words.

Scripts rely on the field names of documents. Times in them are RFC 3339 in UTC, amounts USD.
"""
