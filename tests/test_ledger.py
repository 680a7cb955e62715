"""The rules of the ledger: what a limit looks like now, and what counts against it."""

from __future__ import annotations

import pytest

from budgetctl.ledger import decisions, windows
from budgetctl.ledger.values import Limit
from budgetctl.money import Picodollars, parse_amount

HOUR_US = 3_600_000_000
NOON_US = 1_795_348_800_000_000


def hourly(**changes):
    limit = Limit(
        limit_id=1,
        name="total",
        amount=parse_amount("10"),
        duration="hourly",
        align="rolling",
        zone="UTC",
        models=None,
        anchor_us=NOON_US,
        generation=3,
        window_start_us=NOON_US,
        window_end_us=NOON_US + HOUR_US,
        spent=parse_amount("2"),
    )
    return limit._replace(**changes)


def test_a_window_lasts_until_just_before_its_end():
    limit = hourly()
    assert windows.rolled(limit, NOON_US + HOUR_US - 1) == limit


def test_a_window_that_has_passed_opens_the_next_generation_with_nothing_spent():
    rolled = windows.rolled(hourly(), NOON_US + HOUR_US)
    assert rolled == hourly(
        generation=4,
        spent=Picodollars(0),
        window_start_us=NOON_US + HOUR_US,
        window_end_us=NOON_US + 2 * HOUR_US,
        generation_start_us=NOON_US + HOUR_US,
    )


def test_however_many_windows_were_missed_it_is_one_generation():
    rolled = windows.rolled(hourly(), NOON_US + 100 * HOUR_US + 5)
    assert (rolled.generation, rolled.window_start_us) == (4, NOON_US + 100 * HOUR_US)


def test_generations_never_go_back_when_the_clock_does():
    limit = hourly()
    assert windows.rolled(limit, NOON_US - 50 * HOUR_US) == limit


def test_a_limit_without_a_duration_is_never_due():
    assert not windows.is_due(hourly(duration=None, window_end_us=None), NOON_US + 10**18)


def test_a_reset_in_the_midst_of_a_window_keeps_the_window():
    now_us = NOON_US + 5
    opened = windows.next_generation(hourly(), now_us)
    assert opened == hourly(generation=4, spent=Picodollars(0), generation_start_us=now_us)


def test_new_terms_carry_what_was_spent():
    opened = windows.reopened(hourly(), NOON_US + 5, duration="daily", align="calendar", zone="UTC")
    midnight_us = NOON_US - 12 * HOUR_US
    assert (opened.generation, opened.spent, opened.window_start_us) == (4, parse_amount("2"), midnight_us)


def test_a_window_that_has_passed_is_closed_at_its_end_not_at_the_time_of_the_reset():
    closed = windows.closed_window(hourly(), NOON_US + 7 * HOUR_US)
    assert (closed.start_us, closed.end_us, closed.spent) == (NOON_US, NOON_US + HOUR_US, parse_amount("2"))


def test_a_manual_reset_closes_the_generation_now():
    assert windows.closed_window(hourly(), NOON_US + 5).end_us == NOON_US + 5


@pytest.mark.parametrize(
    ("pattern", "model", "counts"),
    [
        (None, "gpt-4o", True),
        (None, None, True),
        ("gpt-4o*", "gpt-4o-mini", True),
        ("gpt-4o*", "GPT-4o", True),
        ("gpt-4o*", None, False),
        ("claude-?", "claude-3", True),
    ],
)
def test_a_limit_counts_the_models_of_its_pattern(pattern, model, counts):
    assert decisions.counts_against(hourly(models=pattern), model) is counts


@pytest.mark.parametrize(
    ("spent", "status"),
    [("0", "ok"), ("7.99", "ok"), ("8", "warning"), ("9.99", "warning"), ("10", "exceeded"), ("11", "exceeded")],
)
def test_the_status_follows_what_is_spent(spent, status):
    assert decisions.status(hourly(spent=parse_amount(spent))) == status


def test_the_share_used_has_one_decimal():
    assert decisions.used_percent(hourly(spent=parse_amount("1.2345"))) == 12.3


def test_a_budget_of_nothing_is_always_used_up():
    limit = hourly(amount=Picodollars(0), spent=Picodollars(0))
    assert (decisions.used_percent(limit), decisions.status(limit)) == (100.0, "exceeded")
