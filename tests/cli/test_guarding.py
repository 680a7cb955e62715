"""check, reserve, commit, release, holds, and the limits they look at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from budgetctl import BudgetManager, Hold
from budgetctl.cli.views.holds import hold_columns, hold_document
from budgetctl.money import parse_amount
from support.commands import Cli
from support.places import EXAMPLES

CHAT = EXAMPLES / "openai-chat.json"  # costs $0.00388


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has a dollar a day."""
    budgets.create("alice", "1", duration="daily")


def held(cli: Cli, amount: str = "0.4", *options: str) -> str:
    """The hold of an amount."""
    return str(cli("reserve", "alice", amount, *options).stdout.strip())


def shown(cli: Cli, field: str) -> Any:
    """A field of alice's budget."""
    return cli("show", "alice", "--json").document[field]


def test_the_table_of_holds_says_how_old_each_is_and_how_long_it_still_counts() -> None:
    begun_us, second_us = 1_795_348_800_000_000, 1_000_000
    hold = Hold("job", "alice", parse_amount("0.4"), "open", begun_us, begun_us + 600 * second_us)

    def row(hold: Hold, now_us: int) -> dict[str, str]:
        return {column.heading: column.text(hold_document(hold)) for column in hold_columns(lambda: now_us)}

    told = [(row(hold, begun_us + age * second_us)) for age in (-1, 0, 119, 120, 481)]
    assert [(each["AGE"], each["LEFT"]) for each in told] == [
        ("0s", "10m"),
        ("0s", "10m"),
        ("119s", "8m"),
        ("2m", "8m"),
        ("8m", "119s"),
    ]
    ended = row(hold._replace(state="released"), begun_us + 3 * 86_400 * second_us)
    assert (ended["AGE"], ended["LEFT"], ended["UNTIL (UTC)"]) == ("3d", "-", "2026-11-22 12:10")


class TestCheck:
    """Whether a cost may be spent."""

    @pytest.mark.parametrize("options", [(), ("--cost", "1"), ("--cost", "0")])
    def test_what_is_allowed_is_said_by_the_exit_code_alone(self, cli: Cli, options: tuple[str, ...]) -> None:
        assert cli("check", "alice", *options) == (0, "", "")

    def test_what_is_denied_names_the_limit_by_how_much_and_until_when(self, cli: Cli) -> None:
        result = cli("check", "alice", "--cost", "1.5")
        resets = shown(cli, "resets_at")[:16].replace("T", " ")
        assert (result.returncode, result.stderr) == (3, "")
        assert result.stdout == (
            f"denied: alice: $1.50 is $0.50 too much: $1.00 is left of the budget of $1.00 daily, until {resets} UTC\n"
        )

    def test_a_denial_is_a_document_too(self, cli: Cli) -> None:
        result = cli("check", "alice", "--cost", "1.5", "--json")
        document = result.document
        assert (result.returncode, result.stderr) == (3, "")
        assert (document["allowed"], document["remaining"], document["limit"]["name"]) == (False, "1", "total")

    def test_money_that_is_only_set_aside_is_said_to_be_free_again(self, cli: Cli) -> None:
        held(cli)
        (hold,) = cli("holds", "--json").document
        result = cli("check", "alice", "0.7")
        assert "with $0.40 set aside for 1 call, until " in result.stdout
        assert result.stdout.endswith(" UTC at the latest\n")
        document = cli("check", "alice", "0.7", "--json").document
        assert (document["reason"], document["frees_at"], document["holds"]) == ("held", hold["expires_at"], "1")

    def test_money_that_is_spent_comes_back_with_a_reset_alone(self, cli: Cli) -> None:
        document = cli("check", "alice", "1.5", "--json").document
        assert (document["reason"], document["frees_at"], document["holds"]) == ("spent", None, "0")
        document = cli("check", "alice", "1", "--json").document
        assert (document["reason"], document["frees_at"], document["holds"]) == (None, None, "0")

    def test_nothing_left_is_denied_without_a_cost(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.charge("alice", "1")
        assert cli("check", "alice").returncode == 3

    def test_what_is_set_aside_is_not_left(self, cli: Cli) -> None:
        held(cli)
        result = cli("check", "alice", "--cost", "0.7")
        assert result.returncode == 3
        assert "$0.40 set aside" in result.stdout

    def test_a_prompt_is_priced(self, cli: Cli) -> None:
        prompt = ("--model", "gpt-4o", "--input-tokens")
        assert cli("check", "alice", *prompt, "400000").returncode == 0
        assert cli("check", "alice", *prompt, "400001").returncode == 3
        request = {"model": "gpt-4o", "max_tokens": 200_000, "messages": [{"role": "user", "content": "Hi"}]}
        assert cli("check", "alice", "--messages", json.dumps(request)).returncode == 3

    def test_a_limit_on_other_models_does_not_count(self, cli: Cli) -> None:
        cli("limit", "add", "alice", "0.1", "--model", "gpt-4o*", "--name", "big")
        assert cli("check", "alice", "--cost", "0.5", "--model", "gpt-4").returncode == 0
        result = cli("check", "alice", "--cost", "0.5", "--model", "gpt-4o-mini", "--json")
        assert (result.returncode, result.document["limit"]["name"]) == (3, "big")

    def test_writes_nothing(self, cli: Cli, home: Any) -> None:
        store = home / "data" / "budgetctl" / "default.db"
        before = store.read_bytes(), sorted(store.parent.iterdir())
        cli("check", "alice", "--cost", "5")
        assert (store.read_bytes(), sorted(store.parent.iterdir())) == before


class TestHolds:
    """Money that is set aside."""

    def test_reserve_prints_the_hold_alone(self, cli: Cli) -> None:
        result = cli("reserve", "alice", "0.4")
        assert (result.returncode, result.stderr) == (0, "")
        assert cli("holds", "--json").document[0]["hold"] == result.stdout.strip()

    def test_the_price_of_a_prompt_can_be_set_aside(self, cli: Cli) -> None:
        prompt = ("--model", "gpt-4o", "--input-tokens", "100000", "--max-output-tokens", "1000")
        cli("reserve", "alice", *prompt, "--id", "job")
        assert shown(cli, "held") == cli("estimate", *prompt, "--quiet").stdout.strip() == "0.26"
        result = cli("reserve", "alice", "0.1", *prompt)
        assert (result.returncode, shown(cli, "held")) == (2, "0.26")
        assert "an amount and a prompt were given" in result.stderr

    def test_a_commit_of_a_provider_s_error_is_told_how_to_release(self, cli: Cli) -> None:
        hold = held(cli)
        result = cli("commit", hold, "--response", '{"error": {"message": "Overloaded"}}')
        assert (result.returncode, shown(cli, "held")) == (2, "0.4")
        assert result.stderr.splitlines()[1] == f"  try: budgetctl release {hold}"

    def test_what_is_set_aside_is_shown(self, cli: Cli) -> None:
        held(cli)
        assert (shown(cli, "held"), shown(cli, "remaining"), shown(cli, "spent")) == ("0.4", "0.6", "0")

    def test_a_reserve_that_no_limit_allows_changes_nothing(self, cli: Cli) -> None:
        result = cli("reserve", "alice", "1.5")
        assert (result.returncode, result.stdout) == (3, "")
        assert "error: alice: $1.50 is $0.50 too much" in result.stderr
        assert cli("holds", "--all", "--json").document == []

    def test_the_error_of_a_denied_reserve_has_the_document_of_the_check(self, cli: Cli) -> None:
        held(cli)
        checked = cli("check", "alice", "0.7", "--json").document
        del checked["clock_fault"]
        denied = json.loads(cli("reserve", "alice", "0.7", "--json").stderr, parse_float=str, parse_int=str)
        assert denied["error"]["decision"] == checked

    def test_as_much_as_is_left_is_set_aside_and_said_to_a_person(self, cli: Cli) -> None:
        held(cli)
        result = cli("reserve", "alice", "--at-most", "5")
        assert result.stderr.startswith("note: alice: $0.60 set aside until ")
        assert cli("release", result.stdout.strip(), "-q") == (0, "", "")
        quiet = cli("reserve", "alice", "--at-most", "0.5", "--id", "job", "-q")
        assert quiet == (0, "job\n", "")
        assert cli("reserve", "alice", "--at-most", "0.5", "--id", "job", "--json").document["amount"] == "0.5"

    @pytest.mark.parametrize("options", [("--at-least", "0.7"), ("--at-least", "0.61", "--note", "x")])
    def test_less_than_will_do_is_denied(self, cli: Cli, options: tuple[str, ...]) -> None:
        held(cli)
        result = cli("reserve", "alice", "--at-most", "5", *options)
        assert (result.returncode, result.stdout, shown(cli, "held")) == (3, "", "0.4")

    @pytest.mark.parametrize("options", [("1", "--at-most", "1"), ("1", "--at-least", "1"), ("--at-least", "1"), ()])
    def test_what_is_to_be_set_aside_is_said_in_one_way(self, cli: Cli, options: tuple[str, ...]) -> None:
        assert cli("reserve", "alice", *options).returncode == 2
        assert cli("holds", "--all", "--json").document == []

    def test_the_same_reserve_again_changes_nothing(self, cli: Cli) -> None:
        assert [held(cli, "0.4", "--id", "job") for _ in range(2)] == ["job", "job"]
        assert shown(cli, "held") == "0.4"

    def test_an_id_is_for_one_reserve(self, cli: Cli) -> None:
        held(cli, "0.4", "--id", "job")
        result = cli("reserve", "alice", "0.5", "--id", "job")
        assert result.returncode == 1
        assert "made before, of $0.40" in result.stderr

    def test_commit_records_the_cost_of_a_response(self, cli: Cli) -> None:
        result = cli("commit", held(cli), "--response", CHAT)
        assert result.stdout.startswith("alice +$0.0039 gpt-4o (1,204 in, 87 out)")
        assert (shown(cli, "spent"), shown(cli, "held")) == ("0.00388", "0")

    def test_commit_may_be_more_than_was_set_aside(self, cli: Cli) -> None:
        result = cli("commit", held(cli), "--cost", "5")
        assert result.returncode == 0
        assert "alice is over budget" in result.stderr

    def test_the_same_commit_again_changes_nothing(self, cli: Cli) -> None:
        hold = held(cli)
        cli("commit", hold, "--cost", "0.3")
        result = cli("commit", hold, "--cost", "0.3")
        assert result == (0, f"alice: {hold} is already committed, as entry 1 of $0.30; nothing added\n", "")
        assert shown(cli, "spent") == "0.3"

    def test_another_commit_is_refused(self, cli: Cli) -> None:
        hold = held(cli)
        cli("commit", hold, "--cost", "0.3")
        result = cli("commit", hold, "--cost", "0.2")
        assert result.returncode == 1
        assert "as entry 1 of alice; nothing was changed" in result.stderr

    def test_release_lets_go(self, cli: Cli) -> None:
        hold = held(cli)
        for _ in range(2):
            assert cli("release", hold) == (0, "alice: $0.40 is not set aside any more\n", "")
        assert shown(cli, "held") == "0"

    def test_a_commit_after_a_release_points_to_update_cost(self, cli: Cli) -> None:
        hold = held(cli)
        cli("release", hold)
        result = cli("commit", hold, "--cost", "0.3")
        assert result.returncode == 1
        assert "budgetctl update-cost alice" in result.stderr

    def test_what_is_resolved_is_listed_when_it_is_asked_for(self, cli: Cli) -> None:
        cli("release", held(cli))
        assert cli("holds", "--json").document == []
        assert [hold["state"] for hold in cli("holds", "alice", "--all", "--json").document] == ["released"]

    @pytest.mark.parametrize(
        ("line", "code", "said"),
        [
            ("commit nope --cost 1", 4, "there is no hold 'nope'"),
            ("release nope", 4, "there is no hold 'nope'"),
            ("commit nope", 2, "try: budgetctl commit --help"),
            ("check alice --model gpt-4o --input-text a --input-tokens 5", 2, "try: budgetctl check --help"),
            ("reserve nobody 1", 4, "no budget for 'nobody'"),
            ("reserve alice -1", 2, "'-1' is negative"),
            ("reserve alice much", 2, "'much' is not an amount"),
            ("reserve alice 0.1 --ttl 8d", 2, "'8d' is not a time to live"),
            ("reserve alice 0.1 --ttl soon", 2, "'soon' is not a time to live"),
            ("holds nobody", 4, "no budget for 'nobody'"),
            ("check nobody", 4, "no budget for 'nobody'"),
            ("check alice --cost 1 --input-tokens 5", 2, "an amount and a prompt were given"),
            ("check alice --input-tokens 5", 2, "no --model was given"),
            ("check alice --model no-such-model-here --input-tokens 5", 6, "not in litellm's price map"),
        ],
    )
    def test_bad_input(self, cli: Cli, line: str, code: int, said: str) -> None:
        result = cli(*line.split())
        assert (result.returncode, result.stdout) == (code, "")
        assert said in result.stderr


class TestLimits:
    """More than one limit, and those of others."""

    def test_are_all_shown(self, cli: Cli) -> None:
        cli("create", "team", "5", "--duration", "monthly")
        cli("set", "alice", "--parent", "team")
        cli("limit", "add", "alice", "0.5", "--model", "gpt-4o*", "--duration", "weekly")
        cli("cap", "100")
        limits = shown(cli, "limits")
        assert [(limit["user"], limit["name"]) for limit in limits] == [
            ("alice", "total"),
            ("alice", "weekly gpt-4o*"),
            ("team", "total"),
            (None, "total"),
        ]
        assert "team's total: $0.00 of $5.00" in cli("show", "alice").stdout

    def test_a_charge_counts_against_all_that_it_matches(self, cli: Cli) -> None:
        cli("create", "team", "5")
        cli("set", "alice", "--parent", "team")
        cli("limit", "add", "alice", "0.5", "--model", "gpt-4o*", "--name", "big")
        cli("limit", "add", "alice", "0.5", "--model", "claude*", "--name", "other")
        cli("update-cost", "alice", "--cost", "0.2", "--model", "gpt-4o-mini")
        assert [limit["spent"] for limit in shown(cli, "limits")] == ["0.2", "0.2", "0", "0.2"]
        assert cli("show", "team", "--json").document["models"] == {"gpt-4o-mini": "0.2"}

    def test_a_parent_that_cannot_be_deleted_names_its_children(self, cli: Cli) -> None:
        cli("create", "team", "5")
        for name in ("ann", "bob", "cid", "dan", "eve"):
            cli("create", name, "1", "--parent", "team")
        refused = cli("delete", "team", "--yes")
        assert (refused.returncode, refused.stderr.splitlines()) == (
            2,
            [
                "error: team is the parent of ann, bob, cid and 2 more, and cannot be deleted before they are moved",
                "  try: budgetctl set ann --no-parent",
            ],
        )

    def test_a_further_one_has_the_zone_of_the_budget(self, cli: Cli) -> None:
        cli("set", "alice", "--timezone", "Asia/Tokyo")
        cli("limit", "add", "alice", "1", "--duration", "weekly")
        cli("limit", "add", "alice", "1", "--duration", "monthly", "--timezone", "Europe/London")
        assert [limit["timezone"] for limit in shown(cli, "limits")] == ["Asia/Tokyo", "Asia/Tokyo", "Europe/London"]

    @pytest.mark.parametrize(
        ("line", "note"),
        [
            ("limit add alice 1 --name all", "the limit all never resets, though the budget does: --duration daily is"),
            ("limit add alice 1 --name all --duration none", ""),
            ("limit add alice 1 --duration daily", ""),
            ("limit add alice 1 --name all --align calendar", "--align calendar does nothing without a --duration"),
            ("create bob 1 --align calendar", "--align calendar does nothing without a --duration: it never resets"),
            ("create bob 1 --align calendar --duration daily", ""),
            ("set alice --align calendar", ""),
            ("cap 5 --align calendar", "--align calendar does nothing without a --duration"),
        ],
    )
    def test_what_never_resets_though_it_may_be_meant_to_is_noted(self, cli: Cli, line: str, note: str) -> None:
        result = cli(*line.split())
        assert result.returncode == 0
        assert result.stderr.startswith(f"note: {note}") if note else result.stderr == ""

    def test_a_further_one_without_a_name_is_told_to_have_one(self, cli: Cli) -> None:
        result = cli("limit", "add", "alice", "1")
        assert result.stderr.splitlines()[1] == "  try: give it a --duration or a --name"

    def test_a_parent_denies(self, cli: Cli) -> None:
        cli("create", "team", "0.1")
        cli("set", "alice", "--parent", "team")
        result = cli("check", "alice", "--cost", "0.5")
        assert result.returncode == 3
        assert "team's budget of $0.10" in result.stdout

    def test_the_project_denies(self, cli: Cli) -> None:
        cli("cap", "0.1", "--duration", "monthly")
        result = cli("check", "alice", "--cost", "0.5")
        assert result.returncode == 3
        assert "the project's budget of $0.10 monthly" in result.stdout

    def test_a_cap_can_be_changed_and_taken_away(self, cli: Cli) -> None:
        assert cli("cap").returncode == 4
        cli("cap", "5")
        cli("update-cost", "alice", "--cost", "0.2")
        assert cli("cap", "7", "--json").document["remaining"] == "6.8"
        assert cli("cap", "--remove").stdout == "the project has no cap any more\n"
        assert cli("cap").returncode == 4

    def test_a_cap_is_no_user(self, cli: Cli) -> None:
        cli("cap", "5")
        assert [budget["user"] for budget in cli("list", "--json").document] == ["alice"]
        assert cli("projects", "--json").document[0]["users"] == "1"

    def test_a_limit_can_be_removed(self, cli: Cli) -> None:
        cli("limit", "add", "alice", "0.5", "--name", "small")
        cli("limit", "remove", "alice", "small")
        assert cli("check", "alice", "--cost", "0.9").returncode == 0

    def test_limits_are_listed_with_those_of_everybody_above(self, cli: Cli) -> None:
        cli("create", "team", "100")
        cli("set", "alice", "--parent", "team")
        cli("limit", "add", "alice", "0.5", "--name", "small", "--model", "gpt-4o*")
        cli("cap", "5")
        listed = cli("limit", "list", "alice", "--json").document
        assert [(limit["user"], limit["name"], limit["models"]) for limit in listed] == [
            ("alice", "total", None),
            ("alice", "small", "gpt-4o*"),
            ("team", "total", None),
            (None, "total", None),
        ]

    def test_a_new_limit_starts_at_nothing_spent(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--cost", "0.2")
        cli("limit", "add", "alice", "0.5", "--name", "small")
        assert shown(cli, "limits")[1]["spent"] == "0"

    @pytest.mark.parametrize(
        ("line", "code", "said"),
        [
            ("limit remove alice total", 2, "the limit 'total' is the budget of alice itself"),
            ("limit remove alice nope", 4, "alice has no limit 'nope'"),
            ("limit add alice 5 --name total", 1, "has a limit 'total' already"),
            ("limit add alice 5 --duration often", 2, "'often' is not a duration"),
            ("set alice --parent alice", 2, "alice cannot be the parent of alice"),
            ("set alice --parent nobody", 4, "no budget for the parent 'nobody'"),
            ("set alice --parent bob --no-parent", 2, "contradict each other"),
            ("create bob 1 --parent nobody", 4, "no budget for the parent 'nobody'"),
            ("cap --duration daily", 2, "no amount was given"),
            ("cap 5 --remove", 2, "contradict each other"),
        ],
    )
    def test_bad_input(self, cli: Cli, line: str, code: int, said: str) -> None:
        result = cli(*line.split())
        assert (result.returncode, result.stdout) == (code, "")
        assert said in result.stderr

    def test_a_parent_cannot_be_deleted(self, cli: Cli) -> None:
        cli("create", "team", "5")
        cli("set", "alice", "--parent", "team")
        result = cli("delete", "team", "--yes")
        assert result.returncode == 2
        cli("set", "alice", "--no-parent")
        assert cli("delete", "team", "--yes").returncode == 0
