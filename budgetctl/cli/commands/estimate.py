"""`budgetctl estimate`."""

from __future__ import annotations

from budgetctl.cli import options
from budgetctl.cli.prompting import PromptOptions, estimate_of
from budgetctl.cli.session import Session
from budgetctl.cli.views.charges import estimate_document, estimated
from budgetctl.money import to_text


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
    $ budgetctl estimate --messages request.json --quiet

    --messages takes a list of chat messages, or a whole request as it would be sent: then its model and its longest
    answer (max_tokens) count unless they are given. Tools that a request defines are not counted.
    --quiet prints the amount alone.
    """
    budget = None if user is None else session.manager.budget(user)
    price = estimate_of(prompt)
    quiet = session.output.quiet
    session.output.document(
        estimate_document(price, budget),
        lambda: to_text(price.amount) if quiet else estimated(price, budget),
        is_needed=True,
    )
