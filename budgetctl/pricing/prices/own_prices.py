"""The user's own prices, which go before all others: `prices.toml` in the configuration directory.

    [models."my-model"]
    per = 1000000   # tokens that a price is for
    input = 2.5     # USD
    output = 10

Exact: rates are integers of picodollars for so many tokens, and a price is rounded once, half to even.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from budgetctl.errors import CannotPriceError, InvalidValueError
from budgetctl.files.opening import read_regular
from budgetctl.files.replacing import replace
from budgetctl.ledger.values import Price, Usage
from budgetctl.money import Picodollars, divide_half_even, from_number, to_float, to_text
from budgetctl.pricing.prices import price_files
from budgetctl.pricing.prices.price_files import PriceFiles

PER = 1_000_000
"""The number of tokens that a rate is for unless it is stated, as in providers' price lists."""

MAX_PER = 10**9

WEB_SEARCH = "web_search"

_MAX_BYTES = 16 * 2**20

RATES: dict[str, tuple[str, str | None]] = {
    "input": ("uncached_input", None),
    "output": ("text_output", None),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write_5m", "input"),
    "cache_write_1h": ("cache_write_1h", "cache_write"),
    "audio_input": ("audio_input", "input"),
    "image_input": ("image_input", "input"),
    "reasoning": ("reasoning", "output"),
    "audio_output": ("audio_output", "output"),
    "image_output": ("image_output", "output"),
}
"""The rates that may be set: the count of `Usage` that each is for, and the rate that stands in for one not set."""

_PRICED_AS = {
    "cache_write_12h": "cache_write_1h",
    "explicit_cache_read": "cache_read",
    "audio_cache_read": "cache_read",
    "image_cache_read": "cache_read",
    "video_input": "input",
    "video_output": "output",
    "citations": "input",
}
"""Counts of `Usage` that have no rate of their own, and the rate that they have."""

_WITHOUT_RATE = ("maps_searches", "file_searches", "code_sessions", "audio_seconds", "images")

_HEADER = b"# Prices in US dollars, which go before litellm's. `budgetctl prices set` writes this file anew.\n\n"


class OwnPrice(NamedTuple):
    """The user's own price of a model: USD for `per` tokens of each kind, and for one web search."""

    model: str
    rates: Mapping[str, Picodollars]
    per: int = PER
    web_search: Picodollars | None = None

    def price(self, usage: Usage) -> Price:
        """The price of a usage. Raises `CannotPriceError` for tokens of a kind without a rate."""
        kinds = {kind: name for name, (kind, _) in RATES.items()} | _PRICED_AS
        total = sum(
            getattr(usage, kind) * self._rate(name, usage) for kind, name in kinds.items() if getattr(usage, kind)
        )
        if usage.unexplained:
            total += usage.unexplained * max(rate for name, rate in self.rates.items() if name in {"input", "output"})
        amount = divide_half_even(total, self.per)
        if usage.web_searches:
            if self.web_search is None:
                raise self._lacks(WEB_SEARCH, usage)
            amount += usage.web_searches * self.web_search
        pricing = self.snapshot()
        unpriced = [name for name in _WITHOUT_RATE if getattr(usage, name)]
        if unpriced:
            pricing["unpriced"] = unpriced
        return Price(Picodollars(amount), usage, usage.model, pricing)

    def _rate(self, name: str, usage: Usage) -> Picodollars:
        """The rate of that name, or of the one that stands in for it."""
        wanted: str | None = name
        while wanted is not None:
            if wanted in self.rates:
                return self.rates[wanted]
            wanted = RATES[wanted][1]
        raise self._lacks(name, usage)

    def stated(self) -> dict[str, Picodollars]:
        """All rates that are set, by name."""
        return {**self.rates, **({} if self.web_search is None else {WEB_SEARCH: self.web_search})}

    def snapshot(self) -> dict[str, Any]:
        """The price as it is kept with an entry."""
        rates = {name: to_float(rate) for name, rate in self.stated().items()}
        return {"source": "user", "key": self.model, "per": self.per, "rates": rates}

    def _lacks(self, name: str, usage: Usage) -> CannotPriceError:
        option = name.replace("_", "-")
        return CannotPriceError(
            f"your own price of {self.model} has no rate for --{option}, and this used some",
            hint=f"set it with the others: budgetctl prices set {self.model} … --{option} USD",
            usage=usage,
        )


def find(model: str, provider: str | None = None) -> OwnPrice | None:
    """The user's own price of a model: under its name, or with a provider under `provider/name` before that."""
    return find_in(price_files.seen(), model, provider)


def find_in(files: PriceFiles, model: str, provider: str | None) -> OwnPrice | None:
    """The same, by the files as they were seen."""
    if files.own_state is None:
        return None
    prices = _load(files)
    return (prices.get(f"{provider}/{model}") if provider else None) or prices.get(model)


def load() -> Mapping[str, OwnPrice]:
    """All of the user's own prices. Raises `InvalidValueError` for a file that is not right."""
    return _load(price_files.seen())


def save(price: OwnPrice) -> OwnPrice | None:
    """Set a model's price in place of all that was set for it, and return that."""
    return _change(price.model, price)


def remove(model: str) -> OwnPrice | None:
    """Remove a model's price, and return it; None if there was none."""
    return _change(model, None)


def own_price(model: str, rates: Mapping[str, Any], per: Any = PER) -> OwnPrice:
    """A price from numbers or texts of USD by the names of `RATES`, or `web_search`. Raises `InvalidValueError`."""
    if isinstance(per, bool) or not isinstance(per, int) or not 1 <= per <= MAX_PER:
        raise InvalidValueError(f"per is {per!r}: give the number of tokens that a price is for, from 1 to 10⁹")
    unknown = [name for name in rates if name not in RATES and name != WEB_SEARCH]
    if unknown:
        raise InvalidValueError(f"{unknown[0]!r} is no rate: there are {', '.join([*RATES, WEB_SEARCH])}")
    amounts = {}
    for name, value in rates.items():
        try:
            amounts[name] = from_number(value)
        except InvalidValueError as error:
            raise InvalidValueError(f"{name}: {error.message}") from error
    web_search = amounts.pop(WEB_SEARCH, None)
    if "input" not in amounts and "output" not in amounts:
        raise InvalidValueError("a price needs a rate of input or of output")
    return OwnPrice(model, amounts, per, web_search)


def _change(model: str, price: OwnPrice | None) -> OwnPrice | None:
    path = price_files.seen().own
    with price_files.locked(path):
        price_files.forget()
        prices = dict(load())
        before = prices.pop(model, None)
        if price is not None:
            prices[model] = price
        if before != price:
            _write(path, prices)
    return before


def _write(path: Path, prices: Mapping[str, OwnPrice]) -> None:
    from decimal import Decimal

    import tomli_w

    tables = {
        model: {"per": price.per, **{name: Decimal(to_text(rate)) for name, rate in price.stated().items()}}
        for model, price in sorted(prices.items())
    }
    replace(path, _HEADER + tomli_w.dumps({"models": tables}).encode())


@functools.lru_cache(maxsize=1)
def _load(files: PriceFiles) -> Mapping[str, OwnPrice]:
    if files.own_state is None:
        return {}
    import tomllib
    from decimal import Decimal

    try:
        document = tomllib.loads(read_regular(files.own, _MAX_BYTES).decode(), parse_float=Decimal)
    except OSError as error:
        raise InvalidValueError(f"your prices cannot be read: {files.own}: {error.strerror}") from error
    except ValueError as error:  # also of text that is not UTF-8
        raise InvalidValueError(f"{files.own} is not TOML: {error}") from error
    tables = document.get("models", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise InvalidValueError(f'{files.own}: a price is a table [models."NAME"]')
    return {model: _read(files.own, model, table) for model, table in tables.items()}


def _read(path: Path, model: str, table: Mapping[str, Any]) -> OwnPrice:
    try:
        return own_price(model, {name: value for name, value in table.items() if name != "per"}, table.get("per", PER))
    except InvalidValueError as error:
        raise InvalidValueError(f'{path}: [models."{model}"] {error.message}') from error
