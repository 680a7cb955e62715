"""A program that tells a store of calls, in its own order and way, some of them in parts.

    python -m support.telling STORE PROJECT NUMBER CALLS

Programs of other numbers tell of the same calls. Each tells of every call in full, and of most also before, with less.
It waits for a line on stdin before it begins, and writes one when it has told of all.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

from budgetctl import BudgetManager
from budgetctl.ledger.identities import identities_of, identity_digests
from budgetctl.ledger.store import ChargeRequest
from budgetctl.ledger.values import Price, Usage
from budgetctl.manager.guarding import GuardedCall
from budgetctl.pricing import price_usage
from budgetctl.stores import open_store

USERS = ("alice", "bob", "carol")
WAYS = ("response", "commit", "guard", "list")
MODELS = ("claude-sonnet-4-5", "gpt-4o")
_LIST = 50


def answer(call: int, share: float = 1.0) -> Price:
    """What is told of a call when a share of its output has come."""
    usage = Usage(
        model=MODELS[call % 2],
        request_id=f"call-{call}",
        issuer="support",
        uncached_input=1_000 + call,
        text_output=max(round((call % 97 + 2) * share), 1),
    )
    return price_usage(usage)


def told(calls: int, order: random.Random) -> Iterator[tuple[str, Price]]:
    """What one program tells: the users, and what they have used, by halves in a random order."""
    halves = [list(range(calls // 2)), list(range(calls // 2, calls))]
    order.shuffle(halves)
    for half in halves:
        records = [(call, share) for call in half for share in (0.1, 0.5, 1.0) if share == 1 or order.random() < 0.6]
        order.shuffle(records)
        for call, share in records:
            yield USERS[call % len(USERS)], answer(call, share)


def tell(manager: BudgetManager, way: str, records: Iterator[tuple[str, Price]]) -> None:
    """Charge all of them, in one way."""
    requests = []
    for user, price in records:
        if way == "response":
            manager.charge_price(user, price, once=True)
        elif way == "commit":
            manager.commit_price(manager.reserve(user, "0.01").hold_id, price)
        elif way == "guard":
            call = GuardedCall(manager, user, model=price.model)
            call.reserve("0.01")
            call.commit(price)
        else:
            requests.append(
                ChargeRequest(
                    user,
                    price.amount,
                    model=price.model,
                    usage=price.usage.to_json(),
                    pricing=price.pricing,
                    identities=identity_digests(identities_of(price.usage)),
                )
            )
    for begin in range(0, len(requests), _LIST):
        for each in manager._store.apply(requests[begin : begin + _LIST]):
            if isinstance(each, Exception):
                raise each


def main(place: str, project: str, number: int, calls: int) -> None:
    """Tell of all calls when a line comes."""
    with BudgetManager(project, store=open_store(place, project)) as manager:
        manager.budget(USERS[0])
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        tell(manager, WAYS[number % len(WAYS)], told(calls, random.Random(number)))
        sys.stdout.write("done\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
