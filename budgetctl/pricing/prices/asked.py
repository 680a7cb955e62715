"""Prices and numbers of tokens by litellm, where it has to be asked. The entry is proven on that occasion."""

from __future__ import annotations

from collections.abc import Callable

from budgetctl.ledger.values import Price, Usage
from budgetctl.pricing.litellm import asking, litellm_rules
from budgetctl.pricing.prices import catalog, price_files, proofs


def ask(usage: Usage, *, as_counts: bool = False) -> Price:
    """The price by litellm. Under rules that this release does not know, the cell of the usage is proven as well.

    A cell is proven once, in a process that has imported litellm for a price: the import takes longer than all the
    questions. Programs that have imported litellm themselves do not wait for a proof. Raises `CannotPriceError`.
    """
    price = (asking.price_counts if as_counts else asking.price_usage)(usage)
    if not litellm_rules.is_trusted() and asking.is_imported_here():
        from budgetctl.pricing.prices import proving

        files, model = price_files.seen(), usage.model or ""
        proving.prove_once(files, model, usage.provider, None if as_counts else proofs.said_by(usage))
        listing = catalog.find_in(files, model, usage.provider)
        if listing is None or listing.off_peak is not None or listing.price(usage, as_counts=as_counts) is None:
            return price  # which no release works out
        if not proofs.covers(files, listing, usage, as_counts=as_counts):
            proving.warn_once_a_day()
    return price


def ask_for_tokens(model: str, question: Callable[[], int]) -> int:
    """The number of tokens that litellm answers. Its way of counting for the model is proven as well."""
    count = question()
    if not litellm_rules.is_trusted() and asking.is_imported_here():
        from budgetctl.pricing.prices import proving

        proving.prove_tokens_once(price_files.seen(), model)
    return count
