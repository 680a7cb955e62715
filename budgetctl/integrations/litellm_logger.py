"""`BudgetctlLogger`: a callback of litellm's that charges the cost of its calls, and denies calls in its proxy."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

from budgetctl.errors import BudgetctlError, CannotPriceError, InvalidResponseError, InvalidValueError, UnknownUserError
from budgetctl.ledger.decisions import denial
from budgetctl.ledger.values import Price, Usage
from budgetctl.manager import BudgetManager
from budgetctl.manager.threads import finish
from budgetctl.money import ZERO, from_number
from budgetctl.pricing import price_answer, without_price

log = logging.getLogger("budgetctl")

_PROXY_ADMIN = "default_user_id"
"""The user that the proxy's master key belongs to. It is no person: the request says for whom it is."""

_MOST_UNTOLD = 10_000
"""How many calls are remembered whose end litellm has not told: a server gathers streams that were broken off."""

_TELLERS = frozenset({"_client_async_logging_helper", "dispatch_success_handlers", "async_success_handler"})
"""litellm's coroutines that tell callbacks of an asynchronous call, or put the call into the line of its worker."""


class BudgetctlLogger(CustomLogger):  # type: ignore[misc]  # litellm is not followed by mypy
    """Charges each response once to the user of its call: `litellm.callbacks = [BudgetctlLogger(manager)]`.

    The user is the first of these that is given: `metadata["user_api_key_user_id"]`, the owner of the proxy's key (the
    master key has none); `metadata["user_api_key_end_user_id"]`, the end user that the proxy found in the request;
    `metadata["user"]`; `user`. Only the proxy can set the first two. An unknown user is logged, and the call goes on
    and is charged to nobody. Answers of litellm's cache cost nothing. litellm tells of a stream once it has ended: a
    stream that is broken off is not charged here.

    litellm tells of asynchronous calls later, by tasks of the running loop, and drops some of them when the loop ends:
    `await logger.flush()` as the last statement of the coroutine that `asyncio.run` is given. Calls of which litellm
    has not told when the program ends are not charged, and their number is logged. `Guard` needs no `flush`.

    In the proxy, a request of a user with nothing left is answered with 422 (`litellm.budget_exceeded_status_code`)
    and not sent, and with 503 while the store cannot be asked. A limit for some models is looked at when its pattern
    means the model that the request names, or the model of any deployment that the proxy's router has under this name.
    The cost of the call counts there too, whatever the deployment's own model is called.
    """

    def __init__(self, manager: BudgetManager) -> None:
        super().__init__()
        self._manager = manager
        self._untold: OrderedDict[str, None] = OrderedDict()
        _watch(self)

    async def flush(self) -> None:
        """Wait until litellm has told of all asynchronous calls that have answered, and these are charged.

        To be awaited before the loop ends: litellm then drops the calls of which it has not told.
        """
        while telling := _tasks_that_tell():
            await asyncio.wait(telling)
        await GLOBAL_LOGGING_WORKER.flush()

    def untold(self) -> int:
        """The number of calls that litellm has begun, of the last 10,000, and whose end it has not told."""
        return len(self._untold)

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG002 - litellm's signature
        """Note that a call was begun."""
        call_id = kwargs.get("litellm_call_id")
        if call_id is not None:
            self._untold[call_id] = None
            if len(self._untold) > _MOST_UNTOLD:
                self._untold.popitem(last=False)

    def log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:  # noqa: ARG002 - litellm's signature
        """Note that a call has failed: it costs nothing."""
        self._untold.pop(kwargs.get("litellm_call_id", ""), None)

    async def async_log_failure_event(
        self,
        kwargs: dict[str, Any],
        response_obj: Any,
        start_time: Any,
        end_time: Any,
    ) -> None:
        """Note that an asynchronous call has failed."""
        self.log_failure_event(kwargs, response_obj, start_time, end_time)

    def log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:  # noqa: ARG002 - litellm's signature
        """Charge an answer of `litellm.completion` and its kin; a stream once it has ended."""
        self._charge(kwargs, response_obj)

    async def async_log_success_event(
        self,
        kwargs: dict[str, Any],
        response_obj: Any,
        start_time: Any,  # noqa: ARG002 - litellm's signature
        end_time: Any,  # noqa: ARG002
    ) -> None:
        """Charge an answer of `litellm.acompletion` and its kin."""
        await finish(partial(self._charge, kwargs, response_obj))

    async def async_pre_call_hook(
        self,
        user_api_key_dict: Any,
        cache: Any,  # noqa: ARG002 - litellm's signature
        data: dict[str, Any],
        call_type: str,  # noqa: ARG002
    ) -> None:
        """Deny a request to the proxy when nothing is left for its user."""
        key = {f"user_api_key_{name}": getattr(user_api_key_dict, name, None) for name in ("user_id", "end_user_id")}
        user = _user_of(data.get("user"), data.get("metadata"), data.get("litellm_metadata"), key)
        if user is None:
            log.warning("a request names no user: it is not guarded")
            return
        model = data.get("model")
        reason, status = await finish(partial(self._denial, user, model if isinstance(model, str) else None))
        if reason is not None:
            from fastapi import HTTPException  # the proxy is there, and so is this

            raise HTTPException(status, {"error": reason})

    def _denial(self, user: str, model: str | None) -> tuple[str | None, int]:
        """The reason for which a request of the user is denied, or None, and the status of the answer."""
        try:
            decision = self._manager.check(user, model=model, called=_deployed_as(model))
        except (UnknownUserError, InvalidValueError) as error:
            log.warning("a request is not guarded: %s", error)
            return None, 0
        except BudgetctlError as error:
            log.exception("a request is denied: the budget of %s cannot be looked at", user)
            return f"the budget cannot be looked at ({error.code}); try again", 503
        if decision.allowed:
            return None, 0
        # The proxy of a litellm without the setting would answer its own error with 500.
        return denial(decision), getattr(litellm, "budget_exceeded_status_code", 422)

    def _charge(self, kwargs: Mapping[str, Any], response: Any) -> None:
        self._untold.pop(kwargs.get("litellm_call_id", ""), None)
        if kwargs.get("cache_hit") is True:
            return
        said = kwargs.get("litellm_params") or {}
        user = _user_of(kwargs.get("user"), said.get("metadata"), said.get("litellm_metadata"))
        if user is None:
            log.warning("not charged: a call of %s names no user", kwargs.get("model"))
            return
        try:
            self._manager.charge_price(user, price_of(kwargs, response), once=True, called=_asked_as(said))
        except (UnknownUserError, InvalidValueError) as error:
            log.warning("not charged: %s", error)
        except BudgetctlError:
            # litellm would hide it in a line of its own, or print it.
            log.exception("not charged: a call of %s by %s", kwargs.get("model"), user)


def price_of(kwargs: Mapping[str, Any], response: Any) -> Price:
    """The price of a call that litellm tells of.

    A router and the proxy put their own name for the model into the response, which may be another model's in the
    price map: the model that was called counts. Prices that were given to the router are litellm's to apply, and so
    are names that only its configuration explains. A usage that nobody can price is recorded without, for `reprice`.
    """
    called, provider = kwargs.get("model"), kwargs.get("custom_llm_provider")
    cost = kwargs.get("response_cost")
    named = response.model_copy(update={"model": called}) if called and hasattr(response, "model_copy") else response
    try:
        price = price_answer(named, kwargs.get("messages") or (), provider=provider)
    except (CannotPriceError, InvalidResponseError) as error:
        # Pictures and the like say no usage, and have no id by which they are charged once.
        unsaid = Usage(model=called, provider=provider, request_id=kwargs.get("litellm_call_id"))
        usage = getattr(error, "usage", None) or unsaid
        if cost:
            return Price(from_number(cost), usage, usage.model, {"source": "stated"})
        if isinstance(error, InvalidResponseError):
            raise
        log.warning("recorded without a price: %s", error)
        return without_price(usage, ZERO)
    if cost and price.pricing.get("source") == "litellm" and _has_own_prices(kwargs):
        return price._replace(amount=from_number(cost), pricing={"source": "stated"})
    return price


def _deployed_as(model: str | None) -> list[str]:
    """The models that the proxy's router may call for one of this name."""
    router = getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)
    if router is None or model is None:
        return []
    found = [(each.get("litellm_params") or {}).get("model") for each in router.get_model_list(model_name=model) or ()]
    return [name for name in dict.fromkeys(found) if isinstance(name, str) and "*" not in name]


def _asked_as(said: Mapping[str, Any]) -> list[str]:
    """The name by which a router was asked for a call's model."""
    documents = [said.get(name) for name in ("metadata", "litellm_metadata")]
    found = [each.get("model_group") for each in documents if isinstance(each, Mapping)]
    return [name for name in found if isinstance(name, str)]


def _has_own_prices(kwargs: Mapping[str, Any]) -> bool:
    from litellm.litellm_core_utils.litellm_logging import use_custom_pricing_for_model

    return bool(use_custom_pricing_for_model(kwargs.get("litellm_params")))


def _user_of(user: Any, *documents: Any) -> str | None:
    """The user of a call, or None. Of several documents of metadata, the last one that has a field counts."""
    said: dict[str, Any] = {}
    for document in documents:
        if isinstance(document, Mapping):
            said |= document
    key_user = said.get("user_api_key_user_id")
    candidates = [
        None if key_user == _PROXY_ADMIN else key_user,
        said.get("user_api_key_end_user_id"),
        said.get("user"),
        user,
    ]
    return next((str(name) for name in candidates if name not in (None, "")), None)


def _tasks_that_tell() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", None) in _TELLERS]


_loggers: weakref.WeakSet[BudgetctlLogger] = weakref.WeakSet()


def _watch(logger: BudgetctlLogger) -> None:
    """When the program ends, log the number of calls whose end a logger was not told."""
    if not _loggers:
        # litellm tells of some calls at exit. What is registered later is done earlier: so that has to be, once more.
        last = getattr(GLOBAL_LOGGING_WORKER, "_flush_on_exit", None)
        atexit.unregister(_warn_of_untold)
        atexit.register(_warn_of_untold)
        if last is not None:
            atexit.unregister(last)
            atexit.register(last)
    _loggers.add(logger)


def _warn_of_untold() -> None:
    untold = sum(logger.untold() for logger in _loggers)
    if untold:
        log.warning(
            "litellm has begun %d calls whose end it has not told BudgetctlLogger: what these cost is not charged;"
            " await its flush() before the event loop ends, or make calls through Guard",
            untold,
        )
