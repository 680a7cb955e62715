"""`user_dict`: litellm's dictionary of records, which shows what is stored and stores what is written to it."""
