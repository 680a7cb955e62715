"""Every error that budgetctl raises on purpose.

An error says what was wrong, with which value, and (`hint`) what to do next. Each class carries the code word
that JSON output shows and the exit code of the command line, so that text and code are mapped in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Decision
    from budgetctl.ledger.values import Usage


class BudgetctlError(Exception):
    """Something went wrong that the caller can understand."""

    code = "failure"
    exit_code = 1
    place: int | None = None
    """The place, from 0 on, of the request that it is about, where many were made at once."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint is not None:
            self.add_note(f"try: {hint}")  # which a traceback shows, and the message has not

    def __str__(self) -> str:
        """The message alone: `KeyError` would show its repr."""
        return self.message


class InvalidValueError(BudgetctlError, ValueError):
    """A value that was passed in is not acceptable; nothing was changed."""

    code = "invalid"
    exit_code = 2


class InvalidResponseError(InvalidValueError):
    """A document that was given as a provider's response is none, or contradicts itself."""

    code = "invalid_response"


class ProviderError(InvalidResponseError):
    """The document is a provider's error in place of an answer: it states nothing that was used."""

    code = "provider_error"


class NotFoundError(BudgetctlError, KeyError):
    """The thing that was named does not exist."""

    code = "not_found"
    exit_code = 4


class UnknownUserError(NotFoundError):
    """No budget of that name in the project."""

    code = "unknown_user"


class UnknownProjectError(NotFoundError):
    """No store holds a project of that name."""

    code = "unknown_project"


class AlreadyExistsError(BudgetctlError):
    """A budget of that name is there already."""

    code = "exists"


class KeyConflictError(BudgetctlError):
    """An idempotency key was used before, for a different request."""

    code = "key_conflict"


class UnknownHoldError(NotFoundError):
    """No hold of that id in the project."""

    code = "unknown_hold"


class HoldResolvedError(BudgetctlError):
    """The hold was resolved before, in another way."""

    code = "hold_resolved"


class OverBudgetError(BudgetctlError):
    """The cost is not allowed now; nothing was set aside. `decision` has the limit that refuses it."""

    code = "denied"
    exit_code = 3

    def __init__(self, message: str, decision: Decision, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or "wait, ask for less, or raise the limit")
        self.decision = decision


class StoreUnavailableError(BudgetctlError):
    """The store cannot be reached, opened or written; trying again may help."""

    code = "unreachable"
    exit_code = 5


class StoreBusyError(StoreUnavailableError):
    """Other writers held the store for longer than the caller was willing to wait."""

    code = "busy"


class ClockError(BudgetctlError):
    """The clock is years ahead of all times in the ledger; nothing was rolled, let go or changed."""

    code = "clock"


class NotAuthorisedError(BudgetctlError):
    """A server does not know the token, or does not allow its holder this."""

    code = "not_authorised"
    exit_code = 7


class CorruptStoreError(BudgetctlError):
    """The file is not a budgetctl store, or is damaged. It was left as it is."""

    code = "corrupt"


class NewerStoreError(BudgetctlError):
    """The store was written by a newer budgetctl. It was left as it is."""

    code = "newer_store"


class CannotRunError(BudgetctlError):
    """The command that was to be run was found, but the system cannot run it."""

    code = "cannot_run"
    exit_code = 126


class CommandNotFoundError(CannotRunError):
    """The command that was to be run does not exist."""

    code = "command_not_found"
    exit_code = 127


class CannotPriceError(BudgetctlError):
    """Nobody knows what this call costs; nothing was recorded.

    `usage` has the call's counts, where they are known: they can be recorded without a price.
    """

    code = "cannot_price"
    exit_code = 6

    def __init__(self, message: str, *, hint: str | None = None, usage: Usage | None = None) -> None:
        super().__init__(message, hint=hint)
        self.usage = usage
