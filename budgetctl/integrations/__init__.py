"""Budgets where calls are made: inside other people's programs. Nothing else of budgetctl imports from here."""
