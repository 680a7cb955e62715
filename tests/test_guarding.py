"""`GuardedCall`: one call inside a budget, whoever makes it, over a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import (
    CannotPriceError,
    HoldResolvedError,
    InvalidResponseError,
    OverBudgetError,
    StoreBusyError,
)
from budgetctl.ledger.values import Price, Usage
from budgetctl.manager.guarding import GuardedCall
from budgetctl.money import Picodollars, parse_amount
from budgetctl.pricing import price_tokens
from budgetctl.stores import open_store

COST = Price(parse_amount("0.02"), Usage(model="gpt-4o"), "gpt-4o", {"source": "stated"})
USAGE = Usage(model="nobody-knows-it", uncached_input=1_000, text_output=100)


@pytest.fixture
def budgets() -> Iterator[BudgetManager]:
    """Alice with $1, in a store that waits for no other writer."""
    with closing(BudgetManager("default", store=open_store(None, "default", wait_s=0))) as manager:
        manager.create("alice", "1")
        yield manager


@pytest.fixture
def call(budgets: BudgetManager) -> Callable[..., GuardedCall]:
    """Make a call of alice's, with 5 cents set aside for it."""

    def made(**settings: Any) -> GuardedCall:
        call = GuardedCall(budgets, "alice", **{"model": "gpt-4o", "prompt": "hello", **settings})
        call.reserve("0.05")
        return call

    return made


@pytest.fixture
def busy() -> Iterator[Any]:
    """A lock of the store, which other writers have while it is entered."""
    with closing(open_store(None, "default")) as other:
        yield other.write


def amounts(budgets: BudgetManager) -> tuple[str, str]:
    """What alice has spent, and what is set aside for her, in picodollars."""
    limit = budgets.budget("alice").limit
    return f"{int(limit.spent):,}", f"{int(limit.held):,}"


def raising(error: BaseException) -> Callable[[], Price]:
    """A price that is not found."""

    def price_it() -> Price:
        raise error

    return price_it


class TestReserve:
    def test_sets_the_amount_aside(self, budgets: BudgetManager, call: Any) -> None:
        assert call().hold.amount == parse_amount("0.05")
        assert amounts(budgets) == ("0", "50,000,000,000")

    def test_of_the_longest_answer_sets_its_price_and_that_of_the_prompt_aside(self, budgets: BudgetManager) -> None:
        call = GuardedCall(budgets, "alice", model="gpt-4o", prompt="hello world")
        call.reserve_longest(1_000)
        assert call.hold.amount == budgets.estimate("gpt-4o", "hello world", max_output_tokens=1_000).amount

    def test_that_no_limit_allows_sets_nothing_aside(self, budgets: BudgetManager) -> None:
        call = GuardedCall(budgets, "alice")
        with pytest.raises(OverBudgetError):
            call.reserve("2")
        with pytest.raises(ValueError, match="nothing is set aside"):
            _ = call.hold

    def test_by_a_hold_that_is_resolved_is_refused_in_the_callers_words(self, call: Any) -> None:
        call(hold_id="job-1").release()
        with pytest.raises(HoldResolvedError, match="'job-1' is released already; no job was done") as refused:
            call(hold_id="job-1", refused=("no job was done", "give each job an id"))
        assert refused.value.hint == "give each job an id"

    def test_after_the_end_sets_nothing_aside(self, budgets: BudgetManager) -> None:
        call = GuardedCall(budgets, "alice")
        call.release()
        call.reserve("0.05")
        assert amounts(budgets) == ("0", "0")


class TestEnd:
    def test_by_a_price_charges_it_and_lets_the_rest_go(self, budgets: BudgetManager, call: Any) -> None:
        charge = call(note="for tea").commit(COST)
        assert (charge.entry.amount, charge.entry.note) == (COST.amount, "for tea")
        assert amounts(budgets) == ("20,000,000,000", "0")

    def test_of_a_call_that_failed_costs_nothing(self, budgets: BudgetManager, call: Any) -> None:
        call().release()
        assert amounts(budgets) == ("0", "0")

    def test_happens_once(self, budgets: BudgetManager, call: Any) -> None:
        ended = call()
        ended.commit(COST)
        assert ended.commit(COST._replace(amount=Picodollars(1))) is None
        ended.release()
        assert amounts(budgets) == ("20,000,000,000", "0")

    def test_by_an_answer_is_charged_its_price(self, budgets: BudgetManager, call: Any) -> None:
        call().commit_answer(lambda: COST)
        assert amounts(budgets) == ("20,000,000,000", "0")

    def test_by_an_answer_of_an_unknown_model_is_priced_by_the_one_that_was_asked(self, call: Any) -> None:
        charge = call().commit_answer(raising(CannotPriceError("nobody knows it", usage=USAGE)))
        assert charge.entry.amount == price_tokens("gpt-4o", 1_000, 100).amount
        assert charge.entry.model == "gpt-4o"

    @pytest.mark.parametrize(
        ("asked", "error"),
        [
            ("gpt-4o", InvalidResponseError("it says nothing")),
            ("gpt-4o", CannotPriceError("nobody knows it")),
            ("nobody-knows-this", CannotPriceError("nobody knows it", usage=USAGE)),
        ],
    )
    def test_by_an_answer_without_any_price_costs_what_was_set_aside(
        self, call: Any, asked: str, error: BaseException
    ) -> None:
        charge = call(model=asked).commit_answer(raising(error))
        assert (charge.entry.amount, charge.entry.is_unpriced) == (parse_amount("0.05"), True)

    def test_without_an_answer_costs_the_prompt(self, budgets: BudgetManager, call: Any) -> None:
        charge = call().commit_prompt()
        assert charge.entry.amount == budgets.estimate("gpt-4o", "hello").amount

    def test_of_a_call_that_set_nothing_aside_is_no_charge(self, budgets: BudgetManager) -> None:
        with pytest.raises(ValueError, match="nothing is set aside"):
            GuardedCall(budgets, "alice").commit(COST)


class TestTrouble:
    """The caller keeps what a call owes, and gets every error and interrupt."""

    def test_leaves_the_hold_and_the_end_to_the_caller(self, budgets: BudgetManager, call: Any, busy: Any) -> None:
        owed = call()
        with busy(), pytest.raises(StoreBusyError):
            owed.commit(COST)
        assert amounts(budgets) == ("0", "50,000,000,000")
        owed.commit(COST)
        assert amounts(budgets) == ("20,000,000,000", "0")

    def test_of_a_release_is_raised(self, call: Any, busy: Any) -> None:
        owed = call()
        with busy(), pytest.raises(StoreBusyError):
            owed.release()

    def test_by_an_interrupt_leaves_the_end_to_the_caller(self, budgets: BudgetManager, call: Any) -> None:
        owed = call()
        with pytest.raises(KeyboardInterrupt):
            owed.commit_answer(raising(KeyboardInterrupt()))
        assert amounts(budgets) == ("0", "50,000,000,000")
        owed.commit(COST)
        assert amounts(budgets) == ("20,000,000,000", "0")


class TestLastChance:
    """Nobody keeps what a call owes: its end is not left to anybody."""

    def test_trouble_is_logged_with_what_is_owed(self, call: Any, busy: Any, caplog: pytest.LogCaptureFixture) -> None:
        owed = call(is_last_chance=True, hold_id="job-1")
        with busy():
            assert owed.commit(COST) is None
        assert "not charged: alice owes 20000000000 picodollars for the hold job-1" in caplog.text

    def test_a_hold_that_cannot_be_released_is_logged(
        self, call: Any, busy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        failed = call(is_last_chance=True, hold_id="job-1")
        with busy():
            failed.release()
        assert "the hold job-1 is left to expire" in caplog.text

    def test_an_interrupted_end_is_done_before_the_interrupt_goes_on(self, budgets: BudgetManager, call: Any) -> None:
        tries: list[BaseException] = [KeyboardInterrupt()]

        def price_it() -> Price:
            if tries:
                raise tries.pop()
            return COST

        with pytest.raises(KeyboardInterrupt):
            call(is_last_chance=True).commit_answer(price_it)
        assert amounts(budgets) == ("20,000,000,000", "0")
