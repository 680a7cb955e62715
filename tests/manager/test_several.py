"""Many prices at once, and a hold that several calls were made with."""

from __future__ import annotations

import pytest

from budgetctl.errors import KeyConflictError
from budgetctl.ledger.identities import Identity
from budgetctl.ledger.values import Usage
from budgetctl.pricing import price_usage

IDS = ("msg_01XFDUDYJgAACzvnptvVoYEL", "msg_01Q9rbL4Wk2mZxPs8TnVd3YhC", "msg_01Bv7cJ5tGfRqD1yXeUw6KaLp")
COST = "0.0045"


def price(request_id, output=100, model="claude-sonnet-4-5"):
    """$0.0045 for 100 tokens."""
    return price_usage(Usage(model=model, request_id=request_id, uncached_input=1_000, text_output=output))


def counts(manager):
    """What alice has spent, and what is set aside for her."""
    limit = manager.budget("alice").limit
    return str(limit.spent), str(limit.held)


@pytest.fixture(autouse=True)
def alice(manager):
    manager.create("alice", "10")


@pytest.fixture
def hold(manager):
    return manager.reserve("alice", "1")


class TestCharges:
    def test_each_is_an_entry_and_is_charged_once(self, manager):
        prices = [(price(each), None) for each in IDS]
        for replayed in (False, True):
            charges = manager.charge_prices("alice", prices, once=True)
            assert [(each.entry.number, each.replayed) for each in charges] == [(n, replayed) for n in (1, 2, 3)]
        assert counts(manager)[0] == "0.0135"

    def test_one_that_is_refused_takes_all_with_it(self, manager):
        manager.charge_price("alice", price(IDS[1]), once=True)
        prices = [price(IDS[0]), price(IDS[1], 200, "claude-haiku-4-5")]
        with pytest.raises(KeyConflictError) as caught:
            manager.charge_prices("alice", [(each, None) for each in prices], once=True)
        assert (caught.value.place, counts(manager)[0]) == (1, COST)

    def test_each_by_itself_is_answered_by_its_error(self, manager):
        manager.charge("alice", "1", model="claude-haiku-4-5", usage=Usage(text_output=1), identities=[
            Identity("anthropic", IDS[1])
        ])  # fmt: skip
        answers = manager.charge_each("alice", [(price(each), None) for each in IDS], once=True)
        assert [type(each).__name__ for each in answers] == ["Charge", "KeyConflictError", "Charge"]
        assert counts(manager)[0] == "1.009"


class TestCommits:
    def test_one_is_committed_and_the_others_charged(self, manager, hold):
        charges = manager.commit_prices(hold, [price(each) for each in IDS])
        assert [each.entry.hold_id for each in charges] == [hold.hold_id, None, None]
        assert counts(manager) == ("0.0135", "0")

    @pytest.mark.parametrize("ids", [IDS, ("1", "2", "3"), ("1", IDS[0])])
    def test_the_same_calls_under_another_hold_are_charged_once(self, manager, hold, ids):
        manager.commit_prices(hold, [price(each) for each in ids])
        before = counts(manager)
        again = manager.reserve("alice", "1")
        charges = manager.commit_prices(again, [price(each) for each in ids])
        assert all(each.replayed for each in charges)
        assert (len(charges), counts(manager)) == (len(ids), before)

    def test_calls_without_ids_are_charged_each_time(self, manager, hold):
        manager.commit_prices(hold, [price(None), price(None)])
        assert counts(manager) == ("0.009", "0")

    def test_a_hold_that_has_expired_does_not_matter(self, manager, hold, clock):
        clock.advance(days=1)
        manager.commit_prices(hold, [price("1"), price("2")])
        assert counts(manager) == ("0.009", "0")
