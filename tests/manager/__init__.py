"""Budgets by `BudgetManager`'s own methods."""
