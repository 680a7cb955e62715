"""`user_dict` while others write, and how much work it is."""

import json
import threading
from contextlib import closing

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import UnknownUserError
from budgetctl.stores import SqliteStore
from support.records import ALICE

# What others write meanwhile


def test_held_references_show_what_another_manager_writes(manager, other, alice):
    users, costs = manager.user_dict, alice["model_cost"]
    other.charge("alice", "1", model="gpt-4o")
    other.create_budget(5, "bob")
    assert users["bob"] == {"total_budget": 5}
    assert alice["current_cost"] == 3.5
    assert costs["gpt-4o"] == 3.5


def test_held_references_show_what_another_process_writes(manager, alice, run):
    users, costs = manager.user_dict, alice["model_cost"]
    assert run("update-cost", "alice", "--cost", "1", "--model", "gpt-4o", "--project", "shop").returncode == 0
    assert costs == {"gpt-4o": 3.5}
    assert users == {"alice": {**ALICE, "current_cost": 3.5, "model_cost": {"gpt-4o": 3.5}}}


def test_held_references_show_what_the_manager_itself_writes(manager, alice):
    users, costs = manager.user_dict, alice["model_cost"]
    manager.charge("alice", "1", model="gpt-4o")
    assert (alice["current_cost"], costs["gpt-4o"]) == (3.5, 3.5)
    manager.set("alice", amount="20")
    assert alice["total_budget"] == 20
    manager.reset("alice")
    assert (alice["current_cost"], costs) == (0, {})
    manager.migrate({"bob": {"total_budget": 5}})
    assert users["bob"] == {"total_budget": 5}
    manager.delete_budget("bob")
    assert "bob" not in users


def test_held_references_stay_live_after_an_assignment(manager, alice):
    users, costs = manager.user_dict, alice["model_cost"]
    manager.user_dict = {"alice": {"total_budget": 1, "current_cost": 0.5, "model_cost": {"gpt-4o": 0.5}}}
    assert users["alice"] is alice
    assert alice["total_budget"] == 1
    assert costs == {"gpt-4o": 0.5}


def test_a_write_to_one_key_leaves_what_others_wrote_to_another(manager, other, alice):
    other.charge("alice", "1", model="gpt-4o-mini")
    alice["total_budget"] = 20
    alice["model_cost"]["gpt-4o"] = 2
    assert manager.get_current_cost("alice") == 3.5
    assert manager.get_model_cost("alice") == {"gpt-4o": 2, "gpt-4o-mini": 1}


def test_a_write_to_one_user_leaves_those_whom_others_create_and_delete(manager, other, alice):
    manager.create_budget(1, "bob")
    users = manager.user_dict
    assert len(users) == 2
    other.delete_budget("bob")
    other.create_budget(2, "carol")
    users["dave"] = {"total_budget": 3}
    users.update(erin={"total_budget": 4})
    users |= {"frank": {"total_budget": 5}}
    assert manager.get_users() == ["alice", "carol", "dave", "erin", "frank"]


class InterruptedStore(SqliteStore):
    """A store where somebody else gets in before each change."""

    def interrupt(self):
        pass

    def change_budget(self, user, change):
        self.interrupt()
        return super().change_budget(user, change)

    def create_budgets(self, changes):
        self.interrupt()
        return super().create_budgets(changes)


@pytest.fixture
def interrupted(home, other):
    store = InterruptedStore(home / "data" / "budgetctl" / "shop.db", "shop")
    other.create_budget(10, "alice")
    with closing(BudgetManager("shop", store=store)) as manager:
        yield manager, store


@pytest.mark.parametrize(("key", "value"), [("total_budget", 20), ("duration", 7), ("team", "sales")])
def test_a_charge_in_the_midst_of_a_write_is_kept(interrupted, other, key, value):
    manager, store = interrupted
    store.interrupt = lambda: other.charge("alice", "1", model="gpt-4o")
    manager.user_dict["alice"][key] = value
    assert other.user_dict["alice"][key] == value
    assert other.get_model_cost("alice") == {"gpt-4o": 1}


def test_a_user_who_is_created_in_the_midst_of_a_write_is_changed(interrupted, other):
    manager, store = interrupted
    store.interrupt = lambda: other.is_valid_user("bob") or (other.create_budget(5, "bob"), other.charge("bob", "1"))
    manager.user_dict["bob"] = {"total_budget": 20, "team": "sales"}
    assert other.user_dict["bob"] == {"total_budget": 20, "team": "sales", "current_cost": 1, "model_cost": {}}


def test_a_user_who_is_created_in_the_midst_of_an_assignment_stays(interrupted, other):
    manager, store = interrupted
    store.interrupt = lambda: other.create_budget(5, "carol")
    manager.user_dict = {"bob": {"total_budget": 20}}
    assert other.get_users() == ["bob", "carol"]


def test_a_user_who_is_deleted_in_the_midst_of_an_assignment_is_gone(interrupted, other):
    manager, store = interrupted
    store.interrupt = lambda: other.is_valid_user("alice") and other.delete_budget("alice")
    manager.user_dict = {"bob": {"total_budget": 20}}
    assert other.get_users() == ["bob"]


def test_the_record_of_a_deleted_user_keeps_what_it_said(manager, other, alice):
    other.delete_budget("alice")
    assert "alice" not in manager.user_dict
    assert alice == ALICE


def test_the_record_of_a_deleted_user_cannot_be_written(manager, other, alice):
    other.delete_budget("alice")
    with pytest.raises(UnknownUserError):
        alice["total_budget"] = 20
    assert manager.get_users() == []


def test_the_record_of_a_deleted_user_lives_again_with_him(manager, other, alice):
    del manager.user_dict["alice"]
    assert "alice" not in manager.user_dict
    other.create_budget(30, "alice")
    assert alice == {"total_budget": 30}
    assert manager.user_dict["alice"] is alice


def test_a_loop_is_not_disturbed_by_what_it_or_others_change(manager, other):
    manager.user_dict = {f"user-{number}": {"total_budget": 1} for number in range(10)}
    seen = []
    for user, record in manager.user_dict.items():
        other.create_budget(2, f"{user}-of-another")
        if record["total_budget"] == 1:
            del manager.user_dict[user]
        seen.append(user)
    assert seen == [f"user-{number}" for number in range(10)]
    assert len(manager.user_dict) == 10


def test_threads_read_and_write_it_at_once(manager):
    manager.user_dict = {f"user-{number}": {"total_budget": 1} for number in range(8)}
    problems = []

    def work(number):
        try:
            record = manager.user_dict[f"user-{number}"]
            for total in range(2, 12):
                record["total_budget"] = total
                manager.charge(f"user-{number}", "0.1")
                assert [each["total_budget"] for each in manager.user_dict.values()][number] == total
                assert len(json.loads(json.dumps(manager.user_dict))) == 8
        except BaseException as problem:  # noqa: BLE001 - a thread's failure would go unseen
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert list(manager.user_dict.values()) == [{"total_budget": 11, "current_cost": 1, "model_cost": {}}] * 8


# How much work it is


class CountingStore(SqliteStore):
    """A store that counts what is read of it."""

    single = everybody = 0

    def budget(self, user):
        self.single += 1
        return super().budget(user)

    def budgets(self, **options):
        self.everybody += 1
        return super().budgets(**options)


LOOPS = {
    "replace": lambda users, user: users.__setitem__(user, {"total_budget": 2}),
    "write": lambda users, user: users[user].__setitem__("total_budget", 2),
    "write a model's cost": lambda users, user: users[user]["model_cost"].__setitem__("gpt-4o", 2),
    "delete": lambda users, user: users.__delitem__(user),
}


@pytest.mark.parametrize("write", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_over_users_reads_each_record_a_few_times(home, write):
    store = CountingStore(home / "shop.db", "shop")
    with closing(BudgetManager("shop", store=store)) as manager:
        record = {"total_budget": 1, "current_cost": 1, "model_cost": {"gpt-4o": 1}}
        manager.user_dict = {f"user-{number}": record for number in range(2_000)}
        users = list(manager.user_dict)[:200]
        store.single = store.everybody = 0
        for user in users:
            write(manager.user_dict, user)
        assert len(manager.user_dict) in (1_800, 2_000)
        assert store.everybody == 0
        assert store.single <= 2 * len(users)


def test_many_new_users_are_one_transaction(home):
    store = CountingStore(home / "shop.db", "shop")
    with closing(BudgetManager("shop", store=store)) as manager:
        manager.user_dict = {f"user-{number}": {"total_budget": number} for number in range(2_000)}
        assert len(manager.user_dict) == 2_000
        assert (store.single, store.everybody) == (0, 2)
