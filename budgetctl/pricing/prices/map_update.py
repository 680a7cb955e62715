"""Updates of the price map: a newer one is checked, and then put in force as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from budgetctl.errors import BudgetctlError, InvalidValueError, StoreUnavailableError
from budgetctl.files.replacing import replace
from budgetctl.pricing.prices import price_files, price_map
from budgetctl.pricing.prices.map_doubts import amounts, doubts
from budgetctl.pricing.prices.price_map import NOT_MODELS, PriceMap
from budgetctl.pricing.rules.batch_prices import is_number
from budgetctl.pricing.rules.cost import token_rates

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from budgetctl.bounded_http import Bounds

PUBLISHED = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json"
"""The address of the newest map of litellm's project, from which litellm itself would fetch it."""

_URL_VARIABLE = "LITELLM_MODEL_COST_MAP_URL"
"""The environment variable by which litellm's users name another place."""

_TIMEOUT_S = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Entries = Mapping[str, Mapping[str, Any]]


class Changes(NamedTuple):
    """The differences of a map to the one in force: names of models, and the number of models in the new one.

    `scaled` are models that would cost a hundred times more or less, each with such a price before and after.
    """

    models: int
    added: list[str]
    removed: list[str]
    repriced: list[str]
    scaled: list[str]


def fetch(url: str | None = None, *, timeout_s: float = _TIMEOUT_S) -> str:
    """The text at an address, by default that of litellm's newest map. It has to come as a whole in so many seconds.

    Raises `InvalidValueError` for an address that is not https, and `StoreUnavailableError`.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import build_opener

    from budgetctl.bounded_http import Bounds, read_body

    url = url or os.environ.get(_URL_VARIABLE) or PUBLISHED
    if not _is_safe(url):
        raise InvalidValueError(
            f"a price map is fetched by https, not from {urlsplit(url).scheme or 'no scheme'}://{_host(url)}",
            hint="save it yourself and give it with --file",
        )
    bounds = Bounds(timeout_s, price_map.MAX_BYTES)
    try:
        with build_opener(_redirects(), *_handlers(bounds)).open(url, timeout=timeout_s) as answer:
            content = read_body(answer)
    except HTTPError as error:
        error.close()
        raise _unavailable(url, error) from error
    except (OSError, ValueError, HTTPException) as error:
        raise _unavailable(url, getattr(error, "reason", error)) from error
    return content.decode(errors="replace")


def check(text: str, *, is_forced: bool = False) -> dict[str, dict[str, Any]]:
    """The models of a map. Raises `InvalidValueError` for a text that is no map.

    Unless `is_forced`, it raises for a map that cannot be right if the one in force is: see `map_doubts`.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"this is not a price map: it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidValueError("this is not a price map: it is no object of models")
    entries = {key: entry for key, entry in document.items() if key not in NOT_MODELS}
    try:
        for key, entry in entries.items():
            _check_entry(key, entry)
    except RecursionError as error:
        raise InvalidValueError("this is not a price map: its entries are nested too deep") from error
    for entry in list(entries.values()):
        for alias in entry.pop("aliases", None) or ():
            entries.setdefault(alias, entry)
    reasons = [] if is_forced else doubts(_before(), entries).reasons
    if reasons:
        raise InvalidValueError(
            f"this map was not taken: {'; '.join(reasons)}", hint="if it is right all the same, add --force"
        )
    return entries


def compare(entries: Entries) -> Changes:
    """The changes if these entries were in force."""
    before = _before()
    return Changes(
        models=len(entries),
        added=sorted(entries.keys() - before.keys()),
        removed=sorted(before.keys() - entries.keys()),
        repriced=sorted(
            key for key in entries.keys() & before.keys() if token_rates(entries[key]) != token_rates(before[key])
        ),
        scaled=doubts(before, entries).scaled,
    )


def put_in_force(entries: Entries | None) -> None:
    """Have these entries in force from now on; with None, those of the map that litellm ships."""
    path = price_files.seen().map
    with price_files.locked(path):
        if entries is None:
            path.unlink(missing_ok=True)
        else:
            # As litellm's own file is written, so that one entry is found without parsing the rest.
            replace(path, json.dumps(entries, indent=4).encode())


def shipped() -> dict[str, dict[str, Any]]:
    """The models of the map that litellm ships."""
    return _required().load()


def _required() -> PriceMap:
    shipped = price_map.shipped()
    if shipped is None or not shipped.has_known_rules:
        raise BudgetctlError(
            "the installed litellm is too old, or is none that budgetctl knows: its own map is used",
            hint="pip install --upgrade litellm",
        )
    return shipped


def _before() -> dict[str, dict[str, Any]]:
    """The models of the map in force."""
    in_force = price_map.in_force()
    return shipped() if in_force is None else in_force.load()


def _check_entry(key: str, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise InvalidValueError(f"this is not a price map: {key[:80]!r} is no object of prices")
    for name, value in amounts(entry):
        if not is_number(value) or not 0 <= value < float("inf"):
            raise InvalidValueError(
                f"this map is not right: {name} of {key[:80]!r} is {value!r:.80}, which is no price"
            )
    aliases = entry.get("aliases")
    if aliases is not None and not (isinstance(aliases, list) and all(isinstance(alias, str) for alias in aliases)):
        raise InvalidValueError(f"this map is not right: the aliases of {key[:80]!r} are no list of names")


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can change the answer of an address."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _host(url: str) -> str:
    """The part of an address that may be shown: the rest may hold a password or a token."""
    return urlsplit(url).hostname or "there"


def _unavailable(url: str, reason: object) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"the price map cannot be fetched from {_host(url)}: {reason}",
        hint="try again, or save it yourself and give it with --file",
    )


def _handlers(bounds: Bounds) -> list[Any]:
    """The handlers that open connections. All share the bounds, as an address may lead to others."""
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.request import HTTPHandler, HTTPSHandler

    from budgetctl.bounded_http import bound

    def within(kind: type[HTTPConnection]) -> Callable[..., HTTPConnection]:
        def connect(host: str, **options: Any) -> HTTPConnection:
            connection = kind(host, **options)
            bound(connection, bounds)
            return connection

        return connect

    class Plain(HTTPHandler):
        def http_open(self, req: Any) -> Any:
            return self.do_open(within(HTTPConnection), req)

    class Secure(HTTPSHandler):
        def https_open(self, req: Any) -> Any:
            return self.do_open(within(HTTPSConnection), req)

    return [Plain, Secure]


def _redirects() -> Any:
    from urllib.request import HTTPRedirectHandler

    class Redirects(HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            """Follow to where one may be sent; otherwise the answer counts as an error."""
            if not _is_safe(newurl):
                return None
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return Redirects
