"""What texts and prompts cost: as litellm's own `BudgetManager` charges."""

import pytest

from budgetctl import money
from budgetctl.errors import CannotPriceError, InvalidValueError
from budgetctl.pricing import price_prompt, price_text, price_tokens
from budgetctl.pricing.counting.prompts import text_of

MODELS = ["gpt-4o", "gpt-3.5-turbo", "claude-sonnet-4-5", "gemini/gemini-2.5-flash", "perplexity/perplexity/sonar"]


@pytest.fixture
def manager(litellm, tmp_path, monkeypatch):
    """The manager of litellm itself, with its file in a temporary directory."""
    monkeypatch.chdir(tmp_path)
    manager = litellm.BudgetManager(project_name="test")
    monkeypatch.setattr(manager, "_save_data_thread", lambda: None)
    manager.create_budget(total_budget=10, user="alice")
    return manager


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("input_text", "output_text"),
    [("Hi", "Hello! How can I help?"), ("héllo wörld\n" * 50, "日本語 " * 40), ("<|endoftext|>", "x")],
)
def test_text_costs_what_litellms_manager_charges(manager, model, input_text, output_text):
    manager.update_cost(user="alice", model=model, input_text=input_text, output_text=output_text)
    expected = money.from_number(manager.get_current_cost("alice"))
    assert price_text(model, input_text, output_text).amount == expected > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_prompt_costs_what_litellms_manager_projects(manager, model):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello world"}]
    expected = manager.projected_cost(model=model, messages=messages, user="alice")
    assert price_prompt(model, text_of(messages)).amount == money.from_number(expected) > 0


@pytest.mark.parametrize("model", MODELS)
def test_messages_cost_what_litellm_counts_of_them(litellm, model):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello", "name": "bob"}]
    tokens = litellm.token_counter(model=model, messages=messages)
    assert price_prompt(model, messages).usage.total_input == tokens


def test_a_text_prompt_is_counted_as_text_and_a_response_as_messages():
    assert price_prompt("gpt-4o", "Hi").usage.uncached_input == 1
    assert price_text("gpt-4o", "Hi", "").usage.uncached_input == 8


def test_empty_text_is_no_tokens():
    assert price_text("gpt-4o", "Hi", "").usage.text_output == 0
    assert price_text("gpt-4o", "", "Hi").usage.uncached_input == 0
    assert price_text("gpt-4o", "", "").amount == 0


def test_the_text_of_all_parts_counts():
    parts = [
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "text", "text": " world"},
    ]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}, {"role": "tool"}]
    assert text_of(messages) == "hello world"


def test_litellms_message_objects_are_messages(litellm):
    message = litellm.Message(role="assistant", content="hello world")
    assert text_of([message]) == "hello world"
    sent = {"role": "assistant", "content": "hello world"}
    assert price_prompt("gpt-4o", [message]) == price_prompt("gpt-4o", [sent])


def test_the_longest_answer_is_part_of_the_projection():
    assert price_prompt("gpt-4o", "hello world", 500) == price_tokens("gpt-4o", 2, 500)


def test_tokens_cost_what_litellm_says(litellm):
    expected = sum(litellm.cost_per_token(model="gpt-4o", prompt_tokens=1204, completion_tokens=87))
    price = price_tokens("gpt-4o", 1204, 87)
    assert price.amount == money.from_number(expected)
    assert (price.usage.total_input, price.usage.total_output) == (1204, 87)


@pytest.mark.parametrize("tokens", [-1, True, 1.0, "1", None, 10**13])
def test_tokens_are_whole_numbers(tokens):
    for ask in (
        lambda: price_tokens("gpt-4o", tokens, 1),
        lambda: price_tokens("gpt-4o", 1, tokens),
        lambda: price_prompt("gpt-4o", "Hi", tokens),
    ):
        with pytest.raises(InvalidValueError, match="whole number of tokens"):
            ask()


@pytest.mark.parametrize("text", [None, 1, b"Hi", ["Hi"]])
def test_text_is_text(text):
    with pytest.raises(InvalidValueError, match="input_text must be text"):
        price_text("gpt-4o", text, "Hi")


@pytest.mark.parametrize(
    "messages", [None, 5, {"role": "user", "content": "Hi"}, ["Hi"], [{"content": 5}], [{"content": ["Hi"]}]]
)
def test_messages_are_messages(messages):
    with pytest.raises(InvalidValueError):
        price_prompt("gpt-4o", messages)


@pytest.mark.parametrize("model", ["", " ", None, 4, "a\nb"])
def test_a_model_has_a_name(model):
    with pytest.raises(InvalidValueError, match="not the name of a model"):
        price_text(model, "Hi", "Hi")


def test_text_for_a_model_without_a_price_is_refused():
    with pytest.raises(CannotPriceError, match="no-such-model"):
        price_text("no-such-model", "Hi", "Hello")


def test_text_is_never_free_because_nobody_counts_it(litellm, monkeypatch):
    monkeypatch.setattr(litellm, "disable_token_counter", True)
    with pytest.raises(CannotPriceError, match="disable_token_counter"):
        price_text("gpt-4o", "Hi", "Hello")
