"""One call is charged once, whoever tells of it: by the ids that those who answer calls give them."""

from __future__ import annotations

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import KeyConflictError
from budgetctl.ledger.identities import Identity, identities_of
from budgetctl.ledger.store import ChargeRequest
from budgetctl.ledger.values import Usage
from budgetctl.money import parse_amount
from budgetctl.pricing import price_usage, read_usage
from support.enforcing import counters

usd = parse_amount

MESSAGE = "msg_01XFDUDYJgAACzvnptvVoYEL"
REQUEST = "req_011CQ4wYy8kzXgT8mB3JrRfN"
SESSION = "0a7c3d52-91be-4f60-8d1e-5b3f2a9c7e64"
SONNET = Usage(model="claude-sonnet-4-5", provider="anthropic", request_id=MESSAGE, uncached_input=1_000)
"""$3 a million tokens in, $15 out."""


@pytest.fixture
def manager(make_manager):
    """A project with alice and bob, who have $10.00 each."""
    manager = make_manager()
    for user in ("alice", "bob"):
        manager.create(user, "10")
    return manager


def price(output, **more):
    """The price of an answer of so many tokens."""
    return price_usage(SONNET._replace(text_output=output, **more))


def charge(manager, output=100, user="alice", *, once=True, **more):
    usage = {
        name: more.pop(name) for name in ("model", "provider", "request_id", "issuer", "uncached_input") if name in more
    }
    return manager.charge_price(user, price(output, **usage), once=once, **more)


def cost(manager, user="alice"):
    return manager.budget(user).limit.spent


class TestKnownCalls:
    """A call for which somebody was charged."""

    def test_the_same_call_again_adds_nothing(self, manager):
        first = charge(manager)
        again = charge(manager)
        assert (again.replayed, again.entry, again.cost, again.owner) == (True, first.entry, first.entry.amount, None)
        assert cost(manager) == usd("0.0045")

    def test_the_format_does_not_matter(self, manager):
        charge(manager)
        assert charge(manager, request_id=f"{MESSAGE}:{REQUEST}", issuer="anthropic").replayed

    def test_another_user_is_told_who_was_charged(self, manager):
        first = charge(manager)
        other = charge(manager, user="bob")
        assert (other.replayed, other.owner, other.entry) == (True, "alice", first.entry)
        assert counters(manager, "alice", "bob") == [(0.0045, 0), (0, 0)]

    def test_other_projects_know_nothing_of_it(self, manager, tmp_path):

        charge(manager)
        with BudgetManager("q", store=tmp_path / "q.db") as other:
            other.create("alice", "10")
            assert not charge(other).replayed

    def test_a_commit_of_a_known_call_lets_the_hold_go(self, manager):
        charge(manager)
        hold = manager.reserve("alice", "1").hold_id
        commit = manager.commit_price(hold, price(100))
        assert (commit.replayed, commit.entry.number) == (True, 1)
        assert counters(manager, "alice") == [(0.0045, 0)]
        assert manager.commit_price(hold, price(100)).replayed

    def test_a_commit_names_the_call_for_others(self, manager):
        hold = manager.reserve("alice", "1").hold_id
        entry = manager.commit_price(hold, price(100)).entry
        assert (entry.hold_id, charge(manager).entry.number) == (hold, entry.number)

    def test_a_charge_of_the_library_names_the_call_and_is_made_every_time(self, manager):
        for _ in range(2):
            assert not charge(manager, once=False).replayed
        assert charge(manager).replayed
        assert cost(manager) == usd("0.009")

    def test_a_key_is_one_more_name(self, manager):
        assert not charge(manager, key="job-1").replayed
        assert charge(manager, key="job-2").replayed
        assert charge(manager, key="job-2").replayed
        assert next(manager.history("alice")).key == "job-1"

    def test_after_a_refund_the_call_is_known_still(self, manager):
        manager.refund("alice", charge(manager).entry.number)
        assert charge(manager).replayed

    def test_a_deleted_user_was_charged(self, manager):
        charge(manager)
        manager.delete_budget("alice")
        manager.create("alice", "10")
        again = charge(manager)
        assert (again.replayed, cost(manager)) == (True, 0)

    def test_identities_can_be_given(self, manager):
        mine = Identity("our-gateway", "call-1")
        assert not manager.charge("alice", "1", identities=[mine]).replayed
        assert manager.charge("bob", "1", identities=[mine]).owner == "alice"
        assert not manager.charge("alice", "1", identities=[Identity("their-gateway", "call-1")]).replayed

    def test_a_further_identity_names_a_call_that_has_no_other(self, manager):
        of_telemetry = charge(manager, request_id=REQUEST)
        in_a_session = charge(manager, request_id=f"{MESSAGE}:{REQUEST}", issuer="anthropic")
        assert (in_a_session.replayed, in_a_session.entry) == (True, of_telemetry.entry)
        assert charge(manager).replayed

    def test_two_calls_may_have_a_further_identity_in_common(self, manager):
        first = charge(manager, request_id=f"{MESSAGE}:{REQUEST}", issuer="anthropic")
        other = charge(manager, request_id=f"{MESSAGE[:-1]}X:{REQUEST}", issuer="anthropic")
        assert not other.replayed
        assert charge(manager, request_id=REQUEST).entry.number == first.entry.number

    def test_lists_charge_each_call_once(self, make_manager, manager):
        store = make_manager()._store
        of_calls = [identity.ljust(16) for identity in (b"1", b"2", b"1", b"3")]
        requests = [ChargeRequest("alice", usd("1"), identities=(identity,)) for identity in of_calls]
        for replayed in ([False, False, True, False], [True] * 4):
            assert [answer.replayed for answer in store.apply(requests)] == replayed
        assert cost(manager) == usd("3")

    def test_an_identity_may_be_given_twice(self, manager):
        twice = (b"1".ljust(16),) * 2
        for again in (False, True):
            assert manager._store.charge(ChargeRequest("alice", usd("1"), identities=twice)).replayed is again
        assert [each.replayed for each in manager._store.apply([
            ChargeRequest("alice", usd("1"), identities=(name.ljust(16),) * 2) for name in (b"2", b"3")
        ])] == [False, False]  # fmt: skip


class TestGrowth:
    """Later records of a call, which say that it has used more."""

    def test_the_difference_is_charged(self, manager):
        first = charge(manager, 1)
        grown = charge(manager, 42)
        entry = grown.entry
        assert (entry.kind, entry.refers_to, entry.amount) == ("adjustment", 1, usd("0.000615"))
        assert (entry.usage["text_output"], grown.cost, grown.replayed) == (42, usd("0.00363"), False)
        assert cost(manager) == usd("0.00363")
        assert manager.budget("alice").models == {"claude-sonnet-4-5": usd("0.00363")}
        assert not next(entry for entry in manager.history("alice") if entry == first.entry).is_corrected

    def test_as_much_or_less_adds_nothing(self, manager):
        charge(manager, 1)
        charge(manager, 42)
        for output in (42, 1, 7):
            again = charge(manager, output)
            assert (again.replayed, again.entry.number, again.cost) == (True, 1, usd("0.00363"))

    def test_more_of_one_thing_and_less_of_another_adds_nothing(self, manager):
        charge(manager, 100)
        assert charge(manager, 200, uncached_input=999).replayed

    def test_it_grows_again_and_again(self, manager):
        for output in (1, 10, 5, 100, 50):
            charge(manager, output)
        assert (cost(manager), len(list(manager.history("alice")))) == (usd("0.0045"), 3)

    def test_who_was_charged_pays_for_the_rest(self, manager):
        charge(manager, 1)
        grown = charge(manager, 42, user="bob")
        assert (grown.owner, grown.budget.user, grown.entry.refers_to) == ("alice", "bob", 1)
        assert counters(manager, "alice", "bob") == [(0.00363, 0), (0, 0)]

    def test_it_costs_what_the_first_entry_says(self, manager):
        charge(manager, 1)
        dearer = price(42)._replace(amount=usd("5"), pricing={"source": "litellm", "rates": {}})
        assert manager.charge_price("alice", dearer, once=True).cost == usd("0.00363")

    def test_a_billed_amount_is_the_provider_s(self, manager):
        charge(manager, 1)
        billed = [price_usage(SONNET._replace(request_id="x", cost=usd(amount), issuer="x", text_output=output))
                  for amount, output in (("1", 1), ("3", 42))]  # fmt: skip
        assert [manager.charge_price("bob", each, once=True).entry.amount for each in billed] == [usd("1"), usd("2")]

    def test_it_counts_where_its_time_falls(self, manager, clock):
        manager.create("carol", "10", duration="hourly", align="calendar")
        charge(manager, 1, user="carol")
        clock.advance(hours=1)
        charge(manager, 42, user="carol", at=clock.ago(hours=0.01))
        assert cost(manager, "carol") == 0
        charge(manager, 100, user="carol")
        assert cost(manager, "carol") == usd("0.00087")

    def test_another_model_is_another_call_that_has_to_be_charged_by_hand(self, manager):
        charge(manager, 1)
        with pytest.raises(KeyConflictError, match="for claude-sonnet-4-5, and not for gpt-4o: entry 1"):
            charge(manager, 42, model="gpt-4o", provider=None)
        assert cost(manager) == usd("0.003015")

    def test_the_same_model_may_have_another_name(self, manager):
        charge(manager, 1)
        assert not charge(manager, 42, model="claude-sonnet-4-5-20250929").replayed

    def test_more_than_a_day_away_it_is_another_call(self, manager, clock):
        charge(manager, 1)
        with pytest.raises(KeyConflictError, match="more than a day from then"):
            charge(manager, 42, at=clock.ago(hours=25))

    def test_what_a_hold_was_made_for_is_charged_all_the_same(self, manager):
        charge(manager, 1)
        hold = manager.reserve("alice", "1").hold_id
        commit = manager.commit_price(hold, price(42, model="gpt-4o", provider=None))
        assert (commit.replayed, commit.entry.kind, commit.entry.number) == (False, "spend", 2)

    def test_a_hold_lets_go_of_a_former_parent_whose_other_child_was_charged(self, manager):
        for team in ("team", "other"):
            manager.create(team, "10")
        for user in ("alice", "bob"):
            manager.set(user, parent="team")
        charge(manager, 1, user="bob")
        hold = manager.reserve("alice", "1").hold_id
        manager.set("alice", parent="other")
        assert manager.commit_price(hold, price(42)).owner == "bob"
        assert counters(manager, "team", "other") == [(0.00363, 0), (0, 0)]

    @pytest.mark.parametrize(
        "usage",
        [
            {"text_output": 2, "also": [{"model": ["x"], "text_output": 1}]},
            {"text_output": 2, "model": ["x"]},
            {"text_output": 2, "provider": 5},
            {"text_output": 2, "web_searches": 1, "model": "nobody-knows"},
        ],
    )
    @pytest.mark.parametrize(
        "pricing", [None, {"source": "user", "rates": {"input": "x"}}, price_usage(SONNET).pricing]
    )
    def test_a_usage_of_any_form_costs_what_its_record_says(self, manager, usage, pricing):
        first = {"model": "claude-sonnet-4-5", "text_output": 1}
        requests = [
            ChargeRequest("alice", usd(amount), "claude-sonnet-4-5", each, pricing, identities=(b"1".ljust(16),))
            for amount, each in (("0.01", first), ("0.5", usage))
        ]
        _, grown = manager._store.apply(requests)
        assert not grown.replayed
        assert cost(manager) == grown.cost >= usd("0.01")

    def test_a_key_of_another_request_stays_an_error(self, manager):
        charge(manager, 1, key="job-1")
        with pytest.raises(KeyConflictError):
            charge(manager, 42, key="job-1")
        assert charge(manager, 42, key="job-2").entry.kind == "adjustment"

    def test_a_new_price_never_takes_growth_back(self, manager):
        charge(manager, 1)
        charge(manager, 42)
        assert list(manager.reprice("claude-sonnet-4-5")) == []
        assert cost(manager) == usd("0.00363")

    def test_growth_comes_on_top_of_a_correction(self, manager):
        from budgetctl.pricing import without_price

        manager.charge_price("alice", without_price(SONNET._replace(text_output=1), usd("0")), once=True)
        charge(manager, 42)
        (correction,) = manager.reprice("claude-sonnet-4-5")
        assert (correction.after, cost(manager)) == (usd("0.00363"), usd("0.00363"))
        charge(manager, 100)
        list(manager.reprice("claude-sonnet-4-5"))
        assert cost(manager) == usd("0.0045")

    def test_a_call_whose_price_was_found_later_is_not_charged_anew_when_it_grows(self, manager):
        from budgetctl.pricing import without_price

        manager.charge_price("alice", without_price(SONNET._replace(text_output=1), usd("0")), once=True)
        list(manager.reprice("claude-sonnet-4-5"))
        charge(manager, 42)
        assert cost(manager) == usd("0.00363")


class TestIds:
    """Which ids are known to be made once."""

    @pytest.mark.parametrize(
        ("request_id", "namespaces"),
        [
            (MESSAGE, ["anthropic"]),
            (f"{MESSAGE}:{REQUEST}", ["anthropic", "anthropic"]),
            ("chatcmpl-CeR4pVtJ2mQx8sZbW1nKd5uYh0aLf", ["openai"]),
            ("resp_68af4030baa48193b0b43b4c2a176a1a0e4fcd5bb6a6d9e1", ["openai"]),
            ("gen-1795000000-aB3dE5fG7hI9jK1mN0pQ", ["openrouter"]),
            ("chatcmpl-0a7c3d52-91be-4f60-8d1e-5b3f2a9c7e64", ["uuid"]),
            ("chatcmpl-123", []),
            ("chatcmpl-00000000-0000-4000-8000-000000000001", []),
            ("chatcmpl-xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", []),
            ("msg_test", []),
            ("", []),
            (None, []),
        ],
    )
    def test_are_known_by_their_form(self, request_id, namespaces):
        assert [each.namespace for each in identities_of(Usage(request_id=request_id))] == namespaces

    @pytest.mark.parametrize(
        "result",
        [
            {"type": "result", "total_cost_usd": 0.5, "session_id": SESSION},
            {
                "session_id": SESSION,
                "stats": {"models": {"gemini-2.5-pro": {"tokens": {"prompt": 9, "candidates": 1}}}},
            },
        ],
    )
    def test_of_a_session_are_of_all_its_runs(self, result):
        usage = read_usage(result)
        assert (usage.request_id, identities_of(usage)) == (SESSION, ())

    @pytest.mark.parametrize("odd", [":", f":{MESSAGE}", "x" * 10_000, ":".join("abcdefghijkl"), "\ud800"])
    def test_are_no_reason_not_to_charge(self, manager, odd):
        assert not charge(manager, request_id=odd, issuer="tests").replayed

    def test_without_one_a_response_is_known_by_its_usage(self, manager):
        for output, replayed in ((1, False), (1, True), (42, False)):
            assert charge(manager, output, request_id="chatcmpl-7").replayed is replayed
