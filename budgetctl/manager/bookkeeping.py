"""What looks back at the ledger, and what mends it: history, refunds, top-ups, soft limits. Part of `BudgetManager`."""

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
    """The ledger of a project, beside its charges."""

    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter | None = None) -> Iterator[Entry]:
        """The user's entries, newest first; `before` continues below that number. Deleted users have one too."""
        return self._store.history(check_user(user), before=before, wanted=wanted)

    def refund(
        self,
        user: str,
        entry: int | None = None,
        *,
        amount: str | Decimal | Picodollars | None = None,
        note: str | None = None,
    ) -> Charge:
        """Take back what an entry cost, or `amount` of that; or, without an entry, of what was spent in this window.

        It is an entry of its own, which counts where the refunded one does: a window that has closed frees nothing.
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

        `expires` is a time, or in how long as in `36h` or `7d`: then that decides, also across windows. What expires
        first is burned first, and at its expiry only what is not burned goes. A manual reset keeps it. The same `key`
        again adds nothing.
        """
        from budgetctl.ledger.top_ups import TopUpRequest

        exact = parse_amount(amount)
        if not exact:
            raise InvalidValueError("a top-up of $0 adds nothing: give an amount")
        expires_us = None if expires is None else parse_expiry(expires, self._store.now_us())
        name = check_name(limit)
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

    def top_ups(self, user: str) -> list[Left]:
        """What is left of the user's top-ups, oldest first."""
        return self._store.top_ups(check_user(user))

    def crossings(self) -> Iterator[Crossing]:
        """The soft limits that are crossed and were not told in this window."""
        return self._store.crossings()

    def claim(self, crossing: Crossing) -> bool:
        """Have a crossing for oneself for 45 seconds, to tell of it: of two who ask at once, one hears yes.

        `tell` says that it was told. Without that, as when the program is killed, it is anybody's again afterwards.
        """
        return self._store.claim(crossing)

    def tell(self, crossing: Crossing) -> bool:
        """Note that a crossing was told, and say whether it was not yet: of two who ask at once, one hears yes."""
        return self._store.tell(crossing)

    def forget(self, crossing: Crossing) -> None:
        """Take back that a crossing was told or claimed: who should have heard of it did not."""
        self._store.forget(crossing)

    def verify(self, *, repair: bool = False) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings; with `repair` they are set to that. Entries stay."""
        if not repair:
            return self._store.verify()
        found = self._store.repair()
        self._touch()
        return iter(found)

    def summary(self) -> ProjectSummary:
        """How many users there are, and what they have spent in their current windows."""
        return self._store.summary()
