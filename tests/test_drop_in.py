"""Code that was written for `litellm.BudgetManager` works here when only its import changes."""

import inspect
import json
import time
import uuid
import warnings
from contextlib import closing
from enum import Enum, IntEnum
from pathlib import Path

import litellm
import pytest
from litellm import ModelResponse

from budgetctl import BudgetManager
from budgetctl.errors import InvalidResponseError, InvalidValueError, UnknownUserError

# pydantic's, about a type of litellm's, when litellm makes its first response.
pytestmark = pytest.mark.filterwarnings("ignore:.*is using the `ReadOnly` qualifier:UserWarning")

MESSAGES = [{"role": "user", "content": "Hey, how's it going?"}]

DOCUMENT = {"model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 20}}
AN_HOUR_AGO = float(time.time() // 1 - 3_600)

LOGS = {"print_verbose"}
"""What litellm's class has for itself."""


@pytest.fixture
def manager():
    with closing(BudgetManager("shop")) as manager:
        yield manager


class SavingInLine(litellm.BudgetManager):
    """litellm's own, but for its threads: they write its file over each other."""

    def _save_data_thread(self):
        self.save_data()


@pytest.fixture
def theirs(manager):
    """The other side of a comparison, with its file in the test's directory."""
    return SavingInLine("shop")


@pytest.fixture(scope="module")
def response():
    return litellm.completion(model="gpt-4o", messages=MESSAGES, mock_response="Fine, thanks.")


def response_of(model, input_tokens, output_tokens):
    return ModelResponse(
        model=model,
        usage=litellm.Usage(
            prompt_tokens=input_tokens, completion_tokens=output_tokens, total_tokens=input_tokens + output_tokens
        ),
    )


def comparable(value):
    """The value without what binary floats add, and as litellm's file has it."""
    if isinstance(value, float):
        return round(value, 12)
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return value


# The page of litellm's documentation about budgets, with another import


def test_the_example_of_litellms_documentation_works(manager):
    user = "1234"
    if not manager.is_valid_user(user):
        manager.create_budget(total_budget=10, user=user, duration="daily")
    if manager.get_current_cost(user=user) <= manager.get_total_budget(user):
        response = litellm.completion(model="gpt-4o", messages=MESSAGES, mock_response="Fine, thanks.")
        manager.update_cost(completion_obj=response, user=user)
    else:
        response = "Sorry - no more !"
    assert manager.get_current_cost(user) == comparable(litellm.completion_cost(response))


def test_a_spent_budget_is_seen_by_the_check_before_a_call(manager):
    manager.create_budget(0.001, "alice")
    manager.update_cost("alice", response_of("gpt-4o", 1_000, 100))
    assert not manager.get_current_cost("alice") <= manager.get_total_budget("alice")


def test_update_cost_takes_the_texts_of_a_call(manager):
    manager.create_budget(total_budget=100, user="alice")
    manager.update_cost(user="alice", model="gpt-4o", input_text="Hey, how's it going?", output_text="Fine, thanks.")
    assert list(manager.get_model_cost("alice")) == ["gpt-4o"]


def test_a_daily_budget_is_reset_a_day_later(manager):
    manager.create_budget(10, "alice", "daily")
    manager.update_cost("alice", response_of("gpt-4o", 1_000, 100))
    manager.user_dict["alice"]["last_updated_at"] -= 86_400
    manager.update_budget_all_users()
    assert manager.get_current_cost("alice") == 0
    assert manager.get_model_cost("alice") == {}


def test_a_daily_budget_is_not_reset_before(manager):
    manager.create_budget(10, "alice", "daily")
    manager.update_cost("alice", response_of("gpt-4o", 1_000, 100))
    manager.user_dict["alice"]["last_updated_at"] -= 86_000
    manager.update_budget_all_users()
    assert manager.get_current_cost("alice") > 0


def test_a_projected_cost_is_checked_before_a_call(manager, response):
    manager.create_budget(10, "alice")
    manager.update_cost("alice", response)
    projected = manager.projected_cost(model="gpt-4o", messages=MESSAGES, user="alice")
    assert manager.get_current_cost("alice") < projected < manager.get_total_budget("alice")


# Against litellm's own


@pytest.mark.parametrize(
    "name", sorted(name for name in vars(litellm.BudgetManager) if not name.startswith("_") and name not in LOGS)
)
def test_methods_have_litellms_arguments_in_litellms_order(name):
    takes = list(inspect.signature(getattr(litellm.BudgetManager, name)).parameters.values())
    ours = list(inspect.signature(getattr(BudgetManager, name)).parameters.values())
    assert [parameter.name for parameter in ours[: len(takes)]] == [parameter.name for parameter in takes]
    for parameter, own in zip(takes, ours, strict=False):
        assert own.kind == parameter.kind
        assert (own.default is own.empty) == (parameter.default is parameter.empty)
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in ours[len(takes) :])


def test_it_is_made_as_litellms_is():
    takes = list(inspect.signature(litellm.BudgetManager).parameters)
    assert list(inspect.signature(BudgetManager).parameters)[: len(takes)] == takes
    with closing(BudgetManager("shop", "local", None, {"Content-Type": "application/json"})) as manager:
        assert (manager.project_name, manager.client_type) == ("shop", "local")


STEPS = {
    "create positional": lambda m: m.create_budget(10, "alice"),
    "create keyword": lambda m: m.create_budget(total_budget=10, user="alice"),
    "create daily": lambda m: m.create_budget(10.5, "alice", "daily", AN_HOUR_AGO),
    "create weekly": lambda m: m.create_budget(10.5, "alice", "weekly", AN_HOUR_AGO),
    "create monthly": lambda m: m.create_budget(10.5, "alice", duration="monthly", created_at=AN_HOUR_AGO),
    "create yearly": lambda m: m.create_budget(10.5, "alice", duration="yearly", created_at=AN_HOUR_AGO),
    "projected_cost": lambda m: with_alice(m).projected_cost("gpt-4o", MESSAGES, "alice"),
    "projected_cost keyword": lambda m: with_alice(m).projected_cost(user="alice", model="gpt-4o", messages=MESSAGES),
    "projected_cost joins the texts": lambda m: with_alice(m).projected_cost("gpt-4o", MESSAGES * 3, "alice"),
    "projected_cost after a cost": lambda m: with_cost(m).projected_cost("gpt-4o", MESSAGES, "alice"),
    "get_total_budget": lambda m: with_alice(m).get_total_budget("alice"),
    "get_total_budget keyword": lambda m: with_alice(m).get_total_budget(user="alice"),
    "update_cost object": lambda m: with_alice(m).update_cost("alice", response_of("gpt-4o", 1_204, 87)),
    "update_cost object keyword": lambda m: with_alice(m).update_cost(
        completion_obj=response_of("gpt-4o", 1_204, 87), user="alice"
    ),
    "update_cost object of Anthropic": lambda m: with_alice(m).update_cost(
        "alice", response_of("anthropic/claude-sonnet-4-5", 1_204, 87)
    ),
    "update_cost dictionary": lambda m: with_alice(m).update_cost(
        "alice", response_of("gpt-4o", 1_204, 87).model_dump()
    ),
    "update_cost object and model": lambda m: with_alice(m).update_cost("alice", response_of("gpt-4o", 9, 9), "gpt-4o"),
    "update_cost text": lambda m: with_alice(m).update_cost("alice", None, "gpt-4o", "Hi", "Hello there."),
    "update_cost text keyword": lambda m: with_alice(m).update_cost(
        user="alice", model="claude-sonnet-4-5", input_text="Hi", output_text="Hello there."
    ),
    "update_cost of a second model": lambda m: with_cost(m).update_cost("alice", response_of("gpt-4o-mini", 9, 9)),
    "update_cost of the same model": lambda m: with_cost(m).update_cost("alice", response_of("gpt-4o", 9, 9)),
    "get_current_cost": lambda m: with_cost(m).get_current_cost("alice"),
    "get_current_cost keyword": lambda m: with_cost(m).get_current_cost(user="alice"),
    "get_current_cost of nothing": lambda m: with_alice(m).get_current_cost("alice"),
    "get_model_cost": lambda m: with_cost(m).get_model_cost("alice"),
    "is_valid_user": lambda m: with_alice(m).is_valid_user("alice"),
    "is_valid_user of nobody": lambda m: with_alice(m).is_valid_user(user="nobody"),
    "get_users": lambda m: with_alice(m).get_users(),
    "get_users of nobody": lambda m: m.get_users(),
    "reset_cost": lambda m: with_cost(m).reset_cost("alice"),
    "reset_cost keyword": lambda m: with_cost(m).reset_cost(user="alice"),
    "reset_on_duration": lambda m: with_duration(m).reset_on_duration("alice"),
    "update_budget_all_users": lambda m: with_duration(m).update_budget_all_users(),
    "save_data": lambda m: with_cost(m).save_data(),
    "load_data": lambda m: saved(with_cost(m)).load_data(),
    "user_dict": lambda m: dict(with_cost(m).user_dict["alice"]),
}


def with_alice(manager):
    manager.create_budget(10, "alice")
    return manager


def with_duration(manager):
    manager.create_budget(10, "alice", "daily", created_at=AN_HOUR_AGO)
    return manager


def with_cost(manager):
    with_alice(manager).update_cost("alice", response_of("gpt-4o", 1_204, 87))
    return manager


def saved(manager):
    manager.save_data()
    return manager


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_call_answers_what_litellms_answers(manager, theirs, step):
    answer, expected = step(manager), step(theirs)
    assert comparable(answer) == comparable(expected)
    assert comparable(manager.user_dict) == comparable(theirs.user_dict)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_an_answer_can_be_written_as_json(manager, step):
    json.dumps(step(manager))


def test_a_reset_window_reads_as_in_litellm(manager, theirs):
    for each in (manager, theirs):
        with_duration(each).update_cost("alice", response_of("gpt-4o", 1_204, 87))
        each.user_dict["alice"]["last_updated_at"] -= 86_400
        each.reset_on_duration("alice")
    ours, expected = (comparable(dict(each.user_dict["alice"])) for each in (manager, theirs))
    # litellm's next window starts now, ours where the last one ended.
    assert ours.pop("last_updated_at") <= expected.pop("last_updated_at")
    assert ours == expected


# What litellm's documentation and its users do beside that


def test_the_response_may_come_before_the_user(manager, response):
    manager.create_budget(10, "alice")
    manager.update_cost(response, "alice")
    assert manager.get_current_cost("alice") == comparable(litellm.completion_cost(response))


@pytest.mark.parametrize("user", [1234, uuid.UUID(int=7)], ids=["int", "UUID"])
def test_users_need_not_be_text(manager, response, user):
    manager.create_budget(10, user)
    manager.update_cost(user, response)
    assert manager.is_valid_user(user)
    assert manager.get_current_cost(user) == manager.get_current_cost(str(user)) > 0
    assert manager.get_users() == [str(user)]


def test_a_response_may_come_before_a_user_who_is_an_int(manager, response):
    manager.create_budget(10, 1234)
    manager.update_cost(response, 1234)
    assert manager.get_current_cost(1234) > 0


def test_a_user_of_an_enumeration_is_its_value(manager):
    class Team(str, Enum):  # noqa: UP042 - people still write it so, and its str() is another
        SALES = "sales"

    class Number(IntEnum):
        SEVEN = 7

    manager.create_budget(10, Team.SALES)
    manager.create_budget(20, Number.SEVEN)
    assert manager.get_users() == ["7", "sales"]
    assert manager.user_dict[Team.SALES] == {"total_budget": 10}


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.get_total_budget("nobody"),
        lambda m: m.get_current_cost("nobody"),
        lambda m: m.get_model_cost("nobody"),
        lambda m: m.projected_cost("gpt-4o", MESSAGES, "nobody"),
        lambda m: m.update_cost("nobody", DOCUMENT),
        lambda m: m.reset_cost("nobody"),
        lambda m: m.reset_on_duration("nobody"),
    ],
    ids=["total", "current", "model", "projected", "update", "reset", "reset_on_duration"],
)
def test_an_unknown_user_is_a_key_error(manager, ask):
    with pytest.raises(KeyError) as caught:
        ask(manager)
    assert isinstance(caught.value, UnknownUserError)
    assert "nobody" in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.create_budget(-1, "alice"),
        lambda m: m.create_budget(10, ""),
        lambda m: m.create_budget(10, "a\x1b[2Jb"),
        lambda m: m.create_budget(10, None),
        lambda m: m.create_budget(10, True),
        lambda m: m.create_budget(10, "alice", "never"),
        lambda m: m.create_budget(10, "alice", ""),
        lambda m: m.create_budget(10, "alice", 28),
        lambda m: m.create_budget(10, "alice", "daily", "yesterday"),
        lambda m: m.create_budget(10, "alice", "daily", float("nan")),
        lambda m: m.create_budget(10, "alice", align="sometimes"),
        lambda m: m.create_budget(10, "alice", "2w", align="calendar"),
        lambda m: m.create_budget(10, "alice", timezone="Europe/Atlantis"),
        lambda m: m.create_budget(10, "alice", timezone=3),
    ],
)
def test_a_bad_value_is_a_value_error_and_creates_nobody(manager, ask):
    with pytest.raises(InvalidValueError):
        ask(manager)
    assert manager.get_users() == []


def test_errors_of_values_are_value_errors():
    assert issubclass(InvalidValueError, ValueError)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.update_cost("alice"),
        lambda m: m.update_cost("alice", model="gpt-4o"),
        lambda m: m.update_cost("alice", input_text="Hi", output_text="Hello."),
        lambda m: m.update_cost("alice", model="gpt-4o", input_text=[], output_text="Hello."),
        lambda m: m.update_cost("alice", model="gpt-4o", input_text=7, output_text="Hello."),
        lambda m: m.update_cost("alice", DOCUMENT, input_text="Hi"),
        lambda m: m.update_cost("alice", "Hello."),
        lambda m: m.update_cost(DOCUMENT, DOCUMENT),
        lambda m: m.update_cost("alice", DOCUMENT, idempotency_key=""),
    ],
)
def test_what_says_no_cost_is_a_value_error_and_charges_nothing(manager, ask):
    manager.create_budget(10, "alice")
    with pytest.raises(InvalidValueError):
        ask(manager)
    assert list(manager.history("alice")) == []


def test_a_response_without_usage_is_a_value_error(manager):
    manager.create_budget(10, "alice")
    with pytest.raises(InvalidResponseError):
        manager.update_cost("alice", {"model": "gpt-4o", "choices": []})


def test_each_call_charges_as_in_litellm(manager, response):
    manager.create_budget(10, "alice")
    once = manager.update_cost("alice", response)["user"]["current_cost"]
    assert manager.update_cost("alice", response)["user"]["current_cost"] == pytest.approx(2 * once)


def test_an_idempotency_key_charges_once(manager, response):
    manager.create_budget(10, "alice")
    once = manager.update_cost("alice", response, idempotency_key="call-1")
    assert manager.update_cost("alice", response, idempotency_key="call-1") == once


# litellm's file


def save_litellms_file():
    record = {"total_budget": 10, "current_cost": 0.5, "model_cost": {"gpt-4o": 0.5}}
    Path("user_cost.json").write_text(json.dumps({"alice": record}))


def construct():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        manager = BudgetManager("shop")
    return manager, [str(warning.message) for warning in caught], [warning.filename for warning in caught]


def test_litellms_file_is_not_ignored_silently():
    save_litellms_file()
    manager, said, where = construct()
    manager.close()
    (message,) = said
    assert "user_cost.json" in message
    assert "budgetctl migrate" in message
    assert where == [__file__]


def test_litellms_file_is_warned_about_each_time_while_the_project_is_empty():
    save_litellms_file()
    for _ in range(2):
        manager, said, _ = construct()
        assert manager.get_users() == []
        manager.close()
        assert len(said) == 1


def test_litellms_file_is_not_warned_about_after_it_was_taken_over():
    save_litellms_file()
    manager, _, _ = construct()
    manager.migrate(json.loads(Path("user_cost.json").read_text()))
    manager.close()
    again, said, _ = construct()
    assert said == []
    assert again.get_current_cost("alice") == 0.5
    again.close()


def test_without_litellms_file_there_is_no_warning():
    manager, said, _ = construct()
    manager.close()
    assert said == []


def test_what_litellm_saved_is_taken_over_as_it_is(manager, theirs):
    with_cost(theirs).create_budget(5, "bob", "weekly", AN_HOUR_AGO)
    theirs.user_dict["bob"]["team"] = {"name": "sales"}
    theirs.reset_cost("bob")
    theirs.save_data()
    manager.migrate(json.loads(Path("user_cost.json").read_text()))
    assert comparable(manager.user_dict) == comparable(theirs.user_dict)
