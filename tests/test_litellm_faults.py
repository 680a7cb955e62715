"""What goes wrong in `litellm.BudgetManager`, and must not here. Each was seen in litellm 1.106.2."""

import json
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import CannotPriceError, InvalidResponseError, InvalidValueError
from budgetctl.pricing import price_response
from budgetctl.stores import SqliteStore

RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_795_348_800,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}],
    "usage": {"prompt_tokens": 1_204, "completion_tokens": 87, "total_tokens": 1_291},
}
GEMINI_RESPONSE = {
    "candidates": [{"content": {"parts": [{"text": "Hello."}], "role": "model"}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100, "totalTokenCount": 1_100},
    "modelVersion": "gemini-2.5-flash",
}

WORKER = f"""
import sys
from budgetctl import BudgetManager

manager = BudgetManager("shop")
manager.update_cost("warm-up", {RESPONSE!r})
print("ready", flush=True)
sys.stdin.readline()
for _ in range(100):
    manager.update_cost("alice", {RESPONSE!r})
"""


@pytest.fixture
def manager():
    with closing(BudgetManager("shop")) as manager:
        yield manager


@contextmanager
def as_stored(project="shop"):
    """The budgets as a program finds them that starts now."""
    with closing(BudgetManager(project)) as manager:
        yield manager


@contextmanager
def worker_process():
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_every_update_of_four_processes_at_once_is_counted(manager):
    manager.create_budget(100, "alice")
    manager.create_budget(100, "warm-up")
    with ExitStack() as running:
        workers = [running.enter_context(worker_process()) for _ in range(4)]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n", worker.communicate()
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            _, errors = worker.communicate(timeout=60)
            assert (worker.returncode, errors) == (0, "")

    each = price_response(RESPONSE).amount
    with as_stored() as stored:
        budget = stored.budget("alice")
        assert budget.limit.spent == 400 * each
        assert budget.models == {RESPONSE["model"]: 400 * each}
        assert [entry.number for entry in stored.history("alice")] == list(range(400, 0, -1))


def test_ten_thousand_users_are_durable_and_stay_readable_after_an_update(manager):
    manager.user_dict = {f"user-{number}": {"total_budget": number} for number in range(10_000)}
    manager.charge("user-7777", "0.25")
    with as_stored() as stored:
        assert json.loads(json.dumps(stored.user_dict)) == {
            **{f"user-{number}": {"total_budget": number} for number in range(10_000)},
            "user-7777": {"total_budget": 7777, "current_cost": 0.25, "model_cost": {}},
        }


def test_an_update_among_ten_thousand_users_writes_as_much_as_among_ten(home):
    def bytes_for_an_update(users):
        store = SqliteStore(home / f"{users}.db", "shop")
        with closing(BudgetManager("shop", store=store)) as manager:
            manager.migrate({f"user-{number}": {"total_budget": 1} for number in range(users)})
            manager.close()  # which empties the log of writes
            manager.charge("user-1", "0.01")
            return Path(f"{store.path}-wal").stat().st_size

    assert bytes_for_an_update(10_000) < 2 * bytes_for_an_update(10)


def test_a_budget_without_a_duration_is_saved(manager):
    manager.create_budget(10, "alice")
    with as_stored() as stored:
        assert stored.get_total_budget("alice") == 10


def test_creating_a_user_again_changes_the_limit_and_keeps_the_spend(manager):
    manager.create_budget(10, "alice", "monthly")
    manager.charge("alice", "2.5", model="gpt-4o")
    manager.create_budget(20, "alice", "monthly")
    assert manager.get_total_budget("alice") == 20
    assert manager.get_current_cost("alice") == 2.5
    assert manager.get_model_cost("alice") == {"gpt-4o": 2.5}


def test_an_invalid_duration_makes_no_user(manager):
    with pytest.raises(ValueError, match="fortnightly"):
        manager.create_budget(10, "alice", "fortnightly")
    assert not manager.is_valid_user("alice")


def test_an_invalid_duration_leaves_a_user_as_he_was(manager):
    before = manager.create_budget(10, "alice", "monthly")
    with pytest.raises(ValueError, match="fortnightly"):
        manager.create_budget(20, "alice", "fortnightly")
    assert manager.user_dict == {"alice": before}


def test_a_budget_is_created_at_the_time_of_the_call(home, clock):
    with closing(BudgetManager("shop", store=SqliteStore(home / "shop.db", "shop", clock=clock))) as manager:
        clock.advance(days=3)
        assert manager.create_budget(10, "alice", "daily")["created_at"] == clock.now_us / 1e6


def test_nothing_is_written_to_the_current_directory(manager):
    manager.create_budget(10, "alice", "daily")
    manager.charge("alice", "1")
    assert list(Path.cwd().iterdir()) == []


def test_projects_do_not_see_each_other(manager):
    manager.create_budget(10, "alice")
    with as_stored("another") as another:
        assert not another.is_valid_user("alice")
        another.create_budget(3, "alice")
    assert manager.get_total_budget("alice") == 10


def test_monthly_is_a_month_of_the_calendar_and_late_resets_do_not_drift(home, clock):
    with closing(BudgetManager("shop", store=SqliteStore(home / "shop.db", "shop", clock=clock))) as manager:
        clock.now_us = int(datetime(2027, 1, 31, 9, 30, tzinfo=UTC).timestamp()) * 1_000_000
        manager.create_budget(10, "alice", "monthly")
        starts = []
        for late_by_days in (28 + 3, 31 - 1, 30 + 1):
            clock.advance(days=late_by_days)
            manager.update_budget_all_users()
            starts.append(datetime.fromtimestamp(manager.user_dict["alice"]["last_updated_at"], UTC))
        assert [f"{start:%d %b %H:%M}" for start in starts] == ["28 Feb 09:30", "31 Mar 09:30", "30 Apr 09:30"]


def test_a_reset_is_saved(manager):
    manager.create_budget(10, "alice")
    manager.charge("alice", "2.5", model="gpt-4o")
    manager.reset_cost("alice")
    with as_stored() as stored:
        assert stored.get_current_cost("alice") == 0
        assert stored.get_model_cost("alice") == {}


def test_a_user_without_a_duration_has_nothing_to_reset(manager):
    manager.create_budget(10, "alice")
    manager.charge("alice", "2.5")
    manager.reset_on_duration("alice")
    assert manager.get_current_cost("alice") == 2.5


def test_empty_output_text_costs_nothing(manager):
    manager.create_budget(10, "alice")
    manager.update_cost("alice", model="gpt-4o", input_text="Hi", output_text="")
    manager.create_budget(10, "bob")
    manager.update_cost("bob", model="gpt-4o", input_text="Hi", output_text="Hi")
    assert 0 < manager.get_current_cost("alice") < manager.get_current_cost("bob")


def test_text_beside_a_response_is_refused(manager):
    manager.create_budget(10, "alice")
    with pytest.raises(InvalidValueError, match="both"):
        manager.update_cost("alice", RESPONSE, "gpt-4o", "Hi", "Hello.")
    assert manager.get_current_cost("alice") == 0


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [{"type": "text", "text": "hello world"}]}],
        [{"role": "assistant", "content": None}, {"role": "user", "content": "hello world"}],
        [{"role": "assistant", "tool_calls": []}, {"role": "user", "content": "hello world"}],
    ],
    ids=["parts", "none", "missing"],
)
def test_the_text_of_any_message_is_projected(manager, messages):
    manager.create_budget(10, "alice")
    plain = [{"role": "user", "content": "hello world"}]
    assert manager.projected_cost("gpt-4o", messages, "alice") == manager.projected_cost("gpt-4o", plain, "alice") > 0


@pytest.mark.parametrize("budget", [-5, float("nan"), float("inf"), "10", None, True], ids=repr)
def test_what_is_no_amount_is_refused_as_a_budget(manager, budget):
    with pytest.raises(ValueError, match="amount of money"):
        manager.create_budget(budget, "alice")
    assert manager.get_users() == []


def test_spend_does_not_drift(manager):
    manager.create_budget(10, "alice")
    for _ in range(10):
        manager.charge("alice", "0.1")
    assert manager.get_current_cost("alice") == 1
    assert sum([0.1] * 10) != 1


def test_a_response_without_usage_is_refused(manager):
    manager.create_budget(10, "alice")
    with pytest.raises(InvalidResponseError):
        manager.update_cost("alice", {key: value for key, value in RESPONSE.items() if key != "usage"})
    assert list(manager.history("alice")) == []


def test_a_response_of_gemini_does_not_cost_nothing(manager):
    manager.create_budget(10, "alice")
    with suppress(InvalidResponseError):
        manager.update_cost("alice", GEMINI_RESPONSE)
    assert all(entry.amount for entry in manager.history("alice"))


def test_a_model_without_a_price_is_an_error(manager):
    manager.create_budget(10, "alice")
    with pytest.raises(CannotPriceError):
        manager.update_cost("alice", {**RESPONSE, "model": "gpt-0-imaginary"})
    assert list(manager.history("alice")) == []


def test_an_edit_of_a_returned_record_changes_nothing(manager):
    created = manager.create_budget(10, "alice")
    created["total_budget"] = 1_000
    updated = manager.update_cost("alice", RESPONSE)["user"]
    spent = updated["current_cost"]
    updated["current_cost"] = 0
    updated["model_cost"].clear()
    assert manager.get_total_budget("alice") == 10
    assert manager.get_current_cost("alice") == spent > 0
    assert manager.get_model_cost("alice") == {RESPONSE["model"]: spent}


def test_an_unknown_client_type_is_refused_at_once():
    with pytest.raises(ValueError, match="'remote'"):
        BudgetManager("shop", client_type="remote")
