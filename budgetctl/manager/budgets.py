"""The exact use cases of a project's budgets: amounts as text, `Decimal` or `Picodollars` in, `ledger.values` out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budgetctl.environment import user_name
from budgetctl.errors import BudgetctlError, InvalidValueError, UnknownProjectError, UnknownUserError
from budgetctl.ledger.identities import Identity, identities_of, identity_digests
from budgetctl.ledger.keys import caller_key
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest, IfExists, SortKey
from budgetctl.ledger.values import Align, Budget, Charge, Price, Reset, Usage
from budgetctl.manager.bookkeeping import Bookkeeping
from budgetctl.manager.enforcement import charge_of, kept_usage, measured, other_names
from budgetctl.money import Picodollars, parse_amount
from budgetctl.names import check_model, check_name, check_note, check_percents, check_user
from budgetctl.periods import Instant, instant

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Self

    from budgetctl.ledger.corrections import Correction


class Budgets(Bookkeeping):
    """The exact methods of `BudgetManager`, beside those that have litellm's names."""

    project_name: str

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
        warn_at: Sequence[int] | None = None,
        if_exists: IfExists = "error",
    ) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new.

        `if_exists` says what is done for a user who has a budget. The user's spending also counts against the limits of
        `parent`, and of the parents above it. `warn_at` are percents of the amount.
        """
        change = self._change(parse_amount(amount), duration, align, timezone, parent, warn_at)
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
        warn_at: Sequence[int] | None = None,
    ) -> Budget:
        """Change those terms of the user's budget that are given, and return the budget.

        `duration="none"` never resets. A new duration keeps the current spend. An empty `parent` stands for none; money
        that was spent before a move stays counted under the old parent.
        """
        exact = None if amount is None else parse_amount(amount)
        change = self._change(exact, duration, align, timezone, parent, warn_at)
        return self._written(self._store.change_budget(check_user(user), change))

    def migrate(self, records: Any, *, dry_run: bool = False) -> list[tuple[str, BudgetChange, bool]]:
        """Create budgets from litellm's records, `{user: record}`, with their spend; all of them or none.

        Returns for each record its user, its terms, and whether the user was new. Users who have a budget keep it.
        """
        from budgetctl.ledger.records import change_of

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

        Charges count against every limit that they match. By default it is named by its duration and its models,
        and its zone is that of the user's budget.
        """
        change = self._change(parse_amount(amount), duration, align, timezone)
        given = " ".join(filter(None, (duration or "total", models))) if name is None else name
        pattern = None if models is None else check_model(models)
        return self._written(self._store.add_limit(check_user(user), check_name(given), change, pattern))

    def remove_limit(self, user: str, name: str) -> Budget:
        """Take a limit away; its entries stay. Every budget's own limit cannot be removed."""
        return self._written(self._store.remove_limit(check_user(user), name, by=user_name()))

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
        at: Instant | None = None,
        identities: Sequence[Identity] = (),
    ) -> Charge:
        """Record a cost of `amount` USD. It is never refused because the budget is exceeded.

        The same `key` again charges nothing and answers the first entry; with another usage (or amount, where no
        usage is given) it raises `KeyConflictError`. `at` is when it happened, by default now: see `Instant`. A call of
        which a record with one of these `identities` was charged before is not charged again, whoever was charged for
        it, but for what the `usage` says that it has used more.
        """
        exact = parse_amount(amount)
        kept = kept_usage(usage)
        is_known = bool(identities) or key is not None
        own = identities_of(usage) if isinstance(usage, Usage) else ()
        request = ChargeRequest(
            check_user(user),
            exact,
            model=model,
            usage=kept,
            note=note,
            key=None if key is None else caller_key(key, amount=exact, model=model, usage=kept),
            called=other_names(model),
            at_us=self._instant(user, at),
            identities=identity_digests((*identities, *own)),
            is_again=not is_known,
        )
        return self._charge(request)

    def charge_price(
        self,
        user: str,
        price: Price,
        *,
        key: str | None = None,
        once: bool = False,
        note: str | None = None,
        called: Sequence[str] = (),
        at: Instant | None = None,
        identities: Sequence[Identity] = (),
    ) -> Charge:
        """Record a cost that `budgetctl.pricing` has found. `called` are names by which its model was asked for.

        `once` charges a response with an id once, whatever it was read from: by its identity, where whoever answered
        makes each id once, and else by a key of its id and usage; a `key` goes before that. A later record of the same
        call that says that more was used charges the difference. `at` and `identities` are as those of `charge`.
        """
        request = charge_of(
            check_user(user), price, once=once, called=called, at_us=self._instant(user, at), identities=identities
        )
        if key is not None:
            compared = measured(price, request.usage or {})
            own = caller_key(key, amount=price.amount, model=price.model, usage=compared)
            request = request._replace(key=own, is_again=False)
        return self._charge(request._replace(note=note))

    def charge_prices(
        self, user: str, prices: Sequence[tuple[Price, int | None]], *, once: bool = False, note: str | None = None
    ) -> list[Charge]:
        """Record many costs as `charge_price` does, all of them or none.

        Beside each is when it happened, in microseconds since 1970, or None for now. The first that is refused raises
        its error, whose `place` says which it is. A server takes lists of 2,000, of which it records all that it can.
        """
        charges = self._store.apply_all(self._requests(user, prices, once, note))
        return [charge for charge in charges if isinstance(charge, Charge) and self._written(charge.budget)]

    def charge_each(
        self, user: str, prices: Sequence[tuple[Price, int | None]], *, once: bool = False, note: str | None = None
    ) -> list[Charge | BudgetctlError]:
        """Record many costs as `charge_price` does, each by itself: those that are refused are answered by an error."""
        answers = self._store.apply(self._requests(user, prices, once, note))
        self._touch(user)
        return [answer for answer in answers if isinstance(answer, (Charge, BudgetctlError))]

    def reprice(
        self,
        model: str,
        *,
        user: str | None = None,
        since_us: int | None = None,
        note: str | None = None,
        dry_run: bool = False,
    ) -> Iterator[Correction]:
        """Correct the costs of charges to those by the prices of now, and return the corrections.

        `model` is a name or a shell-style pattern, `since_us` microseconds since 1970. Entries stay as they are: new
        entries make up the differences, and count where the corrected ones do. Costs that were stated, or billed by the
        provider, are left alone. Raises `CannotPriceError`, once all else is corrected, for charges without a price.
        """
        from budgetctl.manager.repricing import reprice

        who = None if user is None else self.budget(user).user
        if note is not None:
            check_note(note)
        for correction in reprice(self._store, model, user=who, since_us=since_us, note=note, dry_run=dry_run):
            self._touch(correction.user)
            yield correction

    def reset(self, user: str) -> Reset:
        """Start again from nothing spent, in the window of now."""
        reset = self._store.reset(check_user(user))
        self._touch(reset.user)
        return reset

    def reset_cap(self) -> Reset:
        """Reset the budget of the whole project. Raises `UnknownUserError` where there is none."""
        reset = self._store.reset(PROJECT)
        self._touch()
        return reset

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, batch by batch as the answer is read."""
        for reset in self._store.reset_all():
            self._touch(reset.user)
            yield reset

    def due(self) -> Iterator[Reset]:
        """The resets that `reset_due` would make now."""
        return self._store.due()

    def reset_due(self, *, clock_is_right: bool = False) -> tuple[int, Iterator[Reset]]:
        """Reset every user whose window has passed.

        Returns the number of windows, and every recorded reset that nobody has read yet, however it came about: those
        since an earlier answer of this method was read to its end. A window without any spending leaves no record.

        Raises `ClockError` when the clock is more than three years ahead of all times in the ledger. `clock_is_right`
        says that it is right all the same: the ledger remembers that, and goes on from there.
        """
        count = self._store.reset_due(clock_is_right=clock_is_right)
        self._touch()
        return count, self._report_resets()

    def close(self) -> None:
        """Let go of the store's connections. A later call opens them again."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

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
        warn_at: Sequence[int] | None = None,
    ) -> BudgetChange:
        from budgetctl.ledger.records import check_terms

        above = check_user(parent) if parent else parent
        percents = None if warn_at is None else check_percents(warn_at)
        change = BudgetChange(amount=amount, duration=duration, align=align, zone=timezone, parent=above)
        return check_terms(change._replace(warn_at=percents, by=user_name()))

    def _instant(self, user: str, at: Instant | None) -> int | None:
        """The instant of a time that is said of a user; without a zone it is on the clock of the user's budget."""
        return None if at is None else instant(at, self._store.now_us, lambda: self.budget(user).limit.zone)

    def _requests(
        self, user: str, prices: Sequence[tuple[Price, int | None]], once: bool, note: str | None
    ) -> list[ChargeRequest]:
        name, kept = self.budget(user).user, None if note is None else check_note(note)
        requests = []
        for place, (price, at_us) in enumerate(prices):
            try:
                if price.model is not None:
                    check_model(price.model)
                requests.append(charge_of(name, price, once=once, at_us=at_us)._replace(note=kept))
            except BudgetctlError as error:
                error.place = place
                raise
        return requests

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

    def _written(self, budget: Budget) -> Budget:
        self._touch(budget.user)
        return budget

    def _touch(self, user: str | None = None) -> None:
        """Note that copies of a user's record, or of all records, are old."""
