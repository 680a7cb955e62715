"""`budgetctl estimate`."""

from __future__ import annotations

from budgetctl.cli import options
from budgetctl.cli.prompting import PromptOptions, estimate_of
from budgetctl.cli.session import Session
from budgetctl.cli.views.charges import estimate_document, estimated


def estimate(
    session: Session,
    user: options.OptionalUser = None,
    *,
    prompt: PromptOptions,
) -> None:
    """Say what a call would cost, and what a user would then have spent. Nothing is recorded.

    $ budgetctl estimate --model gpt-4o --input-text Hi --max-output-tokens 500
    $ budgetctl estimate alice --model gpt-4o --input-file prompt.txt
    $ budgetctl estimate alice --messages request.json

    --messages takes a list of chat messages, or a whole request as it would be sent: then its model and its longest
    answer (max_tokens) count unless they are given. Tools that a request defines are not counted.
    """
    budget = None if user is None else session.manager.budget(user)
    price = estimate_of(prompt)
    session.output.document(estimate_document(price, budget), lambda: estimated(price, budget))
