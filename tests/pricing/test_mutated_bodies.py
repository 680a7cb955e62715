"""Real bodies whose counts were renamed, moved, left at zero or doubled: none becomes cheaper without a word."""

import copy
import json
import random
from pathlib import Path

import pytest

from budgetctl.errors import InvalidResponseError
from budgetctl.pricing import read_document, read_usage
from budgetctl.pricing.prices.own_prices import own_price

HERE = Path(__file__).parent
FILES = [
    path
    for folder in (HERE / "bodies", HERE / "cases", HERE.parents[1] / "examples")
    for path in sorted(folder.glob("*.json"))
]
USAGES = ("usage", "usageMetadata", "usage_metadata", "last_token_usage", "billed_units", "usage_object")
PRICE = own_price(
    "m", {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75, "audio_input": 6, "reasoning": 15}
)
"""Dollars for a million tokens. A count that is read from the cache, and moved out of sight, makes a call dearer."""
CASES = 4_000
UNREADABLE = {"gzip-body.json", "curl-w-trailer.json", "two-pretty-docs.json", "gemini-array-cut.json"}
"""Files that are not JSON as they are."""


def places(value, path=()):
    """The paths of all whole numbers above 0 within the usages of a body."""
    inside = any(name in USAGES for name in path)
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))
    elif inside and type(value) is int and value > 0 and "cost" not in path[-1]:
        yield path


def at(body, path):
    for name in path:
        body = body[name]
    return body


def renamed(body, path, rng):
    place = at(body, path[:-1])
    name = path[-1]
    place[rng.choice([f"{name}_x", f"all_{name}", name[:-1], name.swapcase() + "2"])] = place.pop(name)


def moved(body, path, rng):
    count = at(body, path[:-1]).pop(path[-1])
    usage = next(number for number, name in enumerate(path) if name in USAGES)
    homes = [path[:usage], path[: usage + 1]]
    homes += [
        (*path[: usage + 1], name) for name, each in at(body, path[: usage + 1]).items() if isinstance(each, dict)
    ]
    home = rng.choice([home for home in homes if home != path[:-1]])
    at(body, home)[path[-1]] = count


def doubled(body, path, rng):
    at(body, path[:-1])[path[-1]] *= 2


CHANGES = (renamed, moved, doubled)
BODIES = {path.name: json.loads(path.read_text()) for path in FILES if path.name not in UNREADABLE}
BODIES = {name: body for name, body in BODIES.items() if isinstance(body, dict) and any(places(body))}


def priced(body):
    """The counted usage of a body, and what it costs by the same rates for all; None where it is refused."""
    try:
        usage = read_usage(body, model="m")
    except InvalidResponseError:
        return None
    if usage.cost is not None:
        return usage, usage.cost
    return usage, PRICE.price(usage._replace(web_searches=0, maps_searches=0, also=())).amount


def is_a_part(path):
    """Whether a count is inside another one: more of it may make the rest of the other cheaper."""
    return any("ached" in str(name) or "ache_read" in str(name) or "etails" in str(name) for name in path)


@pytest.fixture(scope="module")
def changed():
    """Many changes, each of another body at another place."""
    rng = random.Random("counts")
    found = []
    for number in range(CASES):
        name = rng.choice(sorted(BODIES))
        body = copy.deepcopy(BODIES[name])
        path = rng.choice(list(places(body)))
        change = rng.choice(CHANGES)
        if isinstance(path[-1], int):
            continue
        change(body, path, rng)
        found.append((f"{number} {name} {change.__name__} {path}", name, path, change, body))
    return found


def test_no_change_makes_an_answer_cheaper_without_a_word(changed):
    silent = []
    for what, name, path, change, body in changed:
        before, after = priced(BODIES[name]), priced(body)
        if before is None or after is None or (change is doubled and is_a_part(path)):
            continue
        usage, amount = after
        if amount < before[1] and not usage.notes:
            silent.append(f"{what}: {before[1]} -> {amount}, {usage.to_json()}")
    assert silent == []


def test_no_change_makes_an_answer_silently_free(changed):
    free = [
        what for what, name, _, _, body in changed if (after := priced(body)) and not after[1] and priced(BODIES[name])
    ]
    assert free == []


def test_most_changes_are_still_read(changed):
    read = sum(priced(body) is not None for _, _, _, _, body in changed)
    assert read > len(changed) * 0.6


@pytest.mark.parametrize("name", sorted(BODIES.keys() - {"voyage_embeddings.json"}))  # which has no data either
def test_a_count_that_is_left_at_zero_is_missed_where_a_total_has_it(name):
    for path in places(BODIES[name]):
        body = copy.deepcopy(BODIES[name])
        at(body, path[:-1])[path[-1]] = 0
        after = priced(body)
        if after is None or isinstance(path[-1], int):
            continue
        usage, amount = after
        assert amount or usage.notes or usage.cost is not None, path


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in UNREADABLE], ids=lambda path: path.name)
def test_a_body_that_was_cut_off_is_never_free(path):
    text = path.read_text().strip()
    rng = random.Random(path.name)
    for _ in range(20):
        try:
            document = read_document(text[: rng.randrange(1, len(text))])
        except InvalidResponseError:
            continue
        after = priced(document)
        assert after is None or after[0].has_counts or after[0].notes
