"""`Guard`: litellm's `completion` and `acompletion` inside a budget, which is asked before a call and charged after."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import litellm

from budgetctl.errors import CannotPriceError, OverBudgetError
from budgetctl.integrations.litellm_calls import LitellmCall
from budgetctl.integrations.litellm_streams import AsyncGuardedStream, GuardedStream
from budgetctl.manager import BudgetManager
from budgetctl.manager.enforcement import DEFAULT_TTL
from budgetctl.manager.threads import finish, leave
from budgetctl.money import to_float
from budgetctl.names import check_model
from budgetctl.pricing.counting.prompts import longest_answer

DEFAULT_OUTPUT_TOKENS = 4096
"""The longest answer of a call in tokens, when neither the call nor litellm's price map says one."""


class Guard:
    """Chat completions inside the budgets of a manager.

    A call takes litellm's arguments. Before the call, the price of its prompt and of its longest answer is set aside.
    The longest answer is the larger one of `max_completion_tokens` and `max_tokens` (those of `extra_body` too), else
    the model's `max_output_tokens` in litellm's price map, else `max_output_tokens` of this guard. Where a call says
    how long its answer may be, more calls fit into a budget at once. After the call, its cost is charged. A stream is
    charged when it ends, is closed or is forgotten.

    A call that no limit allows is not made: it raises `litellm.BudgetExceededError`, from `OverBudgetError`. A call
    that fails costs nothing. `user` names the budget, and is not sent to the provider. The tokens of tools and images
    are not known before the call; they are charged after it.
    """

    def __init__(self, manager: BudgetManager, *, max_output_tokens: int = DEFAULT_OUTPUT_TOKENS) -> None:
        self._manager = manager
        self._max_output_tokens = max_output_tokens

    def completion(
        self,
        user: str,
        *,
        model: str,
        messages: Sequence[Any],
        hold_id: str | None = None,
        ttl: str | float = DEFAULT_TTL,
        **arguments: Any,
    ) -> Any:
        """`litellm.completion` for a user. If this process dies, the hold expires after `ttl`."""
        call = self._call(user, model, messages, hold_id, arguments)
        answer = None
        try:
            self._reserve(call, model, ttl, arguments)
            answer = litellm.completion(model=model, messages=messages, **arguments)
            if hasattr(answer, "__next__"):
                return GuardedStream(answer, call)
            call.commit_response(answer)
        except BaseException:
            call.give_up(answer)
            raise
        return answer

    async def acompletion(
        self,
        user: str,
        *,
        model: str,
        messages: Sequence[Any],
        hold_id: str | None = None,
        ttl: str | float = DEFAULT_TTL,
        **arguments: Any,
    ) -> Any:
        """`litellm.acompletion` for a user. The store is asked in threads: the event loop waits for nobody."""
        call = self._call(user, model, messages, hold_id, arguments)
        answer = None
        try:
            await finish(partial(self._reserve, call, model, ttl, arguments))
            answer = await litellm.acompletion(model=model, messages=messages, **arguments)
            if hasattr(answer, "__anext__"):
                return AsyncGuardedStream(answer, call)
            await finish(partial(call.commit_response, answer))
        except Exception:
            await finish(partial(call.give_up, answer))
            raise
        except BaseException:  # who goes away is not kept waiting
            leave(partial(call.give_up, answer))
            raise
        return answer

    def _call(
        self, user: str, model: str, messages: Sequence[Any], hold_id: str | None, arguments: dict[str, Any]
    ) -> LitellmCall:
        check_model(model)
        return LitellmCall(
            self._manager,
            user,
            model=model,
            provider=arguments.get("custom_llm_provider"),
            prompt=messages,
            hold_id=hold_id,
            is_last_chance=True,  # the caller has the answer, and pays it no second time
        )

    def _reserve(self, call: LitellmCall, model: str, ttl: str | float, arguments: dict[str, Any]) -> None:
        try:
            call.reserve_longest(self._longest_answer(model, arguments), ttl)
        except OverBudgetError as error:
            limit = error.decision.binding.limit
            raise litellm.BudgetExceededError(
                current_cost=to_float(limit.spent), max_budget=to_float(limit.amount), message=error.message
            ) from error

    def _longest_answer(self, model: str, arguments: dict[str, Any]) -> int:
        """The tokens of the longest answer, times the number of answers that are asked for (`n`)."""
        sent = [arguments, arguments["extra_body"]] if isinstance(arguments.get("extra_body"), dict) else [arguments]
        given: int = longest_answer(*sent, tokens_of=_count)
        tokens = given or _listed_maximum(model, arguments.get("custom_llm_provider")) or self._max_output_tokens
        return tokens * max(1, *(_count(each.get("n")) for each in sent))


def _count(value: Any) -> int:
    """The number that an argument of a call states; 0 for one that is missing or means no number."""
    try:
        return 0 if isinstance(value, bool) else max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def _listed_maximum(model: str, provider: str | None) -> int | None:
    from budgetctl.pricing.litellm.asking import find_entry

    try:
        maximum = find_entry(model, provider)[1].get("max_output_tokens")
    except CannotPriceError:  # the user's own price may know it
        return None
    return maximum if isinstance(maximum, int) else None
