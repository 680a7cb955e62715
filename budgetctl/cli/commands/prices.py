"""`budgetctl prices`."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

import typer

from budgetctl.cli import options
from budgetctl.cli.reading import read_text
from budgetctl.cli.session import Session
from budgetctl.cli.views.prices import (
    PRICE_COLUMNS,
    PRICE_FIELDS,
    map_changed,
    map_document,
    own_price,
    own_price_document,
    price_sources,
    price_sources_document,
    proved,
    proving_document,
    quote_document,
    quoted,
    scaled_prices,
)
from budgetctl.errors import InvalidValueError, NotFoundError
from budgetctl.money import Picodollars, parse_amount
from budgetctl.names import check_model

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}

ModelName = Annotated[str, typer.Argument(metavar="MODEL", show_default=False, help="The model, as responses name it.")]


def _tokens(text: str) -> int:
    """The number of tokens in a text: `1M`, `1K`, `1`."""
    match = re.fullmatch(r"(\d{1,9})([km]?)", text.lower(), re.ASCII)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a number of tokens, as 1M, 1K or 1")
    return int(match[1]) * _UNITS[match[2]]


def _rate(name: str, what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(f"--{name}", metavar="USD", help=what)
    return option


def _amount(name: str, value: str) -> Picodollars:
    try:
        return parse_amount(value)
    except InvalidValueError as error:
        raise InvalidValueError(f"--{name.replace('_', '-')}: {error.message}") from error


class Rates(NamedTuple):
    """The rates of a model, in US dollars for `--per` tokens."""

    input: Annotated[str | None, _rate("input", "Of tokens sent.")] = None
    output: Annotated[str | None, _rate("output", "Of tokens that come back.")] = None
    cache_read: Annotated[str | None, _rate("cache-read", "Of tokens read from the cache; else --input.")] = None
    cache_write: Annotated[str | None, _rate("cache-write", "Of tokens written to it; else --input.")] = None
    cache_write_1h: Annotated[
        str | None, _rate("cache-write-1h", "Of those that stay for an hour; else --cache-write.")
    ] = None
    reasoning: Annotated[str | None, _rate("reasoning", "Of reasoning; else --output.")] = None
    audio_input: Annotated[str | None, _rate("audio-input", "Of audio sent; else --input.")] = None
    audio_output: Annotated[str | None, _rate("audio-output", "Of audio that comes back; else --output.")] = None
    image_input: Annotated[str | None, _rate("image-input", "Of images sent; else --input.")] = None
    image_output: Annotated[str | None, _rate("image-output", "Of images that come back; else --output.")] = None
    web_search: Annotated[str | None, _rate("web-search", "Of one web search.")] = None

    def amounts(self) -> dict[str, Picodollars]:
        """The rates that were given, by name. Raises `InvalidValueError`, with the name of the option."""
        return {name: _amount(name, value) for name, value in self._asdict().items() if value is not None}


def set_price(
    session: Session,
    model: ModelName,
    *,
    stated: Rates,
    per: Annotated[
        int | None, typer.Option("--per", metavar="N", parser=_tokens, help="Tokens that a price is for; 1M.")
    ] = None,
) -> None:
    """Set your own price of a model.

    $ budgetctl prices set my-model --input 2.5 --output 10
    $ budgetctl prices set openai/my-model --input 0.0025 --output 0.01 --per 1K

    It goes before litellm's, in place of all that was set for the model before. PROVIDER/MODEL is for calls with
    that --provider. Charges that were made keep their prices: budgetctl reprice corrects them.
    """
    from budgetctl.pricing.prices import own_prices, quotes

    rates = stated.amounts()
    if "input" not in rates and "output" not in rates:
        raise InvalidValueError("no price was given", hint=f"budgetctl prices set {model} --input 2.5 --output 10")
    price = own_prices.own_price(check_model(model), rates, own_prices.PER if per is None else per)
    before = own_prices.save(price)
    if doubt := quotes.doubt(price):
        session.warnings.append(doubt)
    session.output.document(own_price_document(price), lambda: own_price(price, before))


def remove(session: Session, model: ModelName) -> None:
    """Remove your own price of a model.

    $ budgetctl prices remove my-model

    litellm's holds again, where there is one.
    """
    from budgetctl.pricing.prices import own_prices

    before = own_prices.remove(model)
    if before is None:
        raise NotFoundError(f"you have set no price of {model!r}", hint="budgetctl prices list")
    session.output.document(own_price_document(before), lambda: f"{model}: your own price is removed")


def update(
    session: Session,
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="From a file, or - for stdin.")] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="From an address. [env: LITELLM_MODEL_COST_MAP_URL]")
    ] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Go back to the map that litellm ships.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also one whose prices do not look right.")] = False,
    dry_run: options.DryRun = False,
) -> None:
    """Put a newer price map in force.

    $ budgetctl prices update
    $ budgetctl prices update --file model_prices_and_context_window.json

    litellm's newest, or one from a file or an address. It is held against the one in force, and not taken where what
    has a price would be free, or many would have none or cost a hundred times more or less.
    """
    if sum((file is not None, url is not None, shipped)) > 1:
        raise InvalidValueError("give one of --file, --url and --shipped")
    from budgetctl.pricing.prices import map_update, price_map

    if shipped:
        entries = map_update.shipped()
    else:
        entries = map_update.check(map_update.fetch(url) if file is None else read_text(file), is_forced=force)
    changes = map_update.compare(entries)
    if not dry_run:
        map_update.put_in_force(None if shipped else entries)
    if changes.scaled:
        session.warnings.append(scaled_prices(changes))
    document = map_document(changes, price_map.in_force(), dry_run=dry_run)
    session.output.document(document, lambda: map_changed(changes, dry_run=dry_run))


def path(session: Session) -> None:
    """Say which files prices come from.

    $ budgetctl prices path
    """
    from budgetctl.pricing.prices.quotes import sources

    found = sources()
    session.output.document(price_sources_document(found), lambda: price_sources(found))


def prove(
    session: Session,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="MODEL", help="One that you use. May be given again.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All that litellm's map prices by the token; takes minutes.")
    ] = False,
) -> None:
    """Prove prices ahead of time, under a newer litellm.

    $ budgetctl prices prove --model gpt-4o --model claude-sonnet-4-5
    $ budgetctl prices prove --all

    Where litellm is newer than this release, the first charge of a model asks it whether it still prices as is worked
    out here, and waits for its import. This does so before, as when an image is built. What is proven is kept in the
    cache directory. Under a litellm whose rules this release knows there is nothing to prove.
    """
    if bool(model) == all_:
        raise InvalidValueError("say which models: give --model MODEL, or --all")
    named = [check_model(name) for name in model or ()]
    from budgetctl.pricing.prices import quotes

    proven: list[str] = []
    asked: list[str] = []
    if quotes.trust().by != "digest":
        from budgetctl.pricing.prices import proving

        names = proving.known(named) if named else proving.provable()
        with session.progress("proving", keeps=True) as progress:
            proven, asked = proving.prove_all(progress.count(names, "models", len(names)))
    trust = quotes.trust()
    session.output.document(proving_document(trust, proven, asked), lambda: proved(trust, proven, asked))


def show(session: Session, model: ModelName, provider: options.Provider = None) -> None:
    """Show what a model costs, and who says so.

    $ budgetctl prices show gpt-4o
    """
    from budgetctl.pricing.prices.quotes import quote

    found = quote(model, provider)
    session.output.document(quote_document(found), lambda: quoted(found))


def list_prices(
    session: Session,
    search: Annotated[
        str | None, typer.Option("--search", metavar="WORDS", help="Only models whose name has each of these words.")
    ] = None,
    max_: options.Max = None,
) -> None:
    """List the prices in force, your own first.

    $ budgetctl prices list --search "claude sonnet"

    In USD for a million tokens.
    """
    import itertools

    from budgetctl.pricing.prices.quotes import quotes

    found = itertools.islice(quotes(search or ""), max_)
    if not session.output.documents(map(quote_document, found), PRICE_COLUMNS, PRICE_FIELDS):
        session.note(f"no model has {search!r} in its name")


prices = {
    "set": set_price,
    "remove": remove,
    "update": update,
    "path": path,
    "prove": prove,
    "show": show,
    "list": list_prices,
}
