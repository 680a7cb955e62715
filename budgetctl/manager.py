"""`BudgetManager`: every use case, under litellm's method names and beside them under richer ones."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from budgetctl.enforcement import Enforcement
from budgetctl.errors import InvalidValueError, UnknownProjectError, UnknownUserError
from budgetctl.idempotency import caller_key, response_key
from budgetctl.models import (
    Align,
    Budget,
    Charge,
    Correction,
    Difference,
    Entry,
    HistoryFilter,
    Price,
    ProjectSummary,
    Reset,
    Usage,
)
from budgetctl.money import Picodollars, from_number, parse_amount, to_float
from budgetctl.names import check_document, check_model, check_name, check_note, check_user, is_user
from budgetctl.periods import from_timestamp
from budgetctl.stores import Store, open_store
from budgetctl.stores.base import EVERYTHING, NEVER, PROJECT, BudgetChange, ChargeRequest, IfExists, SortKey

if TYPE_CHECKING:
    from decimal import Decimal

    from budgetctl.records import Record
    from budgetctl.user_dict import UserDict

LITELLM_FILE = "user_cost.json"
"""Where litellm's own local manager keeps its dictionary: in the current directory, whatever the project."""


class BudgetManager(Enforcement):
    """The budgets of one project, in a durable store.

    A drop-in for `litellm.BudgetManager`: its methods take and return what litellm's do, with amounts as floats of
    USD and records as plain dictionaries. The methods after them are exact: they take text, `Decimal` or
    `Picodollars`, and return the values of `budgetctl.models`. Every change is durable when the method returns, and
    safe against other threads and processes. Unknown users raise `UnknownUserError` (a `KeyError`), bad values
    `InvalidValueError` (a `ValueError`), and trouble with the store another `BudgetctlError`.

    `store` is a path, as for `--store`, or an open store; by default `$BUDGETCTL_STORE`, or one file per
    project in the platform's data directory.
    """

    def __init__(
        self,
        project_name: str,
        client_type: Literal["local"] = "local",
        api_base: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        store: Store | str | os.PathLike[str] | None = None,
    ) -> None:
        if client_type != "local":
            raise InvalidValueError(
                f"client_type {client_type!r} is not supported: this version keeps budgets in a local store ('local')"
            )
        self.project_name = project_name
        self.client_type = client_type
        self.api_base = api_base
        self.headers = headers
        if store is None or isinstance(store, (str, os.PathLike)):
            store = open_store(store or os.environ.get("BUDGETCTL_STORE") or None, project_name)
        elif store.project != project_name:
            raise InvalidValueError(f"the store is of the project {store.project!r}, not {project_name!r}")
        self._store = store
        self._user_dict: UserDict | None = None
        self._lock = threading.Lock()
        self._warn_of_litellm_file()

    # litellm's methods

    def create_budget(
        self,
        total_budget: float,
        user: str,
        duration: str | None = None,
        created_at: float | None = None,
        *,
        align: Align | None = None,
        timezone: str | None = None,
    ) -> Record:
        """Create the user's budget of `total_budget` USD, and return its record.

        For a user who has one, change its amount and duration, and keep what was spent. `created_at` (seconds since
        1970; by default now) is where its windows are counted from.
        """
        change = self._change(from_number(total_budget), NEVER if duration is None else duration, align, timezone)
        if created_at is not None:
            change = change._replace(created_us=from_timestamp(created_at))
        return self._record(self._create(user, change, "change")[0])

    def projected_cost(self, model: str, messages: Sequence[Mapping[str, Any]], user: str) -> float:
        """What the user will have spent, in USD, once this prompt is paid for."""
        from budgetctl.pricing.prompts import text_of

        spent = self.budget(user).limit.spent
        return to_float(spent + self.estimate(model, text_of(messages)).amount)

    def get_total_budget(self, user: str) -> float:
        """The user's budget in USD."""
        return to_float(self.budget(user).limit.amount)

    def update_cost(
        self,
        user: Any,
        completion_obj: Any = None,
        model: str | None = None,
        input_text: str | None = None,
        output_text: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Record]:
        """Charge the user for a response, or for a model's input and output text, and return `{"user": record}`.

        The response is an object of litellm's, or the parsed JSON of a provider; it may also come first. Each call
        charges, unless it repeats an `idempotency_key`.
        """
        if is_user(completion_obj) and not is_user(user):
            user, completion_obj = completion_obj, user
        check_user(user)
        has_text = input_text is not None or output_text is not None
        if completion_obj is not None and has_text:
            raise InvalidValueError("both a response and texts were given: pass one of them")
        if completion_obj is not None:
            from budgetctl.pricing import price_response

            price = price_response(completion_obj, model=model)
        elif model and has_text:
            from budgetctl.pricing import price_text

            price = price_text(model, *("" if text is None else text for text in (input_text, output_text)))
        else:
            raise InvalidValueError("nothing to charge: pass a response, or a model with its input and output text")
        return {"user": self._record(self.charge_price(user, price, key=idempotency_key).budget)}

    def get_current_cost(self, user: str) -> float:
        """What the user has spent in the current window, in USD."""
        return to_float(self.budget(user).limit.spent)

    def get_model_cost(self, user: str) -> dict[str, float]:
        """What the user has spent in the current window by model, in USD."""
        return {model: to_float(spent) for model, spent in self.budget(user).models.items()}

    def is_valid_user(self, user: Any) -> bool:
        """Whether the user has a budget."""
        try:
            return self.find_budget(user) is not None
        except InvalidValueError:
            return False

    def get_users(self) -> list[str]:
        """All users who have a budget."""
        return [budget.user for budget in self._store.budgets()]

    def reset_cost(self, user: str) -> dict[str, Record]:
        """Start again from nothing spent, and return `{"user": record}`. The window stays, and history too."""
        self.reset(user)
        return {"user": self._record(self.budget(user))}

    def reset_on_duration(self, user: str) -> None:
        """Reset the user if the window has passed. Reads do not need this: they show the window of now."""
        self._written(self._store.change_budget(check_user(user), BudgetChange()))

    def update_budget_all_users(self) -> None:
        """Reset every user whose window has passed."""
        self._store.reset_due()
        self._touch()

    def save_data(self) -> dict[str, str]:
        """Nothing is left to save: every change is durable when its method returns."""
        return {"status": "success"}

    def load_data(self) -> None:
        """Read `user_dict` anew. It follows the store by itself."""
        self._touch()

    @property
    def user_dict(self) -> UserDict:
        """`{user: record}`, live: it shows what is stored now, and what is written to it is stored."""
        from budgetctl.user_dict import UserDict

        with self._lock:
            if self._user_dict is None:
                self._user_dict = UserDict(self._store)
        self._user_dict._refresh()
        return self._user_dict

    @user_dict.setter
    def user_dict(self, records: Mapping[str, Any]) -> None:
        self.user_dict.assign(records)

    # Budgets

    def create(
        self,
        user: str,
        amount: str | Decimal | Picodollars,
        *,
        duration: str | None = None,
        align: Align | None = None,
        timezone: str | None = None,
        parent: str | None = None,
        if_exists: IfExists = "error",
    ) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new. For one who has it, `if_exists` says what to do.

        What the user spends counts against the limits of `parent`, and of those above that, too.
        """
        change = self._change(parse_amount(amount), duration, align, timezone, parent)
        return self._create(user, change, if_exists)

    def set(
        self,
        user: str,
        *,
        amount: str | Decimal | Picodollars | None = None,
        duration: str | None = None,
        align: Align | None = None,
        timezone: str | None = None,
        parent: str | None = None,
    ) -> Budget:
        """Change what is given; `duration="none"` never resets. A new duration carries over what was spent.

        An empty `parent` is none. What was spent before a move stays where it was counted.
        """
        change = self._change(None if amount is None else parse_amount(amount), duration, align, timezone, parent)
        return self._written(self._store.change_budget(check_user(user), change))

    def migrate(self, records: Any, *, dry_run: bool = False) -> list[tuple[str, BudgetChange, bool]]:
        """Create budgets from litellm's records, `{user: record}`, with what was spent; all of them or none.

        Returns what each record says, and whether its user was new. Others are left alone.
        """
        from budgetctl.records import change_of

        if not isinstance(records, Mapping):
            raise InvalidValueError("this is not litellm's dictionary of users and their budgets")
        changes = []
        for name, record in records.items():
            try:
                change = change_of(record, None)._replace(note="taken over from litellm")
                changes.append((check_user(name), change))
            except InvalidValueError as error:
                raise InvalidValueError(f"the record of {name!r:.80}: {error}; nothing was taken over") from error
        if dry_run:
            new = [self.find_budget(user) is None for user, _ in changes]
        else:
            new = self._store.create_budgets(changes)
            self._touch()
        return [(user, change, is_new) for (user, change), is_new in zip(changes, new, strict=True)]

    def add_limit(
        self,
        user: str,
        amount: str | Decimal | Picodollars,
        *,
        duration: str | None = None,
        align: Align | None = None,
        timezone: str | None = None,
        models: str | None = None,
        name: str | None = None,
    ) -> Budget:
        """Give the user another limit, for models of a shell-style pattern or for all.

        Charges count against every limit that they match. By default it is named by its duration and its models.
        """
        change = self._change(parse_amount(amount), duration, align, timezone)
        given = " ".join(filter(None, (duration or "total", models))) if name is None else name
        pattern = None if models is None else check_model(models)
        return self._written(self._store.add_limit(check_user(user), check_name(given), change, pattern))

    def remove_limit(self, user: str, name: str) -> Budget:
        """Take a limit away, but not the one that every budget has. Its entries stay."""
        return self._written(self._store.remove_limit(check_user(user), name))

    def cap(
        self,
        amount: str | Decimal | Picodollars | None = None,
        *,
        duration: str | None = None,
        align: Align | None = None,
        timezone: str | None = None,
    ) -> Budget:
        """The budget of the whole project, against which every charge counts; with an amount, make or change it.

        Raises `UnknownUserError` where there is none.
        """
        if amount is None:
            return self._store.budget(PROJECT)
        change = self._change(parse_amount(amount), duration, align, timezone)
        return self._store.create_budget(PROJECT, change, if_exists="change")[0]

    def remove_cap(self) -> None:
        """Take the budget of the whole project away."""
        self._store.delete_budget(PROJECT)

    def delete_budget(self, user: str) -> None:
        """Delete the user's budget. Its history stays."""
        user = check_user(user)
        self._store.delete_budget(user)
        self._touch(user)

    def budget(self, user: str) -> Budget:
        """The user's budget as it stands now."""
        return self._store.budget(check_user(user))

    def find_budget(self, user: str) -> Budget | None:
        """The user's budget as it stands now, if there is one."""
        try:
            return self.budget(user)
        except UnknownUserError:
            return None

    def budgets(
        self, *, after: str | None = None, sort: SortKey = "user", over: bool = False, due: bool = False
    ) -> Iterator[Budget]:
        """All budgets as they stand now, page by page: see `Store.budgets`."""
        return self._store.budgets(after=after, sort=sort, over=over, due=due)

    def require_project(self) -> None:
        """Raise `UnknownProjectError` when nothing was ever stored for the project."""
        if not self._store.exists():
            raise UnknownProjectError(
                f"the project {self.project_name!r} has no budgets yet",
                hint="budgetctl create alice --budget 10",
            )

    # The ledger

    def charge(
        self,
        user: str,
        amount: str | Decimal | Picodollars,
        *,
        model: str | None = None,
        key: str | None = None,
        usage: Usage | Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> Charge:
        """Record a cost of `amount` USD. It is never refused because the budget is exceeded.

        The same `key` again charges nothing and answers the first entry; with another usage (or amount, where no
        usage is given) it raises `KeyConflictError`.
        """
        exact = parse_amount(amount)
        stated = usage.to_json() if isinstance(usage, Usage) else usage
        consumed = None if stated is None else check_document(stated, "usage")
        request = ChargeRequest(
            check_user(user),
            exact,
            model=model,
            usage=consumed,
            note=note,
            key=None if key is None else caller_key(key, amount=exact, model=model, usage=consumed),
        )
        return self._charge(request)

    def charge_price(
        self, user: str, price: Price, *, key: str | None = None, once: bool = False, note: str | None = None
    ) -> Charge:
        """Record what `budgetctl.pricing` found a call to cost.

        `once` gives a response with an id a key by itself, so that the same one is charged once; `key` goes before.
        """
        usage = price.usage.to_json()
        own = response_key(price.usage) if once else None
        # A stated cost is the request itself: its usage says at most for which model.
        measured = None if price.pricing.get("source") == "stated" else usage
        request = ChargeRequest(
            check_user(user),
            price.amount,
            model=price.model,
            usage=usage,
            pricing=price.pricing,
            note=note,
            key=own if key is None else caller_key(key, amount=price.amount, model=price.model, usage=measured),
        )
        return self._charge(request)

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

    def reprice(
        self,
        model: str,
        *,
        user: str | None = None,
        since_us: int | None = None,
        note: str | None = None,
        dry_run: bool = False,
    ) -> Iterator[Correction]:
        """Correct what charges have cost to what they cost by the prices of now, and return what changed.

        `model` is a name or a shell-style pattern, `since_us` microseconds since 1970. Entries stay as they are: new
        ones, which count where the corrected ones do, make up the differences. What was stated or billed is left alone.
        Raises `CannotPriceError`, once all else is corrected, when there are charges that still have no price.
        """
        from budgetctl.repricing import reprice

        who = None if user is None else self.budget(user).user
        for correction in reprice(self._store, model, user=who, since_us=since_us, note=note, dry_run=dry_run):
            self._touch(correction.user)
            yield correction

    def reset(self, user: str) -> Reset:
        """Start again from nothing spent, in the same window."""
        reset = self._store.reset(check_user(user))
        self._touch(reset.user)
        return reset

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, batch by batch as the answer is read."""
        for reset in self._store.reset_all():
            self._touch(reset.user)
            yield reset

    def due(self) -> Iterator[Reset]:
        """The resets that `reset_due` would make now."""
        return self._store.due()

    def reset_due(self) -> tuple[int, Iterator[Reset]]:
        """Reset every user whose window has passed.

        Returns how many windows that were, and every recorded reset since the answer to this was last read to
        its end, however it came about. A window in which nothing was spent leaves no record.
        """
        count = self._store.reset_due()
        self._touch()
        return count, self._report_resets()

    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter = EVERYTHING) -> Iterator[Entry]:
        """The user's entries, newest first; `before` continues below that number. Deleted users have one too."""
        return self._store.history(check_user(user), before=before, wanted=wanted)

    def refund(
        self,
        user: str,
        entry: int | None = None,
        *,
        amount: str | Decimal | Picodollars | None = None,
        note: str | None = None,
    ) -> Charge:
        """Take back what an entry cost, or `amount` of that; or, without an entry, of what was spent in this window.

        It is an entry of its own, which counts where the refunded one does: a window that has closed frees nothing.
        """
        if entry is None and amount is None:
            raise InvalidValueError("nothing to refund was given: pass the number of an entry, or an amount")
        exact = None if amount is None else parse_amount(amount)
        charge = self._store.refund(check_user(user), entry, exact, None if note is None else check_note(note))
        self._written(charge.budget)
        return charge

    def verify(self, *, repair: bool = False) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings; with `repair` they are set to that. Entries stay."""
        if not repair:
            return self._store.verify()
        found = self._store.repair()
        self._touch()
        return iter(found)

    def summary(self) -> ProjectSummary:
        """How many users there are, and what they have spent in their current windows."""
        return self._store.summary()

    def close(self) -> None:
        """Let go of the store's connections."""
        self._store.close()

    # Within

    def _create(self, user: str, change: BudgetChange, if_exists: IfExists) -> tuple[Budget, bool]:
        budget, created = self._store.create_budget(check_user(user), change, if_exists=if_exists)
        return self._written(budget), created

    def _change(
        self,
        amount: Picodollars | None,
        duration: str | None,
        align: Align | None,
        timezone: str | None,
        parent: str | None = None,
    ) -> BudgetChange:
        from budgetctl.records import check_terms

        above = check_user(parent) if parent else parent
        return check_terms(BudgetChange(amount=amount, duration=duration, align=align, zone=timezone, parent=above))

    def _charge(self, request: ChargeRequest) -> Charge:
        if request.model is not None:
            check_model(request.model)
        if request.note is not None:
            check_note(request.note)
        charge = self._store.charge(request)
        self._written(charge.budget)
        return charge

    def _report_resets(self) -> Iterator[Reset]:
        last = 0
        for place, reset in self._store.unreported_resets():
            yield reset
            last = place
        if last:
            self._store.report_resets(last)

    def _record(self, budget: Budget) -> Record:
        from budgetctl.records import record_of

        return record_of(budget)

    def _written(self, budget: Budget) -> Budget:
        self._touch(budget.user)
        return budget

    def _touch(self, user: str | None = None) -> None:
        if self._user_dict is not None:
            self._user_dict.touch(user)

    def _warn_of_litellm_file(self) -> None:
        """Say once that litellm's own file is here, while this project knows nothing of it."""
        if Path(LITELLM_FILE).is_file() and not self._store.exists():
            warnings.warn(
                f"litellm's ./{LITELLM_FILE} is not used: 'budgetctl migrate' takes it over with what was spent",
                stacklevel=3,
            )
