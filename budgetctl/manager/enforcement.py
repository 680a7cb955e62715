"""What keeps a user inside the limits: asking first, and setting money aside before a call. Part of `BudgetManager`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.keys import commit_key
from budgetctl.ledger.store import ChargeRequest, Store
from budgetctl.ledger.values import Charge, Price, Usage
from budgetctl.money import Picodollars, parse_amount
from budgetctl.names import (
    MAX_CALLED,
    check_document,
    check_hold,
    check_model,
    check_note,
    check_user,
    is_model,
)
from budgetctl.periods import parse_ttl

if TYPE_CHECKING:
    from decimal import Decimal

    from budgetctl.ledger.holds import Decision, Hold

DEFAULT_TTL = "10m"


class Enforcement:
    """Permission in two phases: what is set aside counts against the limits until it is resolved, or has expired."""

    _store: Store

    def _touch(self, user: str | None = None) -> None:
        raise NotImplementedError

    def estimate(
        self,
        model: str,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        max_output_tokens: int = 0,
        provider: str | None = None,
    ) -> Price:
        """What a prompt (text, or chat messages as they are sent) and so many output tokens would cost.

        Nothing is recorded.
        """
        from budgetctl.pricing import price_prompt

        return price_prompt(model, prompt, max_output_tokens, provider=provider)

    def check(
        self,
        user: str,
        cost: str | Decimal | Picodollars | None = None,
        *,
        model: str | None = None,
        prompt: str | Sequence[Mapping[str, Any]] | None = None,
        max_output_tokens: int = 0,
        provider: str | None = None,
        called: Sequence[str] = (),
    ) -> Decision:
        """Whether a cost would be allowed now; without one, whether anything is left. Nothing is written.

        Limits on some models are looked at by the `model`, by who sells it if that is stated (`provider`), and by what
        else it is `called`: at most eight names, as of the deployments behind an alias. With a `prompt` (text or chat
        messages) for a `model`, the cost is what that would cost. Raises `CannotPriceError` without a price.
        """
        if prompt is not None and (cost is not None or model is None):
            raise InvalidValueError("a prompt needs a model, and no cost beside it")
        amount = None if cost is None else parse_amount(cost)
        if prompt is not None:
            longest = self.estimate(str(model), prompt, max_output_tokens=max_output_tokens, provider=provider)
            amount = longest.amount
        name = None if model is None else check_model(model)
        return self._store.check(check_user(user), amount, name, other_names(name, provider, called))

    def reserve(
        self,
        user: str,
        amount: str | Decimal | Picodollars,
        *,
        hold_id: str | None = None,
        ttl: str | float = DEFAULT_TTL,
        model: str | None = None,
        provider: str | None = None,
        note: str | None = None,
    ) -> Hold:
        """Set `amount` USD aside for a call, for `ttl` at most: seconds, or text as in `90s`, `10m`, `2h`, `7d`.

        Raises `OverBudgetError` when a limit does not allow it; then nothing is changed. The same `hold_id` again
        answers the hold that it made; without one it gets one.
        """
        from budgetctl.ledger.holds import HoldRequest

        request = HoldRequest(
            new_hold_id() if hold_id is None else check_hold(hold_id),
            check_user(user),
            parse_amount(amount),
            parse_ttl(ttl),
            None if model is None else check_model(model),
            None if note is None else check_note(note),
            other_names(model, provider),
        )
        hold = self._store.reserve(request)
        self._touch(hold.user)
        return hold

    def commit(
        self,
        hold_id: str,
        amount: str | Decimal | Picodollars,
        *,
        model: str | None = None,
        usage: Usage | Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> Charge:
        """Record what the call did cost, more or less than was set aside, and let that go.

        The truth is never refused, also when the hold has expired. The same again answers the entry that it made;
        another resolution raises `HoldResolvedError`.
        """
        exact = parse_amount(amount)
        kept = kept_usage(usage)
        name = None if model is None else check_model(model)
        request = ChargeRequest("", exact, model=name, usage=kept, called=other_names(name))
        return self._commit(hold_id, request, kept, note)

    def commit_price(self, hold_id: str, price: Price, *, note: str | None = None) -> Charge:
        """The same for what `budgetctl.pricing` found the call to cost.

        A model whose name no store keeps gives way to the one that the hold was made for: what a provider calls it is
        no reason not to record what it cost.
        """
        usage, called = price.usage.to_json(), other_names(price.model, price.usage.provider)
        model = price.model if price.model is None or is_model(price.model) else None
        request = ChargeRequest("", price.amount, model=model, usage=usage, pricing=price.pricing, called=called)
        return self._commit(hold_id, request, measured(price, usage), note)

    def release(self, hold_id: str) -> Hold:
        """Let go of what was set aside: the call was not made. The same again changes nothing."""
        hold = self._store.release(check_hold(hold_id))
        self._touch(hold.user)
        return hold

    def holds(self, user: str | None = None, *, resolved: bool = False) -> Iterator[Hold]:
        """The holds that count now, oldest first; with `resolved`, all that there ever were."""
        return self._store.holds(None if user is None else check_user(user), resolved=resolved)

    def _commit(
        self, hold_id: str, request: ChargeRequest, measured: Mapping[str, Any] | None, note: str | None
    ) -> Charge:
        name = check_hold(hold_id)
        key = commit_key(name, amount=request.amount, model=request.model, usage=measured)
        charge = self._store.commit(name, request._replace(key=key, note=None if note is None else check_note(note)))
        self._touch(charge.budget.user)
        return charge


def kept_usage(usage: Usage | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A usage as an entry keeps it. Raises `InvalidValueError` for one that no store keeps."""
    stated = usage.to_json() if isinstance(usage, Usage) else usage
    return None if stated is None else check_document(stated, "usage")


def measured(price: Price, usage: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage that a repeated request has to have in common with the first, or None where the amount is compared.

    A stated cost is the request itself: its usage says at most for which model.
    """
    return None if price.pricing.get("source") == "stated" else usage


def other_names(model: Any, provider: str | None = None, called: Sequence[str] = ()) -> tuple[str, ...]:
    """What a model is called beside its name: with its seller, where that is stated; what an alias stands for.

    A name that is none is left out: what a call did cost is not refused for it.
    """
    if not isinstance(model, str):
        return ()
    names = list(called)
    if provider and not model.startswith(f"{provider}/"):
        names.append(f"{provider}/{model}")
    if model.endswith("latest"):
        from budgetctl.pricing.prices.catalog import target_of

        names.append(target_of(model, provider) or model)
    others = [name for name in dict.fromkeys(names) if name != model and is_model(name)]
    return tuple(others[:MAX_CALLED])


def new_hold_id() -> str:
    """A name that no hold has."""
    import secrets

    return secrets.token_hex(8)
