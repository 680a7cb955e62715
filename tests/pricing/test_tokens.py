"""Counting tokens as litellm does, without importing it: here in a process that never does, beside the real litellm."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from budgetctl.errors import CannotPriceError
from budgetctl.pricing import price_prompt, price_text
from budgetctl.pricing.litellm.asking import count_message_tokens, count_text_tokens
from budgetctl.pricing.prices import price_map

O200K, CL100K, ANTHROPIC = "gpt-4o", "gpt-4", "claude-sonnet-4-5"
MODELS = [
    O200K,
    "gpt-5-mini",
    CL100K,
    "ft:gpt-4o-2024-08-06",  # litellm does not know it for OpenAI's
    "openai/gpt-4o",
    "gpt-35-turbo",
    "text-davinci-003",
    ANTHROPIC,
    "anthropic/claude-sonnet-4-5",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "groq/llama-3.1-8b-instant",
    "replicate/meta/llama-2-7b-chat",
    "command-r",
    "gemini/gemini-2.5-flash",
    "no-such-model",
]
TELLING = "Hello, naïve wörld! 日本語 <|endoftext|> def f(x): return x**2  \n\n\t 12345678 I'LL don't ZXCVasdfQWER"
"""Of which every tokenizer makes another number."""

ODD = [
    TELLING,
    "",
    "\0",
    "\0\x01\x1b[31m\x7f\u200b\ufeff",
    "<|endoftext|><|im_start|><|fim_prefix|><|endofprompt|><EOT><META_START>",
    "👩‍👩‍👧‍👦🏳️‍🌈 e\u0301 ﷺ",
    "\r\n\r\n \t x  \n",
    "İstanbul ǅ ẞ ٣٤٥ Ⅻ \U0001d573\U0001d58a",
]
LONG = [
    Path(__file__).read_text(),
    "a" * 20_000,
    " " * 20_000,
    "👩‍👩‍👧‍👦" * 1_000,
    TELLING * 100,
    "=" * 1_023 + "日本" + "\n" * 3_000,
]

WORKER = """
import ast, sys
from budgetctl.pricing.counting import tokens
for line in sys.stdin:
    if line.startswith("as if none had been counted"):
        tokens._encoding.cache_clear()
        continue
    answers = [getattr(tokens, name)(*arguments) for name, *arguments in ast.literal_eval(line)]
    assert "litellm" not in sys.modules
    print(answers, flush=True)
"""

TEXTS = st.one_of(
    st.text(),
    st.text("aA1 '\n\t.-", max_size=80),
    st.lists(st.sampled_from([*ODD, "hello", " ", "    ", "don't", "x = 1\n"]), max_size=8).map("".join),
    st.builds(lambda text, times: text * times, st.text(max_size=12), st.integers(1, 400)),
)
SURROGATES = st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010, categories=["Cs", "Co", "Lo"]))
PARTS = st.one_of(
    TEXTS,
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
    st.sampled_from(
        [
            {"type": "text"},
            {"type": "text", "text": None},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "image_url", "image_url": "data:image/png;base64,aGVsbG8="},
            {"type": "thinking", "thinking": "hm"},
            {"type": "no-such-type"},
            {},
            None,
        ]
    ),
)
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", ""])},
        optional={
            "content": st.none() | TEXTS | st.lists(PARTS, max_size=3) | st.integers(),
            "name": st.none() | TEXTS | st.integers(),
            "tool_call_id": st.text(),
            "tool_calls": st.sampled_from([None, [], CALLS, "f"]),
            "function_call": st.sampled_from([None, {"name": "f", "arguments": "{}"}]),
            "search_results": st.sampled_from([None, [], "found"]),
            "unknown": st.none() | st.text() | st.integers() | st.lists(st.text()) | st.booleans(),
        },
    ),
    max_size=3,
)

same_every_time = settings(derandomize=True, deadline=None, max_examples=150)


@pytest.fixture(scope="module")
def counts():
    """Count in a process without litellm: each question is the name of a function and its arguments."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="ascii"
    ) as process:

        def ask(*questions, first=False):
            if first:
                process.stdin.write("as if none had been counted\n")
            process.stdin.write(ascii(list(questions)) + "\n")
            process.stdin.flush()
            return ast.literal_eval(process.stdout.readline())

        yield ask
        process.stdin.close()


def of_litellm(count, model, content):
    """What litellm counts; None where it cannot."""
    try:
        return count(model, content)
    except CannotPriceError:
        return None


def run(code, **environment):
    """Run Python code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )


# Text


def test_litellms_tokenizers_are_told_apart(litellm):
    assert len({count_text_tokens(model, TELLING) for model in (O200K, CL100K, ANTHROPIC)}) == 3


def test_no_network_is_needed_for_litellm_to_say_the_same(litellm, counts):
    for model in (O200K, CL100K, ANTHROPIC):
        assert counts(("count_text", model, TELLING)) == [litellm.token_counter(model=model, text=TELLING)]


@pytest.mark.parametrize("model", MODELS)
def test_text_is_counted_for_any_model(model, counts):
    assert counts(*(("count_text", model, text) for text in ODD)) == [count_text_tokens(model, text) for text in ODD]


@pytest.mark.parametrize("model", [O200K, CL100K, ANTHROPIC])
@same_every_time
@given(text=TEXTS)
def test_any_text_is_counted(model, counts, text):
    assert counts(("count_text", model, text)) == [count_text_tokens(model, text)]


@pytest.mark.parametrize("model", [O200K, CL100K])
@settings(same_every_time, max_examples=50)
@given(text=TEXTS)
def test_the_first_text_of_a_process_is_counted(model, counts, text):
    """For which only those tokens are looked at that occur in it."""
    assert counts(("count_text", model, text), first=True) == [count_text_tokens(model, text)]


@pytest.mark.parametrize("model", [O200K, CL100K])
@pytest.mark.parametrize(
    "text",
    [*ODD, *(text[:8000] for text in LONG), "a\ud800b", "\ud83d\ude00" * 600],
    ids=lambda text: ascii(text[:12]),
)
def test_an_odd_first_text_is_counted(model, counts, text):
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "Hello."}]
    assert counts(("count_text", model, text), ("count_messages", model, messages), first=True) == [
        count_text_tokens(model, text),
        count_message_tokens(model, messages),
    ]


@pytest.mark.parametrize("model", [O200K, CL100K, ANTHROPIC])
@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:1])
def test_long_text_is_counted(model, counts, text):
    assert counts(("count_text", model, text)) == [count_text_tokens(model, text)]


@pytest.mark.parametrize("model", [O200K, CL100K])
@same_every_time
@given(text=SURROGATES)
@example(text="\ud83d\ude00")
@example(text="x" * 1_023 + "\ud83d\ude00")
def test_halves_of_characters_are_counted_as_litellm_does(model, counts, text):
    assert counts(("count_text", model, text)) == [count_text_tokens(model, text)]


def test_halves_of_characters_that_litellm_does_not_count_have_no_price(counts):
    assert counts(("count_text", ANTHROPIC, "a\ud800b")) == [None]
    with pytest.raises(CannotPriceError, match="cannot count"):
        price_text(ANTHROPIC, "a\ud800b", "Hi")


def test_a_model_of_the_map_has_the_tokenizer_that_litellm_gives_it(litellm, counts):
    chosen = ("openai", "anthropic", "cohere")
    names = [name for name, entry in litellm.model_cost.items() if entry.get("litellm_provider") in chosen]
    names += [name for name in litellm.model_cost if "gpt-4o" in name or "claude" in name][::5]
    names += [name.upper() for name in names[::10]]
    asked = [name for name in names if not name.lower().startswith(("github_copilot", "chatgpt"))]
    assert counts(*(("count_text", name, TELLING) for name in asked)) == [
        count_text_tokens(name, TELLING) for name in asked
    ]


def test_messages_that_litellm_counts_by_an_old_rule_are_left_to_it(counts):
    assert counts(("count_messages", "gpt-3.5-turbo-0301", [])) == [None]


def test_text_that_litellm_extrapolates_is_left_to_it(counts):
    assert counts(("count_text", O200K, "a " * 2_000_001)) == [None]


# Messages


@pytest.mark.parametrize("model", [O200K, CL100K, ANTHROPIC, "command-r"])
@same_every_time
@given(messages=MESSAGES)
def test_messages_are_counted_or_left_to_litellm(model, counts, messages):
    (count,) = counts(("count_messages", model, messages))
    assert count in (None, of_litellm(count_message_tokens, model, messages))


@pytest.mark.parametrize("model", MODELS)
def test_messages_of_text_are_counted(model, counts):
    messages = [
        {"role": "system", "content": "Be brief.", "name": "rules"},
        {"role": "user", "content": [{"type": "text", "text": TELLING}, "and", {"type": "text", "text": ""}]},
        {"role": "assistant", "content": None, "refusal": "no", "tool_calls": None, "index": 1, "audio": {"id": "a"}},
    ]
    assert counts(("count_messages", model, messages), ("count_messages", model, [])) == [
        count_message_tokens(model, messages),
        count_message_tokens(model, []),
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "tool_calls": CALLS},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
        {"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "Hi"}}]},
        {"role": "user", "content": [5]},
    ],
    ids=["tools", "function", "image", "document", "number"],
)
def test_what_is_more_than_text_is_left_to_litellm(counts, message):
    assert counts(("count_messages", O200K, [message])) == [None]


# When litellm is asked


@pytest.mark.parametrize("model", [O200K, CL100K, ANTHROPIC, "gemini/gemini-2.5-flash"])
def test_a_price_of_text_imports_no_litellm_and_opens_no_socket(model):
    code = f"""
import sys
events = []
sys.addaudithook(lambda event, arguments: events.append(event) if event.startswith("socket.") else None)
from budgetctl.pricing import price_prompt, price_text
usage = price_text({model!r}, {TELLING!r}, "Hi").usage
prompt = price_prompt({model!r}, {TELLING!r}).usage
print([usage.total_input, usage.total_output, prompt.total_input])
print([*events, *(name for name in ("litellm", "requests", "socket") if name in sys.modules)])
"""
    done = run(code)
    texts = [count_message_tokens(model, [{"role": "user", "content": text}]) for text in (TELLING, "Hi")]
    assert done.stdout.splitlines() == [str([*texts, count_text_tokens(model, TELLING)]), "[]"]
    assert done.stderr == ""


def test_a_program_that_has_imported_litellm_counts_by_the_models_that_it_registered(litellm, monkeypatch):
    assert price_prompt(O200K, TELLING).usage.total_input == count_text_tokens(O200K, TELLING)
    monkeypatch.setattr(litellm, "anthropic_models", {*litellm.anthropic_models, O200K})
    assert price_prompt(O200K, TELLING).usage.total_input == litellm.token_counter(model=ANTHROPIC, text=TELLING)


@pytest.mark.parametrize("setting", ["TIKTOKEN_ENCODE_CHUNK_SIZE_CHARS", "TOKEN_COUNTER_MAX_EXACT_CHARS"])
def test_settings_that_change_how_litellm_counts_are_left_to_it(setting):
    code = "from budgetctl.pricing.counting.tokens import count_text; print(count_text('gpt-4o', 'Hi'))"
    assert run(code).stdout == "1\n"
    assert run(code, **{setting: "1"}).stdout == "None\n"


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_an_installation_without_a_vocabulary_is_left_to_litellm(litellm, tmp_path, damage):
    package = Path(litellm.__file__).parent
    vocabularies = tmp_path / "litellm" / "litellm_core_utils" / "tokenizers"
    vocabularies.mkdir(parents=True)
    (tmp_path / "litellm" / "__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / f"litellm-{price_map.shipped().version}.dist-info").mkdir()
    shutil.copy(package / price_map.MAP_NAME, tmp_path / "litellm")
    if damage == "damaged":
        for file in (package / "litellm_core_utils" / "tokenizers").iterdir():
            if file.is_file():
                (vocabularies / file.name).write_bytes(b"\xff" + file.read_bytes()[:100])
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from budgetctl.pricing.counting.tokens import count_text
print([count_text(model, "Hi") for model in {[O200K, CL100K, ANTHROPIC]}])
"""
    assert json.loads(run(code).stdout.replace("None", "null")) == [None, None, None]
