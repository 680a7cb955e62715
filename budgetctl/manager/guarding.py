"""`GuardedCall`: one call inside a budget, from the money set aside before it to the charge after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from budgetctl.errors import (
    BudgetctlError,
    CannotPriceError,
    HoldResolvedError,
    InvalidResponseError,
    UnknownHoldError,
)
from budgetctl.ledger.values import Usage
from budgetctl.manager.enforcement import DEFAULT_TTL, Enforcement, new_hold_id

if TYPE_CHECKING:
    import logging
    from decimal import Decimal

    from budgetctl.ledger.holds import Hold
    from budgetctl.ledger.values import Charge, Price
    from budgetctl.money import Picodollars

T = TypeVar("T")


class GuardedCall:
    """The hold of one call: made once and ended once, whichever thread, signal or finalizer ends it.

        call.reserve("0.05")            # raises OverBudgetError where a limit does not allow it
        try:
            answer = ask_the_provider()
        except BaseException:
            call.release()
            raise
        call.commit(price_response(answer))

    A call that is not ended keeps its hold until that expires, so that money which may be spent is not given to others.
    After the end of a call, `reserve` makes no hold, and another end does nothing.

    `model`, `provider` and `prompt` (text or chat messages) are those of the request. `note` stays with the hold and
    the charge. `hold_id` names the hold, by default with a new name. `refused` has the words for a hold that was
    resolved before: the end of the message, and the hint.

    `is_last_chance` says that nobody keeps a record of the call's cost but its end. An error of the ledger is then
    logged, since the answer is paid for, and asking again would be paid for too; and an end that an interrupt breaks
    off is done once more before the interrupt goes on. Otherwise errors and interrupts go to the caller at once, who
    may end the call again.
    """

    def __init__(
        self,
        manager: Enforcement,
        user: str,
        *,
        model: str | None = None,
        provider: str | None = None,
        prompt: str | Sequence[Mapping[str, Any]] = "",
        note: str | None = None,
        hold_id: str | None = None,
        refused: tuple[str, str] = ("the call was not made", "give each call a hold of its own"),
        is_last_chance: bool = False,
    ) -> None:
        self._manager = manager
        self._user = user
        self._model = model
        self._provider = provider
        self._prompt = prompt
        self._note = note
        self._refused = refused
        self._is_last_chance = is_last_chance
        self._is_own_id = hold_id is None
        self._hold_id = new_hold_id() if hold_id is None else hold_id
        self._hold: Hold | None = None
        # A signal's handler may end a call in the midst of its end.
        self._lock = threading.RLock()
        self._is_ended = False

    @property
    def hold(self) -> Hold:
        """The money that is set aside. Raises `ValueError` where none is."""
        if self._hold is None:
            raise ValueError("nothing is set aside")
        return self._hold

    def reserve_longest(self, max_output_tokens: int, ttl: str | float = DEFAULT_TTL) -> None:
        """Set aside the price of the prompt and of the longest answer.

        Raises as `reserve` does, and `CannotPriceError` without a price.
        """
        longest = self._estimate(max_output_tokens)
        self.reserve(longest.amount, ttl)

    def reserve(self, amount: str | Decimal | Picodollars, ttl: str | float = DEFAULT_TTL) -> None:
        """Set `amount` USD aside for `ttl` at most, unless the call has ended meanwhile.

        Raises `OverBudgetError` where a limit does not allow it, and `HoldResolvedError` where the id is that of a hold
        that was resolved.
        """
        with self._lock:
            if self._is_ended:
                return
            try:
                self._hold = self._make_hold(amount, ttl)
            except BudgetctlError:
                raise
            except BaseException:
                if self._is_last_chance and self._is_own_id:  # interrupted, perhaps when it was set aside already
                    self._let_go()
                raise

    def release(self) -> None:
        """End a call that has failed, or cost nothing: let its hold go."""
        self._end(self._release)

    def commit(self, price: Price) -> Charge | None:
        """End a call that cost `price`. None when it had ended before, or when the ledger's error was logged."""
        return self._end(lambda: self._commit(price))

    def commit_all(self, prices: Sequence[Price]) -> list[Charge] | None:
        """End several calls that were made with this hold: see `BudgetManager.commit_prices`. None as from `commit`."""
        return self._end(lambda: self._manager.commit_prices(self.hold, prices, note=self._note))

    def commit_answer(self, price_it: Callable[[], Price], *, provider: str | None = None) -> Charge | None:
        """End a call that was answered, at the price that `price_it` finds. None as from `commit`.

        Where `price_it` raises `CannotPriceError` with a usage, this usage is priced for the model of the request.
        Where that has no price either, or where `InvalidResponseError` says that nothing is known, the call costs the
        amount of the hold, and the entry is marked as unpriced. `provider` is used where the request names none.
        """
        return self._end(lambda: self._commit(self._found(price_it, self._provider or provider)))

    def commit_prompt(self) -> Charge | None:
        """End a call without an answer whose prompt may be billed all the same, at the price of the prompt."""
        return self._end(lambda: self._commit(self._estimate(0)))

    def _estimate(self, max_output_tokens: int) -> Price:
        return self._manager.estimate(
            self._model or "", self._prompt, max_output_tokens=max_output_tokens, provider=self._provider
        )

    def _make_hold(self, amount: str | Decimal | Picodollars, ttl: str | float) -> Hold:
        hold = self._manager.reserve(
            self._user,
            amount,
            hold_id=self._hold_id,
            ttl=ttl,
            model=self._model,
            provider=self._provider,
            note=self._note,
        )
        if hold.state != "open":
            # Nothing is set aside by it, and what the call costs could not be committed with it.
            outcome, hint = self._refused
            raise HoldResolvedError(f"the hold {hold.hold_id!r} is {hold.state} already; {outcome}", hint=hint)
        return hold

    def _end(self, act: Callable[[], T]) -> T | None:
        with self._lock:
            if self._is_ended:
                return None
            if not self._is_last_chance:
                done = act()
                self._is_ended = True
                return done
            try:
                return act()
            except BaseException:
                # An interrupt: what was answered is charged before it is passed on. The hold has that happen once.
                act()
                raise
            finally:
                self._is_ended = True

    def _release(self) -> None:
        if self._hold is not None:
            self._let_go()

    def _let_go(self) -> None:
        try:
            self._manager.release(self._hold_id)
        except BudgetctlError as error:
            if not self._is_last_chance:
                raise
            if not isinstance(error, UnknownHoldError):  # it was not made
                _log().exception("the hold %s is left to expire: it could not be released", self._hold_id)

    def _found(self, price_it: Callable[[], Price], provider: str | None) -> Price:
        """The price of an answer, by the model that it names, else by the one of the request, else by the hold."""
        from budgetctl.pricing import price_usage, without_price

        usage = Usage()
        try:
            return price_it()
        except CannotPriceError as error:
            usage = error.usage or usage
        except InvalidResponseError:
            _log().warning("the answer for the hold %s does not say what was used", self.hold.hold_id)
        usage = usage._replace(model=self._model)
        if usage.total_input or usage.total_output:
            try:
                return price_usage(usage._replace(provider=provider))
            except CannotPriceError as error:
                _log().warning("%s is charged what was set aside: %s", self.hold.hold_id, error)
        return without_price(usage, self.hold.amount)

    def _commit(self, price: Price) -> Charge | None:
        hold = self.hold
        try:
            return self._manager.commit_price(hold.hold_id, price, note=self._note)
        except BudgetctlError:
            if not self._is_last_chance:
                raise
            amount = int(price.amount)
            _log().exception("not charged: %s owes %s picodollars for the hold %s", hold.user, amount, hold.hold_id)
            return None


def _log() -> logging.Logger:
    import logging  # few calls have anything to log, and a command starts faster without it

    return logging.getLogger("budgetctl")
