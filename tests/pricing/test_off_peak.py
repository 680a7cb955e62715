"""Prices that are lower at some hours: at the very minutes at which litellm says so."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetctl.ledger.values import Usage
from budgetctl.periods import from_datetime
from budgetctl.pricing import price_recorded, price_usage
from budgetctl.pricing.prices import price_map
from budgetctl.pricing.rules.off_peak import off_peak

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)  # a Monday
NOON_US = from_datetime(NOON)
BUSY_US = from_datetime(dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC))

HOURS = st.tuples(*[st.integers(0, 23), st.integers(0, 59)] * 2).map(lambda t: "{:02}:{:02}-{:02}:{:02}".format(*t))
MOMENTS = st.integers(0, 366 * 24 * 60).map(lambda minute: NOON + dt.timedelta(minutes=minute))
RULES = st.fixed_dictionaries(
    {"hours_utc": HOURS | st.lists(HOURS, max_size=3)},
    optional={"weekdays": st.lists(st.integers(1, 7), max_size=7)},
)
BLOCKS = st.fixed_dictionaries(
    {},
    optional={
        "hours_utc": HOURS | st.lists(HOURS, max_size=3),
        "windows": st.lists(RULES, max_size=3),
        "weekday_timezone": st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]),
    },
)


def is_off_peak(block, moment):
    from litellm.litellm_core_utils.llm_cost_calc.utils import _is_off_peak

    return _is_off_peak(block, moment)


@settings(deadline=None)  # litellm's import is part of the first one
@given(block=BLOCKS, moment=MOMENTS)
def test_the_hours_are_litellms(block, moment):
    assert off_peak(block).is_at(from_datetime(moment)) == is_off_peak(block, moment)


def test_the_hours_of_every_model_are_litellms():
    entries = json.loads(price_map.shipped().path.read_text())
    blocks = [entry["off_peak_pricing"] for entry in entries.values() if "off_peak_pricing" in entry]
    hour = dt.timedelta(minutes=30)
    start = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    for block in blocks:
        for moment in (start + hour * count for count in range(2 * 24 * 7)):
            assert off_peak(block).is_at(from_datetime(moment)) == is_off_peak(block, moment)


@pytest.mark.parametrize(
    "block",
    [
        "00:00-01:00",
        {"hours_utc": "midnight"},
        {"hours_utc": "25:00-26:00"},
        {"windows": "00:00-01:00"},
        {"windows": ["00:00-01:00"]},
        {"windows": [{"hours_utc": "00:00-01:00", "weekdays": ["mon"]}]},
        {"windows": [{"hours_utc": "00:00-01:00", "weekdays": 1}]},
        {"hours_utc": "00:00-01:00", "weekday_timezone": "Mars/Olympus"},
    ],
)
def test_what_is_written_in_another_way_is_left_to_litellm(block):
    assert off_peak(block) is None


@pytest.fixture
def model():
    """A model that costs less off-peak, by the map that is installed."""
    entries = json.loads(Path(price_map.shipped().path).read_text())
    key = next((key for key, entry in entries.items() if "off_peak_pricing" in entry), None)
    if key != "deepseek-flash":
        pytest.skip("the model has another price in this version's map")
    return key


def test_a_call_costs_less_off_peak(model):
    usage = Usage(model=model, uncached_input=1_000_000)
    assert price_usage(usage, at_us=NOON_US).amount < price_usage(usage, at_us=BUSY_US).amount


def test_the_rates_that_were_used_are_kept(model):
    usage = Usage(model=model, uncached_input=1_000_000)
    price = price_usage(usage, at_us=NOON_US)
    assert price.amount == round(price.pricing["rates"]["input_cost_per_token"] * 10**18)


def test_an_entry_is_priced_again_as_at_its_own_time(model):
    usage = Usage(model=model, uncached_input=1_000_000)
    for at_us in (NOON_US, BUSY_US):
        price = price_usage(usage, at_us=at_us)
        assert price_recorded(usage.to_json(), price.pricing, at_us).amount == price.amount


def test_a_batch_has_one_price_at_all_hours(model):
    usage = Usage(model=model, uncached_input=1_000_000, service_tier="batch")
    assert price_usage(usage, at_us=NOON_US).amount == price_usage(usage, at_us=BUSY_US).amount
