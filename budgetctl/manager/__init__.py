"""`BudgetManager`: litellm's method names, over the exact use cases of `Budgets`."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from budgetctl.environment import variable
from budgetctl.errors import InvalidValueError
from budgetctl.ledger.store import NEVER, BudgetChange
from budgetctl.ledger.values import Align, Budget
from budgetctl.manager.budgets import Budgets
from budgetctl.money import from_number, to_float
from budgetctl.names import check_user, is_user
from budgetctl.periods import from_timestamp
from budgetctl.stores import Store, open_store
from budgetctl.stores.location import is_server

if TYPE_CHECKING:
    from budgetctl.ledger.records import Record
    from budgetctl.manager.user_dict import UserDict
    from budgetctl.periods import Instant

LITELLM_FILE = "user_cost.json"
"""Where litellm's own local manager keeps its dictionary: in the current directory, whatever the project."""


class BudgetManager(Budgets):
    """The budgets of one project, in a durable store.

    A drop-in for `litellm.BudgetManager`: its methods take and return what litellm's do, with amounts as floats of
    USD and records as plain dictionaries. The methods of `Budgets` are exact: they take text, `Decimal` or
    `Picodollars`, and return the values of `budgetctl.ledger.values`. Every change is durable when the method returns,
    and safe against other threads and processes. Unknown users raise `UnknownUserError` (a `KeyError`), bad values
    `InvalidValueError` (a `ValueError`), and trouble with the store another `BudgetctlError`.

    `store` is a path or an address, as for `--store`, or an open store; by default `$BUDGETCTL_STORE`, or one file per
    project in the platform's data directory. `client_type="hosted"` is the server at `api_base`, by default at
    `$BUDGETCTL_STORE`; `headers` go with every request to it.
    """

    def __init__(
        self,
        project_name: str,
        client_type: Literal["local", "hosted"] = "local",
        api_base: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        store: Store | str | os.PathLike[str] | None = None,
    ) -> None:
        if client_type not in ("local", "hosted"):
            raise InvalidValueError(f"client_type is {client_type!r:.80}: pass 'local' or 'hosted'")
        self.project_name = project_name
        self.client_type = client_type
        self.api_base = api_base
        self.headers = headers
        if client_type == "hosted":
            if store is not None:
                raise InvalidValueError("a hosted manager has no store of its own: pass api_base, or store alone")
            store = _hosted_store(project_name, api_base, headers)
        elif store is None or isinstance(store, (str, os.PathLike)):
            store = open_store(store or variable("BUDGETCTL_STORE"), project_name)
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
        """The user's spend in USD, with the price of this prompt added."""
        from budgetctl.pricing.counting.prompts import text_of

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
        at: Instant | None = None,
    ) -> dict[str, Record]:
        """Charge the user for a response, or for a model's input and output text, and return `{"user": record}`.

        The response is an object of litellm's, or the parsed JSON of a provider; it may also come first. Each call
        charges, unless it repeats an `idempotency_key`. `at` is when it happened: see `budgetctl.periods.Instant`.
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
        return {"user": self._record(self.charge_price(user, price, key=idempotency_key, at=at).budget)}

    def get_current_cost(self, user: str) -> float:
        """The user's spend in the current window, in USD."""
        return to_float(self.budget(user).limit.spent)

    def get_model_cost(self, user: str) -> dict[str, float]:
        """The user's spend in the current window by model, in USD."""
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
        """Reset the user if the window has passed. Reads need no reset: they show the window of now."""
        self._written(self._store.change_budget(check_user(user), BudgetChange()))

    def update_budget_all_users(self) -> None:
        """Reset every user whose window has passed."""
        self._store.reset_due()
        self._touch()

    def save_data(self) -> dict[str, str]:
        """Do nothing: every change is durable when its method returns."""
        return {"status": "success"}

    def load_data(self) -> None:
        """Read `user_dict` anew. It follows the store without this, too."""
        self._touch()

    @property
    def user_dict(self) -> UserDict:
        """`{user: record}`, live: it shows what is stored now, and what is written to it is stored."""
        from budgetctl.manager.user_dict import UserDict

        with self._lock:
            if self._user_dict is None:
                self._user_dict = UserDict(self._store)
        self._user_dict._refresh()
        return self._user_dict

    @user_dict.setter
    def user_dict(self, records: Mapping[str, Any]) -> None:
        self.user_dict.assign(records)

    # Within

    def _record(self, budget: Budget) -> Record:
        from budgetctl.ledger.records import record_of

        return record_of(budget)

    def _touch(self, user: str | None = None) -> None:
        if self._user_dict is not None:
            self._user_dict.touch(user)

    def _warn_of_litellm_file(self) -> None:
        """Warn of litellm's own file in the current directory, while nothing is stored for the project."""
        if Path(LITELLM_FILE).is_file() and not self._store.exists():
            warnings.warn(
                f"litellm's ./{LITELLM_FILE} is not used: 'budgetctl migrate' takes it over with what was spent",
                stacklevel=3,
            )


def _hosted_store(project: str, api_base: str | None, headers: Mapping[str, str] | None) -> Store:
    """The store of a project on the server at `api_base`."""
    address = api_base or variable("BUDGETCTL_STORE")
    if not is_server(address):
        raise InvalidValueError(
            "client_type='hosted' needs a server's address: pass api_base='https://…', or set BUDGETCTL_STORE to it"
        )
    from budgetctl.stores.remote.store import open_http_store

    return open_http_store(str(address), project, headers=headers)
