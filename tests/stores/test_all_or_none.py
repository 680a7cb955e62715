"""Many requests of which all are done, or none."""

from __future__ import annotations

import pytest

from budgetctl.errors import KeyConflictError, UnknownUserError
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import ChargeRequest, CommitRequest
from budgetctl.money import Picodollars
from support.operations import DAY_US, charge, create, key, usd


def test_all_are_done_in_their_order_and_answered(store):
    create(store)
    store.reserve(HoldRequest("job", "alice", usd("2"), DAY_US))
    commit, *charged = store.apply_all(
        [
            CommitRequest("job", ChargeRequest("", usd("3"), key=key("job", kind="commit"))),
            ChargeRequest("alice", usd("1")),
            ChargeRequest("alice", usd("0.5"), at_us=store.now_us() - DAY_US),
        ]
    )
    assert (commit.entry.hold_id, [each.entry.number for each in charged]) == ("job", [2, 3])
    assert (store.budget("alice").limit.held, sum(entry.amount for entry in store.history("alice"))) == (0, usd("4.5"))


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (ChargeRequest("nobody", usd("1")), UnknownUserError),
        (ChargeRequest("alice", usd("2"), key=key("k", "2")), KeyConflictError),
    ],
)
def test_one_that_is_refused_is_named_and_nothing_is_done(make_database, bad, error):
    store = make_database()
    create(store)
    charge(store, "1", key=key("k", "1"))
    store.reserve(HoldRequest("job", "alice", usd("2"), DAY_US))
    before = store.budget("alice")
    commit = CommitRequest("job", ChargeRequest("", usd("3"), key=key("job", kind="commit")))
    with pytest.raises(error) as caught:
        store.apply_all([ChargeRequest("alice", usd("1")), commit, ChargeRequest("alice", usd("1")), bad])
    assert caught.value.place == 3
    assert store.budget("alice") == before
    assert len(list(store.history("alice"))) == 1


def test_a_server_says_how_many_it_has_done(make_store, request):
    if "http" not in request.node.callspec.id:
        pytest.skip("a store of this machine does none")
    store = make_store()
    create(store)
    charges = [ChargeRequest(user, usd("1")) for user in ("alice", "nobody", "alice")]
    with pytest.raises(UnknownUserError, match="; 2 of 3 were done") as caught:
        store.apply_all(charges)
    assert (caught.value.place, store.budget("alice").limit.spent) == (1, usd("2"))


def test_what_another_s_call_has_used_more_is_charged_to_the_other(store):
    for user in ("alice", "bob"):
        create(store, user)

    def asked(user, output):
        usage = {"text_output": output}
        return ChargeRequest(user, Picodollars(usd("0.01") * output), usage=usage, identities=(b"i" * 16,))

    store.charge(asked("bob", 1))
    charged, grown = store.apply_all([ChargeRequest("alice", usd("1")), asked("alice", 3)])
    assert (charged.owner, grown.owner) == (None, "bob")
    assert [store.budget(user).limit.spent for user in ("alice", "bob")] == [usd("1"), usd("0.03")]
