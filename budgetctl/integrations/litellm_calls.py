"""A call of litellm's inside a budget: which of its answers and streams cost how much."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import litellm

from budgetctl.ledger.values import Price
from budgetctl.manager.guarding import GuardedCall
from budgetctl.pricing import price_answer

log = logging.getLogger("budgetctl")


class LitellmCall(GuardedCall):
    """A guarded call that ends by an answer or a stream of litellm's."""

    def commit_response(self, response: Any) -> None:
        """End a call that litellm has answered as a whole."""
        if _is_cached(response):
            self.release()
        else:
            self.commit_answer(partial(price_answer, response, self._prompt, provider=self._provider))

    def end_stream(self, stream: Any, *, failed: bool = False) -> None:
        """End a call whose stream is read no further: charge its chunks, or without any the prompt.

        `failed` says that the stream has ended by an error: without any chunk, it costs nothing.
        """
        chunks = getattr(stream, "chunks", None)
        seller = getattr(stream, "custom_llm_provider", None)
        if seller == "cached_response" or (failed and not chunks):
            self.release()
        elif chunks:
            self.commit_answer(partial(self._price_chunks, chunks, self._provider or seller), provider=seller)
        else:
            self.commit_prompt()

    def give_up(self, answer: Any) -> None:
        """End a call whose caller was interrupted or has gone: charge its answer, or release the hold without one."""
        if answer is None:
            self.release()
        elif hasattr(answer, "__next__") or hasattr(answer, "__anext__"):
            self.end_stream(answer)
        else:
            self.commit_response(answer)

    def _price_chunks(self, chunks: list[Any], provider: str | None) -> Price:
        return price_answer(_built(chunks, self._prompt), self._prompt, provider=provider)


def _built(chunks: list[Any], messages: Sequence[Any]) -> Any:
    """The response that the chunks make, or None where litellm cannot tell."""
    try:
        return litellm.stream_chunk_builder(list(chunks), messages=list(messages))
    except Exception:
        log.warning("litellm cannot tell what a stream has used", exc_info=True)
        return None


def _is_cached(response: Any) -> bool:
    """Whether litellm's cache answered, which costs nothing."""
    return (getattr(response, "_hidden_params", None) or {}).get("cache_hit") is True
