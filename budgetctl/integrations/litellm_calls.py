"""A call that money is set aside for, and how that ends: exactly once, whoever ends it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import litellm

from budgetctl.errors import (
    BudgetctlError,
    CannotPriceError,
    HoldResolvedError,
    InvalidResponseError,
    UnknownHoldError,
)
from budgetctl.ledger.values import Price, Usage
from budgetctl.manager import BudgetManager
from budgetctl.manager.enforcement import new_hold_id
from budgetctl.pricing import price_answer, price_usage, without_price

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Hold

log = logging.getLogger("budgetctl")


class GuardedCall:
    """A call's hold: made once, and ended once, whoever does that and whatever interrupts it.

    Once the call was made, trouble with the ledger is logged: its answer is paid for, and kept.
    """

    def __init__(
        self,
        manager: BudgetManager,
        user: str,
        *,
        model: str,
        messages: Sequence[Any],
        provider: str | None,
        hold_id: str | None,
    ) -> None:
        self._manager = manager
        self._user = user
        self.model = model
        self._messages = messages
        self.provider = provider
        self._is_own_id = hold_id is None
        self._hold_id = new_hold_id() if hold_id is None else hold_id
        self._hold: Hold | None = None
        # A signal's handler may end a call in the midst of its end.
        self._lock = threading.RLock()
        self._is_ended = False

    @property
    def hold(self) -> Hold:
        """What is set aside."""
        if self._hold is None:
            raise ValueError("nothing is set aside")
        return self._hold

    def reserve(self, max_output_tokens: int, ttl: str | float) -> None:
        """Set aside what the prompt and so long an answer cost, unless whoever wanted that has gone."""
        price = self._manager.estimate(
            self.model, self._messages, max_output_tokens=max_output_tokens, provider=self.provider
        )
        with self._lock:
            if self._is_ended:
                return
            try:
                hold = self._manager.reserve(
                    self._user,
                    price.amount,
                    hold_id=self._hold_id,
                    ttl=ttl,
                    model=self.model,
                    provider=self.provider,
                )
                if hold.state != "open":
                    raise HoldResolvedError(
                        f"the hold {hold.hold_id!r} is {hold.state} already; the call was not made",
                        hint="give each call a hold of its own",
                    )
                self._hold = hold
            except BudgetctlError:
                raise
            except BaseException:
                if self._is_own_id:  # interrupted, perhaps when it was set aside already
                    self._let_go()
                raise

    def release(self) -> None:
        """The call failed, or cost nothing."""
        self._end(self._release)

    def commit(self, response: Any) -> None:
        """The call has answered."""
        if _is_cached(response):
            self.release()
        else:
            self._end(lambda: self._commit(self._price(response, self.provider)))

    def end_stream(self, stream: Any, *, failed: bool = False) -> None:
        """No more is read of the stream: pay for what came, and where nothing did, for the prompt."""
        chunks = getattr(stream, "chunks", None)
        seller = getattr(stream, "custom_llm_provider", None)
        if seller == "cached_response" or (failed and not chunks):
            self.release()
        elif chunks:
            self._end(lambda: self._commit(self._price(_built(chunks, self._messages), self.provider or seller)))
        else:
            self._end(lambda: self._commit(self._manager.estimate(self.model, self._messages, provider=self.provider)))

    def give_up(self, answer: Any) -> None:
        """The caller was interrupted or has gone: release the hold, or pay for what was answered until then."""
        if answer is None:
            self.release()
        elif hasattr(answer, "__next__") or hasattr(answer, "__anext__"):
            self.end_stream(answer)
        else:
            self.commit(answer)

    def _end(self, act: Callable[[], None]) -> None:
        with self._lock:
            if self._is_ended:
                return
            try:
                act()
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
        except UnknownHoldError:
            pass  # it was not made
        except BudgetctlError:
            log.exception("the hold %s is left to expire: it could not be released", self._hold_id)

    def _price(self, response: Any, provider: str | None) -> Price:
        """What the answer cost: by the model that it names, else by the one that was asked; else what was set aside."""
        usage = Usage()
        try:
            return price_answer(response, self._messages, provider=provider)
        except CannotPriceError as error:
            usage = error.usage or usage
        except InvalidResponseError:
            log.warning("the answer for the hold %s does not say what was used", self.hold.hold_id)
        usage = usage._replace(model=self.model)
        if usage.total_input or usage.total_output:
            try:
                return price_usage(usage._replace(provider=provider))
            except CannotPriceError as error:
                log.warning("%s is charged what was set aside: %s", self.hold.hold_id, error)
        return without_price(usage, self.hold.amount)

    def _commit(self, price: Price) -> None:
        try:
            self._manager.commit_price(self.hold.hold_id, price)
        except BudgetctlError:
            # Raised, it would cost the caller the answer, and a second call does not bring back the first one's price.
            hold, amount = self.hold, price.amount
            log.exception("not charged: %s owes %s picodollars for the hold %s", hold.user, int(amount), hold.hold_id)


def _built(chunks: list[Any] | None, messages: Sequence[Any]) -> Any:
    """The response that the chunks make, or None where litellm cannot tell."""
    try:
        return litellm.stream_chunk_builder(list(chunks or ()), messages=list(messages))
    except Exception:
        log.warning("litellm cannot tell what a stream has used", exc_info=True)
        return None


def _is_cached(response: Any) -> bool:
    """Whether litellm's cache answered, which costs nothing."""
    return (getattr(response, "_hidden_params", None) or {}).get("cache_hit") is True
