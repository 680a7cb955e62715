"""Budgets inside other people's programs, around their calls. Nothing else of budgetctl imports from here."""
