"""Bookkeeping: history, refunds, top-ups, soft limits, and the check of all counters. Part of `BudgetManager`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.keys import caller_key
from budgetctl.ledger.values import PRIMARY, Charge, Entry, ProjectSummary
from budgetctl.manager.enforcement import Enforcement
from budgetctl.money import Picodollars, parse_amount
from budgetctl.names import check_name, check_note, check_user
from budgetctl.periods import parse_expiry

if TYPE_CHECKING:
    from decimal import Decimal

    from budgetctl.ledger.corrections import Crossing, Difference, HistoryFilter
    from budgetctl.ledger.top_ups import Left


class Bookkeeping(Enforcement):
    """The methods that look back at the ledger of a project, and that mend it."""

    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter | None = None) -> Iterator[Entry]:
        """The user's entries, newest first, those of a deleted budget too. `before` continues below that number."""
        return self._store.history(check_user(user), before=before, wanted=wanted)

    def entries(
        self, *, before: int | None = None, wanted: HistoryFilter | None = None
    ) -> Iterator[tuple[int, str, Entry]]:
        """All users' entries as they were recorded, newest first: their place in the ledger, their user, the entry.

        The project's own budget has the empty name. `before` continues below a place.
        """
        return self._store.entries(before=before, wanted=wanted)

    def refund(
        self,
        user: str,
        entry: int | None = None,
        *,
        amount: str | Decimal | Picodollars | None = None,
        note: str | None = None,
    ) -> Charge:
        """Take back the cost of an entry, or `amount` USD of it; without an entry, `amount` of this window's spend.

        A refund is an entry of its own, and counts where the refunded entry does: a closed window frees nothing.
        """
        if entry is None and amount is None:
            raise InvalidValueError("nothing to refund was given: pass the number of an entry, or an amount")
        exact = None if amount is None else parse_amount(amount)
        charge = self._store.refund(check_user(user), entry, exact, None if note is None else check_note(note))
        self._touch(charge.budget.user)
        return charge

    def top_up(
        self,
        user: str,
        amount: str | Decimal | Picodollars,
        *,
        limit: str = PRIMARY,
        expires: str | None = None,
        key: str | None = None,
        note: str | None = None,
    ) -> Charge:
        """Give extra money to a limit, by default the budget itself, for its current window.

        `expires` is a time, in the limit's zone where it says none, or a span from now as in `36h` or `7d`: the money
        then stays until that time, also across windows. Money that expires first is burned first, and only money that
        is not burned goes at its expiry. A manual reset keeps it. The same `key` again adds nothing.
        """
        from budgetctl.ledger.top_ups import TopUpRequest

        exact = parse_amount(amount)
        if not exact:
            raise InvalidValueError("a top-up of $0 adds nothing: give an amount")
        name = check_name(limit)
        expires_us = None
        if expires is not None:
            expires_us = parse_expiry(expires, self._store.now_us(), self._zone_of(check_user(user), name))
        asked = {"top-up": name, "expires": expires}
        request = TopUpRequest(
            check_user(user),
            name,
            exact,
            expires_us,
            None if note is None else check_note(note),
            None if key is None else caller_key(key, amount=exact, model=None, usage=asked | {"amount": exact}),
        )
        charge = self._store.top_up(request)
        self._touch(charge.budget.user)
        return charge

    def _zone_of(self, user: str, limit: str) -> str:
        """The zone of a user's limit; of the budget itself where there is no limit of that name."""
        budget = self._store.budget(user)
        own = (each.limit for each in budget.standings if each.user == user)
        return next((each.zone for each in own if each.name == limit), budget.limit.zone)

    def top_ups(self, user: str) -> list[Left]:
        """The user's top-ups with the money that is left of each, oldest first."""
        return self._store.top_ups(check_user(user))

    def crossings(self) -> Iterator[Crossing]:
        """The soft limits that are crossed, and that nobody was told of in this window."""
        return self._store.crossings()

    def claim(self, crossing: Crossing) -> bool:
        """Claim a crossing for 45 seconds, in which to tell of it. Of two programs that ask at once, one hears yes.

        `tell` ends the claim. Without it, as when the program is killed, anybody may claim the crossing afterwards.
        """
        return self._store.claim(crossing)

    def tell(self, crossing: Crossing) -> bool:
        """Note that a crossing was told, and say whether that is news. Of two programs at once, one hears yes."""
        return self._store.tell(crossing)

    def forget(self, crossing: Crossing) -> None:
        """Take back that a crossing was told or claimed, as its telling has failed."""
        self._store.forget(crossing)

    def verify(self, *, repair: bool = False) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings. `repair` sets them to the sums; entries stay."""
        if not repair:
            return self._store.verify()
        found = self._store.repair()
        self._touch()
        return iter(found)

    def summary(self) -> ProjectSummary:
        """How many users there are, and what they have spent in their current windows."""
        return self._store.summary()
