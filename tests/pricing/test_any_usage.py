"""Whatever stands in a body: it is read into counts that are possible, or refused as a response."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import example as given_example
from hypothesis import given
from hypothesis import strategies as st

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing import read_document, read_usage

HERE = Path(__file__).parent
FILES = [*sorted((HERE / "bodies").iterdir()), *sorted((HERE.parents[1] / "examples").iterdir())]
TEXTS = [path.read_text() for path in FILES if path.suffix in {".json", ".sse"}]
BODIES = [json.loads(path.read_text()) for path in FILES if path.suffix == ".json"]
BODIES += [json.loads(line)["body"] for line in (HERE / "real_usage.jsonl").read_text().splitlines()]

COUNTS = [name for name, default in Usage._field_defaults.items() if type(default) is int]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1h", "AUDIO"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value):
    """Every container in a document, with each of its keys."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inside):
        yield value, key
        yield from places(item)


@st.composite
def mutated(draw):
    """A real or documented body with a few values replaced, removed, or copied from elsewhere in it."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(body))
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["replace", "count", "move"])):
            case "replace":
                container[key] = draw(JSON)
            case "count":
                container[key] = draw(st.integers(0, 10_000))
            case "move":
                other, name = draw(st.sampled_from(found))
                container[key] = copy.deepcopy(other[name])
    return body


def read(body):
    """The usage of a body, None if it is refused; anything else that it raises is a fault."""
    try:
        return read_usage(body, model="m")
    except InvalidResponseError:
        return None


def check(usage):
    if usage is None:
        return
    for name in COUNTS:
        value = getattr(usage, name)
        assert isinstance(value, int)
        assert not isinstance(value, bool)
        assert value >= 0
    assert usage.cost is None or (isinstance(usage.cost, Picodollars) and usage.cost >= 0)
    for name in ("model", "provider", "request_id", "created", "service_tier", "inference_geo", "speed"):
        assert isinstance(getattr(usage, name), str | None)
    json.dumps(usage.to_json())


@given(mutated().filter(lambda body: isinstance(body, dict)))
def test_a_mutated_body_gives_possible_counts_or_is_refused(body):
    check(read(body))


@given(st.sampled_from(TEXTS), st.data())
@given_example('{"custom_id": 1, "response": [], "error": "x"}', None)
def test_a_cut_or_spliced_document_gives_a_body_or_is_refused(text, data):
    if data is not None:
        cut = data.draw(st.integers(0, len(text)))
        text = (
            text[:cut]
            + data.draw(st.sampled_from(["", "\n", "data: ", "}", "[1]", "null", "\r\n\r\n"]))
            + text[data.draw(st.integers(cut, len(text))) :]
        )
    try:
        body = read_document(text)
    except InvalidResponseError:
        return
    check(read(body))


@given(st.lists(mutated(), max_size=4))
def test_an_array_of_mutated_bodies_is_a_stream_or_is_refused(bodies):
    try:
        body = read_document(
            json.dumps([item for body in bodies for item in (body if isinstance(body, list) else [body])])
        )
    except InvalidResponseError:
        return
    check(read(body))


@pytest.mark.parametrize("depth", range(50, 1000, 50))
@pytest.mark.parametrize("place", [{"usage": {"prompt_tokens": None}}, {"usage": {"prompt_tokens": 1, "cost": None}}])
def test_depth_is_no_way_around_the_checks(place, depth):
    text = json.dumps(place).replace("null", "[" * depth + "]" * depth)
    with pytest.raises(InvalidResponseError):
        read_usage(read_document(text), model="m")


@pytest.mark.parametrize("event", [{"type": ["response.done"], "response": {}}, {"type": {}, "error": ["x"]}])
def test_a_type_that_is_no_text_names_no_event(event):
    with pytest.raises(InvalidResponseError):
        read_usage(read_document(json.dumps([event, event])), model="m")
