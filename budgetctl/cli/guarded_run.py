"""Running a command inside a budget: its hold, its environment, and the charge that its report leads to."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from budgetctl.cli.problems import tell, warn
from budgetctl.cli.session import Session
from budgetctl.errors import (
    BudgetctlError,
    CannotPriceError,
    CannotRunError,
    CommandNotFoundError,
    HoldResolvedError,
    InvalidResponseError,
    InvalidValueError,
    ProviderError,
)
from budgetctl.stores.location import is_database, is_server

if TYPE_CHECKING:
    from budgetctl.cli.costs import CostOptions
    from budgetctl.cli.several import Several
    from budgetctl.ledger.holds import Hold
    from budgetctl.ledger.values import Budget, Charge, Price
    from budgetctl.manager.guarding import GuardedCall
    from budgetctl.money import Picodollars

_RESPONSE = re.compile(r"""\s*(?:[{\["]|data:|event:|id:|retry:|:)""")
"""The beginnings of saved responses and streams, which no amount has."""


class Wanted(NamedTuple):
    """The payer of a command, and the hold that is wanted while it runs.

    `amount` is in US dollars; without one, nothing is set aside. The charge gets the note, and the model where the
    report names none; `provider` is who sells that.
    """

    user: str
    amount: str | Picodollars | None = None
    ttl: str | None = None
    model: str | None = None
    provider: str | None = None
    note: str | None = None
    hold_id: str | None = None


class _Guard(NamedTuple):
    """The payer of a command, and the guarded call that has money set aside for it, None where none has."""

    user: str
    call: GuardedCall | None
    model: str | None
    note: str | None

    @property
    def hold(self) -> Hold | None:
        """The hold, None where no money is set aside."""
        return None if self.call is None else self.call.hold


class _ChargedSeveral(NamedTuple):
    """The charges of a report of several responses, and the budget after them."""

    several: Several
    budget: Budget


def run_guarded(session: Session, command: Sequence[str], wanted: Wanted, result_file: Path | None = None) -> int:
    """Run the command to its end, charge what it has reported, and return its exit code.

    The charge is written to `result_file` as JSON: stdout is the command's.

    Raises `CannotRunError` when it cannot be started, `OverBudgetError` when it is not allowed, and the errors of
    reading, pricing and charging the report.
    """
    from budgetctl.cli.relay import Relay

    if result_file is not None:
        _write(result_file, "")  # now, and not when the money is spent
    with _private_file(wanted.user) as report:
        guard = _Guard(wanted.user, _allow(session, wanted), wanted.model, wanted.note)
        with Relay() as relay:
            session.close()  # the command may take hours, and charge by itself
            try:
                code = relay.run(command, _environment(session, guard, report))
            except (OSError, ValueError) as error:
                _release(guard)
                raise _cannot_run(command[0], error) from error
            charged = _charge_report(session, guard, report)
            if result_file is not None:
                _write(result_file, _result(guard, code, charged))
    return code


def _result(guard: _Guard, code: int, charged: tuple[Charge, Price] | _ChargedSeveral | None) -> str:
    from budgetctl.cli.cells import dumps
    from budgetctl.cli.views.charges import charge_document

    charge = None
    if isinstance(charged, _ChargedSeveral):
        from budgetctl.cli.views.several import several_document

        charge = several_document(*charged)
    elif charged is not None:
        charge = charge_document(*charged)
    document = {
        "user": guard.user,
        "exit_code": code,
        "hold": None if guard.hold is None else guard.hold.hold_id,
        "charge": charge,
    }
    return f"{dumps(document, '')}\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def _private_file(user: str) -> Iterator[Path]:
    """The path of a file that is not there yet, in a directory that nobody else can look into.

    Both are removed in the end, unless a report was written and then an error came: the report says what the user owes.
    """
    import tempfile

    try:
        directory = Path(tempfile.mkdtemp(prefix="budgetctl-"))
    except OSError as error:
        raise BudgetctlError(
            f"cannot make a temporary directory for what the command reports: {error.strerror}",
            hint="set TMPDIR to a directory that can be written to",
        ) from error
    report = directory / "cost"
    try:
        yield report
    except BaseException as error:
        if not report.exists():
            shutil.rmtree(directory, ignore_errors=True)
        elif not isinstance(error, BudgetctlError):  # the error says it by itself
            warn(f"{user} may not be charged: what the command reported is kept in {report}")
        raise
    shutil.rmtree(directory, ignore_errors=True)


def _allow(session: Session, wanted: Wanted) -> GuardedCall | None:
    """The guarded call that has the amount set aside. Without an amount it is None, and money must be left."""
    from budgetctl.ledger.decisions import refusal
    from budgetctl.manager.enforcement import DEFAULT_TTL
    from budgetctl.manager.guarding import GuardedCall
    from budgetctl.names import check_note

    user, amount, ttl, model, provider, note, hold_id = wanted
    if amount is None:
        if note is not None:
            check_note(note)  # refused now, and not when the money is spent
        decision = session.manager.check(user, model=model, provider=provider)
        if not decision.allowed:
            raise refusal(decision)
        return None
    call = GuardedCall(
        session.manager,
        user,
        model=model,
        provider=provider,
        note=note,
        hold_id=hold_id,
        refused=("the command was not run", "give each run an id of its own"),
    )
    call.reserve(amount, ttl or DEFAULT_TTL)
    return call


def _environment(session: Session, guard: _Guard, report: Path) -> dict[str, str]:
    """The environment of the command, in which budgetctl's commands work as they do here."""
    environment = {
        **os.environ,
        "BUDGETCTL_PROJECT": session.project,
        "BUDGETCTL_USER": guard.user,
        "BUDGETCTL_COST_FILE": str(report),
    }
    environment.pop("BUDGETCTL_HOLD", None)  # it belongs to another `budgetctl run`, around this one
    if guard.hold is not None:
        environment["BUDGETCTL_HOLD"] = guard.hold.hold_id
    if is_server(session.location) or is_database(session.location):
        environment["BUDGETCTL_STORE"] = str(session.location)
    elif session.location is not None:
        # Absolute, as the command may go elsewhere; a slash at the end says that it is a directory.
        slash = "/" if session.location.endswith("/") else ""
        environment["BUDGETCTL_STORE"] = f"{Path(session.location).expanduser().absolute()}{slash}"
    return environment


def _cannot_run(program: str, error: Exception) -> BudgetctlError:
    hint = "check the path of the command, its permissions, and its first line when it is a script"
    if isinstance(error, FileNotFoundError):
        return CommandNotFoundError(f"cannot run {program!r}: there is no such command", hint=hint)
    return CannotRunError(f"cannot run {program!r}: {getattr(error, 'strerror', None) or error}", hint=hint)


def _release(guard: _Guard) -> bool:
    """Release the hold; returns whether it was still open.

    No error is raised: the end of the command says more, and a hold that is not released expires.
    """
    if guard.call is None:
        return False
    try:
        guard.call.release()
    except HoldResolvedError:  # the command has committed the hold by itself
        return False
    except BudgetctlError as error:
        warn(f"the hold {guard.call.hold.hold_id} counts until it expires: {error.message}")
        return False
    return True


def _charge_report(session: Session, guard: _Guard, report: Path) -> tuple[Charge, Price] | _ChargedSeveral | None:
    """Charge the report of the command; where it has written none, release the hold."""
    from budgetctl.cli.costs import CostOptions, price_of
    from budgetctl.cli.reading import SeveralResponsesError, read_report

    stated = CostOptions(response=str(report))
    is_several = False
    try:
        text = read_report(report).strip()
        if not text:
            with _unheard():
                if _release(guard):
                    session.note(f"{guard.user}: the command reported no cost; nothing was charged")
            return None
        if not _RESPONSE.match(text):
            stated = stated._replace(response=None, amount=_sum_of_lines(text), model=guard.model)
        try:
            price = price_of(stated)
        except SeveralResponsesError as error:
            is_several = True
            return _charge_several(session, guard, stated, error.text)
        except InvalidResponseError:
            if stated.response is None or guard.model is None:
                raise
            # The response names no model; those that do may name another one than the option.
            stated = stated._replace(model=guard.model)
            price = price_of(stated)
        charge = _charge(session, guard, price, is_response=stated.response is not None)
    except BudgetctlError as error:
        _explain(session, error, guard, report, stated, is_several=is_several)
        raise
    if charge is None:
        return None
    with _unheard():
        _tell(session, guard, charge, price)
    return charge, price


def _sum_of_lines(text: str) -> str:
    """The sum of the amounts in a text with one in each line; a text of one line as it is."""
    from budgetctl.money import Picodollars, parse_amount, to_text

    lines = [line for line in text.splitlines() if line.strip()]
    return text if len(lines) == 1 else to_text(Picodollars(sum(map(parse_amount, lines))))


def _charge_several(session: Session, guard: _Guard, stated: CostOptions, text: str) -> _ChargedSeveral | None:
    """Charge each response in a report, once: one by the commit of the hold, the others beside it.

    None where the command has ended its hold by itself.
    """
    from budgetctl.cli.several import Terms, price_several

    several = price_several(stated, text, Terms(), otherwise=guard.model)
    prices = [each.price for each in several.priced]
    charges: list[Charge] | None
    if guard.call is not None:
        charges = guard.call.commit_all(prices)
    else:
        dated = [(price, None) for price in prices]
        charges = session.manager.charge_prices(guard.user, dated, once=True, note=guard.note)
    if charges is None:
        return None
    priced = [each._replace(charge=charge) for each, charge in zip(several.priced, charges, strict=True)]
    charged = _ChargedSeveral(several._replace(priced=priced), session.manager.budget(guard.user))
    with _unheard():
        _tell_several(session, charged)
    return charged


def _tell_several(session: Session, charged: _ChargedSeveral) -> None:
    from budgetctl.cli.views.several import sentences, warnings_of

    now_us = session.store.now_us()
    if session.output.format == "table" and not session.output.quiet:
        for line in sentences(*charged, now_us).split("\n"):
            tell(line)
    warn(*warnings_of(*charged, now_us))


@contextmanager
def _unheard() -> Iterator[None]:
    """Ignore that stderr is closed, as behind `2>&1 | head`: the exit code is still the command's."""
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _charge(session: Session, guard: _Guard, price: Price, *, is_response: bool) -> Charge | None:
    if guard.call is not None:
        return guard.call.commit(price)
    return session.manager.charge_price(guard.user, price, once=is_response, note=guard.note)


def _tell(session: Session, guard: _Guard, charge: Charge, price: Price) -> None:
    """Print the charge, on stderr: stdout is the command's."""
    from budgetctl.cli.views.charges import charged, committed, warnings_of

    now_us = session.store.now_us()
    if session.output.format == "table" and not session.output.quiet:
        hold = guard.hold
        tell(charged(charge, price, None, now_us) if hold is None else committed(charge, price, hold.hold_id, now_us))
    warn(*warnings_of(charge, price, now_us, takes_input=False))


def _explain(
    session: Session, error: BudgetctlError, guard: _Guard, report: Path, stated: CostOptions, *, is_several: bool
) -> None:
    """Print the path of the report, the hold that is still open, and the command line that charges the report later.

    The hold is not released: the command may have spent money that nobody could read or price. That holds for the
    error of a provider too, which the last of several calls may have ended with; a person may release the hold then.
    """
    from budgetctl.cli.views.times import moment

    parts = [f"{guard.user} was not charged: {error.message}", f"what the command reported is kept in {report}"]
    hold = None if isinstance(error, HoldResolvedError) else guard.hold
    if hold is not None and hold.expires_us > session.store.now_us():
        parts.append(f"the hold {hold.hold_id} stays until {moment(hold.expires_us, 'UTC')}")
    error.message = "; ".join(parts)
    if hold is not None and isinstance(error, ProviderError):
        words = ["release", hold.hold_id]
    else:
        words = ["update-cost", guard.user] if hold is None or is_several else ["commit", hold.hold_id]
        words += _statement(error, stated, is_several=is_several)
    error.hint = " ".join(["budgetctl", *map(shlex.quote, words)])


def _statement(error: BudgetctlError, stated: CostOptions, *, is_several: bool) -> Sequence[str]:
    """The options that state the cost in the report; where it could not be read, an amount as an example.

    Of several responses, those are charged that can be read.
    """
    if isinstance(error, InvalidValueError):
        return ["--response", str(stated.response), "--skip-bad"] if is_several else ["--cost", "0.05"]
    words = ["--cost", str(stated.amount)] if stated.response is None else ["--response", stated.response]
    if stated.model is not None:
        words += ["--model", stated.model]
    if isinstance(error, CannotPriceError):
        words += ["--on-unknown-price", "record"]
    return words
