"""What `from budgetctl import …` gives, and a manager as a context."""

import inspect

import pytest

import budgetctl
from budgetctl import errors


def test_every_public_name_can_be_imported_and_is_listed():
    for name in budgetctl.__all__:
        assert getattr(budgetctl, name) is not None
    assert dir(budgetctl) == sorted(budgetctl.__all__)


def test_every_error_that_a_method_raises_is_public():
    of_commands = {"CannotRunError", "CommandNotFoundError", "CorruptStoreError", "NewerStoreError"}
    found = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    assert found - of_commands - set(budgetctl.__all__) == set()


def test_another_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no_such_name"):
        budgetctl.no_such_name  # noqa: B018


def test_a_manager_is_a_context_that_closes_its_store():
    with budgetctl.BudgetManager("p") as budgets:
        budgets.create("alice", "10")
        assert budgets.charge("alice", "1").budget.limit.remaining.usd == 9
    assert budgets.budget("alice").limit.spent.usd == 1  # and opens it again where it is needed
