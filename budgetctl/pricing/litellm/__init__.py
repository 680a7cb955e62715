"""Asking litellm itself, fenced, and telling whether its rules are those that were proven."""
