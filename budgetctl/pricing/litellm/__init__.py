"""Questions to litellm itself, inside a fence, and whether the installed litellm has rules that were proven."""
