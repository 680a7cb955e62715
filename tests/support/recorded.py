"""Questions that many tests ask a manager."""

from datetime import UTC, datetime


def at(us):
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%d %b %H:%M}"


def window(manager, user="alice"):
    limit = manager.budget(user).limit
    return at(limit.window_start_us), limit.window_end_us and at(limit.window_end_us)


def ledger(manager, user="alice"):
    """The entries of a user, oldest first: kind, amount, model."""
    return [(entry.kind, str(entry.amount), entry.model) for entry in reversed(list(manager.history(user)))]


def users(budgets):
    return [budget.user for budget in budgets]
