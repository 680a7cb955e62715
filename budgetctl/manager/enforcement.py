"""Enforcement of limits: asking before a cost, and setting money aside before a call. Part of `BudgetManager`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.identities import Identity, identities_of, identity_digests
from budgetctl.ledger.keys import commit_key, response_key
from budgetctl.ledger.store import ChargeRequest, CommitRequest, ReleaseRequest, Request, Store
from budgetctl.ledger.values import Charge, Price, Usage
from budgetctl.money import ZERO, Picodollars, parse_amount
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
    """Permission in two phases: a hold counts against the limits until it is resolved, or has expired."""

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
        """The price of a prompt (text, or chat messages as they are sent) and of so many output tokens.

        Nothing is recorded. Raises `CannotPriceError` without a price.
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

        A limit for some models is looked at when its pattern means the `model`, also as its seller has it (`provider`),
        or one of its other names (`called`: at most eight, as of the deployments behind an alias). With a `prompt`
        (text or chat messages) for a `model`, the cost is its price. Raises `CannotPriceError` without a price.
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
        amount: str | Decimal | Picodollars | None = None,
        *,
        at_most: str | Decimal | Picodollars | None = None,
        at_least: str | Decimal | Picodollars | None = None,
        hold_id: str | None = None,
        ttl: str | float = DEFAULT_TTL,
        model: str | None = None,
        provider: str | None = None,
        note: str | None = None,
    ) -> Hold:
        """Set `amount` USD aside for a call, for `ttl` at most: seconds, or text as in `90s`, `10m`, `2h`, `7d`.

        With `at_most` in place of the amount, as much as all limits have left, up to so many USD: the hold's `amount`
        says how much that is. `at_least` USD of it have to be there, by default anything above nothing.

        Raises `OverBudgetError` when a limit does not allow it; then nothing is changed. The same `hold_id` again
        answers the hold of the first time. Without a `hold_id`, the hold gets a new one.
        """
        from budgetctl.ledger.holds import HoldRequest, check_request

        wanted = amount if at_most is None else at_most
        if wanted is None or None not in (amount, at_most):
            raise InvalidValueError("give an amount, or at most an amount, and not both")
        if at_least is not None and at_most is None:
            raise InvalidValueError("at least an amount goes with at most an amount", hint="say how much at most, too")
        least = None if at_most is None else ZERO if at_least is None else parse_amount(at_least)
        request = HoldRequest(
            new_hold_id() if hold_id is None else check_hold(hold_id),
            check_user(user),
            parse_amount(wanted),
            parse_ttl(ttl),
            None if model is None else check_model(model),
            None if note is None else check_note(note),
            other_names(model, provider),
            least,
        )
        hold = self._store.reserve(check_request(request))
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
        """Record the cost of a call, in USD, and let its hold go. It may be more or less than the hold.

        The truth is never refused, also when the hold has expired. The same commit again answers the entry of the first
        time; another one, or a commit after a release, raises `HoldResolvedError`.
        """
        exact = parse_amount(amount)
        kept = kept_usage(usage)
        name = None if model is None else check_model(model)
        request = ChargeRequest("", exact, model=name, usage=kept, called=other_names(name))
        name, charge = _commit_of(hold_id, request, kept, note)
        return self._charged(self._store.commit(name, charge))

    def commit_price(self, hold_id: str, price: Price, *, note: str | None = None) -> Charge:
        """Commit a price that `budgetctl.pricing` has found, as `commit` does an amount.

        A model whose name no store keeps gives way to the model of the hold: a provider's odd name is no reason not to
        record a cost. A call for which somebody was charged already, by its id, only lets the hold go.
        """
        name, charge = _commit_of(hold_id, *_committed(price), note)
        return self._charged(self._store.commit(name, charge))

    def commit_prices(self, hold: Hold, prices: Sequence[Price], *, note: str | None = None) -> list[Charge]:
        """Commit one of several prices, and charge the others to the user of the hold, each call once.

        All of them are recorded or none, but on a server, which records all that it can. Each has an entry of its own.
        A commit would record a response again that only its usage tells from others: where all are of that kind, they
        are charged, and the hold is released.
        """
        kept = None if note is None else check_note(note)
        requests: list[Request] = [charge_of(hold.user, each, once=True)._replace(note=kept) for each in prices]
        for place, price in enumerate(prices):
            if price.usage.request_id is None or identities_of(price.usage):
                requests[place] = CommitRequest(*_commit_of(hold.hold_id, *_committed(price), note))
                break
        else:
            requests.append(ReleaseRequest(hold.hold_id))
        answers = self._store.apply_all(requests)
        return [self._charged(answer) for answer in answers if isinstance(answer, Charge)]

    def release(self, hold_id: str) -> Hold:
        """Let the hold of a call go that was not made. The same again changes nothing."""
        hold = self._store.release(check_hold(hold_id))
        self._touch(hold.user)
        return hold

    def holds(self, user: str | None = None, *, resolved: bool = False) -> Iterator[Hold]:
        """The holds that count now, oldest first; with `resolved`, also those that have ended."""
        return self._store.holds(None if user is None else check_user(user), resolved=resolved)

    def _charged(self, charge: Charge) -> Charge:
        self._touch(charge.budget.user)
        return charge


def charge_of(
    user: str,
    price: Price,
    *,
    once: bool,
    called: Sequence[str] = (),
    at_us: int | None = None,
    identities: Sequence[Identity] = (),
) -> ChargeRequest:
    """The request that records a price: see `BudgetManager.charge_price`."""
    return ChargeRequest(
        user,
        price.amount,
        model=price.model,
        usage=price.usage.to_json(),
        pricing=price.pricing,
        key=response_key(price.usage) if once else None,
        called=other_names(price.model, price.usage.provider, called),
        at_us=at_us,
        identities=identity_digests((*identities, *identities_of(price.usage))),
        is_again=not (once or identities),
    )


def _committed(price: Price) -> tuple[ChargeRequest, Mapping[str, Any] | None]:
    """The charge of a commit, and the usage by which the same commit is known again."""
    charge = charge_of("", price, once=True)
    usable = price.model is None or is_model(price.model)
    charge = charge._replace(model=price.model if usable else None, key=None)
    return charge, measured(price, charge.usage or {})


def _commit_of(
    hold_id: str, charge: ChargeRequest, measured: Mapping[str, Any] | None, note: str | None
) -> tuple[str, ChargeRequest]:
    """The hold's name, and the charge with its key."""
    name = check_hold(hold_id)
    key = commit_key(name, amount=charge.amount, model=charge.model, usage=measured)
    return name, charge._replace(key=key, note=None if note is None else check_note(note))


def kept_usage(usage: Usage | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A usage as an entry keeps it. Raises `InvalidValueError` for one that no store keeps."""
    stated = usage.to_json() if isinstance(usage, Usage) else usage
    return None if stated is None else check_document(stated, "usage")


def measured(price: Price, usage: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage by which a repeated request is told from another one, or None where the amount tells it.

    A stated cost is the request itself: its usage says at most for which model.
    """
    return None if price.pricing.get("source") == "stated" else usage


def other_names(model: Any, provider: str | None = None, called: Sequence[str] = ()) -> tuple[str, ...]:
    """The other names of a model: with its seller, where that is stated; and the model that an alias stands for.

    Text that cannot be a name is left out: a call's cost is not refused for it.
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
    """A random name for a hold: 16 hexadecimal digits."""
    import secrets

    return secrets.token_hex(8)
