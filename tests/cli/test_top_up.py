"""top-up: extra money for the current window."""

from __future__ import annotations

import pytest

from budgetctl import BudgetManager
from support.commands import Cli


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has $10, of which $9 are spent."""
    budgets.create("alice", "10")
    budgets.charge("alice", "9")


def test_what_was_denied_is_allowed_with_extra_money(cli: Cli) -> None:
    assert cli("check", "alice", "--cost", "2").returncode == 3
    assert cli("top-up", "alice", "5", "--note", "for the demo").stdout == (
        "alice topped up by $5.00 · $9.00 of $15.00, never resets\n"
    )
    assert cli("check", "alice", "--cost", "2").returncode == 0


def test_what_is_left_of_each_is_listed(cli: Cli, budgets: BudgetManager) -> None:
    cli("top-up", "alice", "5", "--note", "for the demo")
    cli("top-up", "alice", "2", "--expires", "2126-12-01")
    budgets.charge("alice", "3")
    assert [
        (each["amount"], each["left"], each["expires_at"]) for each in cli("top-up", "alice", "--json").document
    ] == [
        ("5", "5", None),
        ("2", "0", "2126-12-01T00:00:00Z"),
    ]


def test_it_expires_at_midnight_of_the_budgets_zone_and_of_a_limit_in_its_own(cli: Cli) -> None:
    cli("create", "bob", "10", "--timezone", "Asia/Tokyo")
    cli("limit", "add", "bob", "1", "--name", "west", "--timezone", "America/New_York")
    cli("top-up", "bob", "5", "--expires", "2126-12-01")
    cli("top-up", "bob", "5", "--expires", "2126-12-01", "--limit", "west")
    assert [each["expires_at"] for each in cli("top-up", "bob", "--json").document] == [
        "2126-11-30T15:00:00Z",
        "2126-12-01T05:00:00Z",
    ]


def test_one_for_days_is_given_once_and_spent_behind_what_each_day_has(cli: Cli) -> None:
    cli("create", "bob", "10", "--duration", "daily")
    cli("top-up", "bob", "5", "--expires", "7d")
    cli("update-cost", "bob", "12")
    assert cli("top-up", "bob", "--json").document[0]["left"] == "3"
    cli("reset", "bob")
    assert cli("show", "bob", "--json").document["remaining"] == "13"


def test_the_same_id_again_adds_nothing(cli: Cli) -> None:
    cli("top-up", "alice", "5", "--id", "demo")
    again = cli("top-up", "alice", "5", "--id", "demo")
    assert (again.returncode, again.stdout) == (
        0,
        "alice: already topped up by $5.00, as entry 2; nothing added\n",
    )
    assert cli("show", "alice", "--json").document["remaining"] == "6"


def test_show_says_what_is_on_top(cli: Cli) -> None:
    cli("top-up", "alice", "5", "--expires", "2126-12-01")
    assert "topped up $5.00, the first of it until 1 Dec 2126 00:00 UTC\n" in cli("show", "alice").stdout


def test_what_is_left_is_shown_beside_all_that_is_allowed(cli: Cli) -> None:
    cli("top-up", "alice", "5")
    shown = cli("show", "alice").stdout
    assert "budget    $15.00 ($10.00 and $5.00 on top)\n" in shown
    assert "left      $6.00\n" in shown
    assert cli("list").stdout.splitlines()[1].split()[2:4] == ["$9.00", "$10.00+$5.00"]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("top-up nobody 5", 4, "no budget for 'nobody'"),
        ("top-up alice 0", 2, "adds nothing"),
        ("top-up alice much", 2, "'much'"),
        ("top-up alice 5 --expires 2020-01-01", 2, "has passed already"),
        ("top-up alice 5 --expires soon", 2, "'soon' is not a time"),
        ("top-up alice 5 --limit week", 4, "alice has no limit 'week'"),
        ("top-up alice --note why", 2, "no amount was given"),
    ],
)
def test_bad_input_changes_nothing(cli: Cli, line: str, code: int, said: str) -> None:
    result = cli(*line.split())
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert cli("show", "alice", "--json").document["topped_up"] == "0"
