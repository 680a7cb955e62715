"""Small calls of litellm with mock responses."""

from __future__ import annotations

from typing import Any

from budgetctl import BudgetManager, Picodollars

MODEL = "gpt-4o"
MESSAGES = [{"role": "user", "content": "hi there"}]
COST = Picodollars(225_000_000)
"""The cost of a mock response: litellm counts 10 tokens in and 20 out, whatever its text."""
PROMPT = Picodollars(22_500_000)
"""The cost of the messages: 9 tokens in."""


def call(**arguments: Any) -> dict[str, Any]:
    """The arguments of a small call."""
    return {"model": MODEL, "messages": MESSAGES, "max_tokens": 50, "mock_response": "hello"} | arguments


def spent(manager: BudgetManager, user: str = "alice") -> Picodollars:
    """The money that the user has spent, in picodollars."""
    return manager.budget(user).limit.spent
