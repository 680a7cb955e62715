"""`AsyncBudgetManager`: the same methods, none of which blocks the loop."""

import asyncio
import inspect
import threading
from contextlib import closing

import pytest

from budgetctl import AsyncBudgetManager, BudgetManager, InvalidValueError, OverBudgetError, UnknownUserError
from budgetctl.stores import SqliteStore


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_every_method_is_there_with_its_parameters_and_description():
    assert public(BudgetManager) - public(AsyncBudgetManager) == {"user_dict"}
    assert public(AsyncBudgetManager) <= public(BudgetManager)
    for name in public(AsyncBudgetManager):
        ours, theirs = getattr(AsyncBudgetManager, name), getattr(BudgetManager, name)
        assert inspect.iscoroutinefunction(ours) or inspect.isasyncgenfunction(ours)
        parameters = inspect.signature(ours).parameters
        assert [*parameters.values()] == [*inspect.signature(theirs).parameters.values()]
        assert ours.__doc__


def test_a_budget_is_made_charged_and_read():
    async def use():
        async with AsyncBudgetManager("p") as budgets:
            await budgets.create("alice", "10")
            charge = await budgets.charge("alice", "2.5")
            hold = await budgets.reserve("alice", "1")
            await budgets.commit(hold.hold_id, "0.5")
            entries = [entry.amount.usd async for entry in budgets.history("alice")]
            return charge.budget.limit.remaining.usd, entries, await budgets.get_current_cost("alice")

    assert asyncio.run(use()) == (7.5, [0.5, 2.5], 3.0)


def test_errors_are_those_of_the_manager():
    async def use():
        async with AsyncBudgetManager("p") as budgets:
            await budgets.create("alice", "1")
            with pytest.raises(OverBudgetError):
                await budgets.reserve("alice", "2")
            with pytest.raises(UnknownUserError):
                await budgets.budget("bob")
            with pytest.raises(UnknownUserError):
                [entry async for entry in budgets.history("bob")]
        with pytest.raises(InvalidValueError):
            await AsyncBudgetManager("p", "remote").get_users()

    asyncio.run(use())


def test_a_long_list_is_read_to_its_end_and_may_be_left_early():
    async def use():
        async with AsyncBudgetManager("p") as budgets:
            await budgets.migrate({f"user-{n:03}": {"total_budget": 1} for n in range(250)})
            first = await anext(budgets.budgets())
            return first.user, len([budget async for budget in budgets.budgets()])

    assert asyncio.run(use()) == ("user-000", 250)


def test_the_resets_that_were_due_are_told(clock, home):
    async def use():
        with closing(SqliteStore(home / "p.db", "p", clock=clock)) as store:
            budgets = AsyncBudgetManager("p", store=store)
            await budgets.create("alice", "10", duration="daily")
            await budgets.charge("alice", "1")
            clock.advance(days=1)
            count, resets = await budgets.reset_due()
            return count, [reset.user async for reset in resets]

    assert asyncio.run(use()) == (1, ["alice"])


class OneAtATime:
    """Holds the store's lock until it is told to let go."""

    def __init__(self, store):
        self._release = threading.Event()
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(store,))

    def _hold(self, store):
        with store.write():
            self._held.set()
            self._release.wait(60)

    def __enter__(self):
        self._thread.start()
        self._held.wait(60)
        return self

    def let_go(self):
        self._release.set()

    def __exit__(self, *exc):
        self.let_go()
        self._thread.join()


def test_the_loop_goes_on_while_a_change_waits_for_the_store(home):
    BudgetManager("p", store=home / "p.db").create("alice", "10")
    other = SqliteStore(home / "p.db", "p")

    async def use():
        async with AsyncBudgetManager("p", store=home / "p.db") as budgets:
            with OneAtATime(other) as holder:
                charging = asyncio.ensure_future(budgets.charge("alice", "1"))
                for _ in range(100):  # turns of the loop, none of which the waiting charge takes
                    await asyncio.sleep(0)
                assert not charging.done()
                holder.let_go()
                return (await charging).budget.limit.spent.usd

    with closing(other):
        assert asyncio.run(use()) == 1


def test_a_call_that_is_cancelled_while_it_waits_still_writes(home):
    BudgetManager("p", store=home / "p.db").create("alice", "10")
    other = SqliteStore(home / "p.db", "p")

    async def use():
        budgets = AsyncBudgetManager("p", store=home / "p.db")
        with OneAtATime(other) as holder:
            charging = asyncio.ensure_future(budgets.charge("alice", "1"))
            await asyncio.sleep(0)
            charging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await charging
            holder.let_go()

    with closing(other):
        asyncio.run(use())  # waits for the threads
        assert BudgetManager("p", store=home / "p.db").budget("alice").limit.spent.usd == 1
