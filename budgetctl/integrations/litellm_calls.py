"""A call that money is set aside for, and how that ends: exactly once, whoever ends it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import litellm

from budgetctl.errors import BudgetctlError, CannotPriceError, InvalidResponseError
from budgetctl.integrations.litellm_answers import is_cached, price_answer
from budgetctl.manager import BudgetManager
from budgetctl.models import Price, Usage
from budgetctl.pricing import price_usage, without_price

if TYPE_CHECKING:
    from budgetctl.permission import Hold

log = logging.getLogger("budgetctl")


class GuardedCall:
    """A call's hold. Once the call was made, trouble with the ledger is logged: its answer is paid for, and kept."""

    def __init__(
        self, manager: BudgetManager, hold: Hold, *, model: str, messages: Sequence[Any], provider: str | None
    ) -> None:
        self.hold = hold
        self._manager = manager
        self._model = model
        self._messages = messages
        self._provider = provider
        self._lock = threading.Lock()
        self._is_ended = False

    def release(self) -> None:
        """The call failed, or cost nothing."""
        if not self._end():
            return
        try:
            self._manager.release(self.hold.hold_id)
        except BudgetctlError:
            log.exception("the hold %s is left to expire: it could not be released", self.hold.hold_id)

    def commit(self, response: Any) -> None:
        """The call has answered."""
        if is_cached(response):
            self.release()
        elif self._end():
            self._commit(self._price(response, self._provider))

    def end_stream(self, stream: Any, *, failed: bool = False) -> None:
        """No more is read of the stream: pay for what came, and where nothing did, for the prompt."""
        chunks = getattr(stream, "chunks", None)
        seller = getattr(stream, "custom_llm_provider", None)
        if seller == "cached_response" or (failed and not chunks):
            self.release()
        elif self._end():
            response = _built(chunks, self._messages)
            if chunks:
                self._commit(self._price(response, self._provider or seller))
            else:
                self._commit(self._manager.estimate(self._model, self._messages, provider=self._provider))

    def _end(self) -> bool:
        with self._lock:
            was_ended, self._is_ended = self._is_ended, True
        return not was_ended

    def _price(self, response: Any, provider: str | None) -> Price:
        """What the answer cost: by the model that it names, else by the one that was asked; else what was set aside."""
        usage = Usage()
        try:
            return price_answer(response, messages=self._messages, provider=provider)
        except CannotPriceError as error:
            usage = error.usage or usage
        except InvalidResponseError:
            log.warning("the answer for the hold %s does not say what was used", self.hold.hold_id)
        usage = usage._replace(model=self._model)
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
