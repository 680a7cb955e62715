"""What commands print: text in a pipe, JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from budgetctl import BudgetManager
from budgetctl.ledger.values import Usage
from budgetctl.money import ZERO
from budgetctl.pricing import without_price
from budgetctl.pricing.prices import own_prices
from support.commands import Cli

BUDGET = (
    "project user budget spent held remaining used_percent duration align timezone window_start resets_at models"
    " status created_at updated_at parent topped_up binding limited"
)
BUDGET_WITH_LIMITS = f"{BUDGET} limits"
HOLD = "hold user amount state model note created_at expires_at resolved_at entry_id"
RESET = "user spent window_start window_end reset_at timezone"
PROMPT = "--model gpt-4o --input-text hello"

NEEDED = ("reserve", "token create", "estimate")
"""Commands whose results a script needs, however quiet they are."""

CHARGE = "user charged cost model usage entry_id spent remaining status unpriced at owner total_cost refers_to"

ONE = {
    "show alice": f"{BUDGET_WITH_LIMITS} clock_fault",
    "create bob 5": BUDGET_WITH_LIMITS,
    "create alice 5 --if-not-exists": BUDGET_WITH_LIMITS,
    "set alice 20": BUDGET_WITH_LIMITS,
    "limit add alice 5 --duration daily": BUDGET_WITH_LIMITS,
    "cap 100": BUDGET_WITH_LIMITS,
    "check alice": "user allowed cost remaining resets_at reason frees_at holds limit clock_fault",
    "reserve alice 0.5": HOLD,
    "commit held --cost 0.5": CHARGE,
    "release held": HOLD,
    "update-cost alice --cost 0.5": CHARGE,
    "update-cost alice --cost 0.5 --dry-run": CHARGE,
    f"estimate {PROMPT}": "cost model input_tokens output_tokens",
    f"estimate alice {PROMPT}": "user cost model input_tokens output_tokens projected remaining",
    "top-up alice 5": "user added amount entry_id topped_up spent remaining status",
    "reset alice": RESET,
    "delete alice --yes": "project user deleted",
    "prices set my-model --input 1": "model per rates",
    "prices show gpt-4o": "key source provider per rates others",
    "prices path": "own map rules",
    "completion show bash": "shell script",
    "completion install bash": "shell path",
}
MANY = {
    "list": BUDGET,
    "history alice": (
        "entry_id at kind cost model usage pricing note closed refers_to unpriced user recorded_at key hold changed"
    ),
    "holds": HOLD,
    "top-up zoe": "entry_id at limit amount left expires_at note",
    "reset --all --yes": RESET,
    "reset-due": RESET,
    "reset-due --dry-run": RESET,
    "reprice --model old --dry-run": "user entry_id at model cost_before cost corrected_by counted",
    "prices list --search gpt-4o": "key source provider per rates others",
    "projects": "project users spent size_bytes store",
    "migrate": "user budget spent duration migrated",
}


@pytest.fixture
def alice(budgets: BudgetManager) -> None:
    """Alice, who has spent, was reset, and has spent again; and a file of litellm's."""
    budgets.create("alice", "10", duration="monthly")
    budgets.charge("alice", "1.5", model="gpt-4o")
    budgets.reset("alice")
    budgets.charge("alice", "0.25", model="gpt-4o", note="again")
    budgets.create("zoe", "1")
    budgets.top_up("zoe", "0.1")
    budgets.reserve("zoe", "0.5", hold_id="held")
    budgets.charge_price("zoe", without_price(Usage(model="old", uncached_input=5), ZERO))
    own_prices.save(own_prices.own_price("old", {"input": 1}))
    Path("user_cost.json").write_text('{"carol": {"total_budget": 3}}')


@pytest.mark.usefixtures("alice")
class TestFormats:
    """Every command has them all."""

    @pytest.mark.parametrize(("line", "fields"), ONE.items())
    def test_json_of_one_result_is_one_document(self, cli: Cli, line: str, fields: str) -> None:
        result = cli(*line.split(), "--json")
        assert (result.returncode, result.stderr) == (0, "")
        assert list(result.document) == fields.split()

    @pytest.mark.parametrize(("line", "fields"), MANY.items())
    def test_json_of_many_results_is_one_list(self, cli: Cli, line: str, fields: str) -> None:
        result = cli(*line.split(), "--json")
        assert (result.returncode, result.stderr) == (0, "")
        assert {tuple(document) for document in result.document} <= {tuple(fields.split())}

    @pytest.mark.parametrize(("line", "fields"), [*ONE.items(), *MANY.items()])
    def test_json_lines_are_a_document_each(self, cli: Cli, line: str, fields: str) -> None:
        result = cli(*line.split(), "--format", "jsonl")
        assert (result.returncode, result.stderr) == (0, "")
        for text in result.stdout.splitlines():
            assert list(json.loads(text)) == fields.split()

    @pytest.mark.parametrize(("line", "fields"), [*ONE.items(), *MANY.items()])
    def test_csv_has_the_fields_as_its_heading(self, cli: Cli, line: str, fields: str) -> None:
        result = cli(*line.split(), "--format", "csv")
        assert (result.returncode, result.stderr) == (0, "")
        heading, *rows = csv.reader(io.StringIO(result.stdout))
        assert heading == fields.split()
        assert {len(row) for row in rows} <= {len(heading)}

    @pytest.mark.parametrize("line", [*ONE, *MANY])
    def test_text_is_for_people(self, cli: Cli, line: str) -> None:
        result = cli(*line.split())
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.endswith("\n") or line in ("reset-due --dry-run", "check alice")
        assert not result.stdout.startswith(("{", "["))

    @pytest.mark.parametrize("line", [line for line in [*ONE, *MANY] if line != "list" and not line.startswith(NEEDED)])
    def test_quiet_prints_nothing(self, cli: Cli, line: str) -> None:
        assert cli(*line.split(), "--quiet") == (0, "", "")

    @pytest.mark.parametrize("line", [line for line in ONE if line.startswith(NEEDED)])
    def test_quiet_prints_the_id_secret_or_amount_alone_that_a_script_needs(self, cli: Cli, line: str) -> None:
        result = cli(*line.split(), "--quiet")
        assert (result.returncode, len(result.stdout.split()), result.stderr) == (0, 1, "")


@pytest.mark.usefixtures("alice")
class TestText:
    """The words and tables of a pipe."""

    def test_show_is_a_word_and_a_value_a_line(self, cli: Cli) -> None:
        words = [line.split()[0] for line in cli("show", "alice").stdout.splitlines()]
        assert words == "user project budget spent left status duration window resets model".split()

    def test_show_of_a_budget_that_never_resets_has_no_window(self, cli: Cli) -> None:
        cli("create", "bob", "5")
        assert cli("show", "bob").stdout == (
            "user      bob\n"
            "project   default\n"
            "budget    $5.00\n"
            "spent     $0.00 (0 %)\n"
            "left      $5.00\n"
            "status    ok\n"
            "duration  none\n"
        )

    def test_a_table_has_a_heading_and_aligned_columns(self, cli: Cli) -> None:
        cli("create", "b", "1234567.891")
        heading, *rows = cli("list").stdout.splitlines()
        assert heading.split() == "USER PARENT SPENT BUDGET USED HELD LEFT BOUND BY RESETS STATUS".split()
        assert [row.split()[:4] for row in rows] == [
            ["alice", "-", "$0.25", "$10.00"],
            ["b", "-", "$0.00", "$1,234,567.89"],
            ["zoe", "-", "$0.00", "$1.00+$0.10"],
        ]
        assert {row.index("ok") for row in rows} == {heading.index("STATUS")}

    def test_history_shows_what_a_reset_closed(self, cli: Cli) -> None:
        rows = cli("history", "alice").stdout.splitlines()[1:]
        assert [re.split(r"  +", row.strip())[2:] for row in rows] == [
            ["spend", "$0.25", "gpt-4o", "-", "again"],
            ["reset", "($1.50)", "-", "-"],
            ["spend", "$1.50", "gpt-4o", "-"],
        ]

    def test_a_table_in_a_pipe_has_one_heading_however_long_it_is(self, cli: Cli) -> None:
        records = {f"u{number}": {"total_budget": 1} for number in range(2_100)}
        Path("user_cost.json").write_text(json.dumps(records))
        cli("migrate")
        assert cli("list").stdout.count("USER") == 1

    @pytest.mark.parametrize(
        ("amount", "shown"), [("0.0042", "$0.0042"), ("12.345", "$12.34"), ("1234.5", "$1,234.50"), ("0", "$0.00")]
    )
    def test_amounts_are_written_for_people(self, cli: Cli, amount: str, shown: str) -> None:
        cli("create", "bob", "5000")
        assert cli("update-cost", "bob", "--cost", amount).stdout.startswith(f"bob +{shown} · ")


class TestJson:
    """Numbers, times and names as programs read them."""

    @pytest.mark.parametrize("amount", ["0.000000000001", "8999999.999999999999", "9000000", "0.1", "0", "1.10"])
    def test_amounts_are_exact_numbers(self, cli: Cli, amount: str) -> None:
        exact = amount.rstrip("0").rstrip(".") if "." in amount else amount
        printed = cli("create", "alice", amount, "--json").stdout
        assert f'"budget": {exact},' in printed
        assert f'"remaining": {exact},' in cli("show", "alice", "--json").stdout

    def test_amounts_that_are_no_floats_add_up(self, cli: Cli) -> None:
        cli("create", "alice", "8999999.999999999999")
        charged = cli("update-cost", "alice", "--cost", "0.000000000001", "--json").stdout
        assert '"cost": 0.000000000001,' in charged
        assert '"spent": 0.000000000001,' in charged
        assert '"remaining": 8999999.999999999998,' in charged

    def test_what_is_overspent_is_negative(self, cli: Cli) -> None:
        cli("create", "alice", "1")
        document = cli("update-cost", "alice", "--cost", "1.25", "--json").document
        assert (document["remaining"], document["status"]) == ("-0.25", "exceeded")

    def test_a_budget_without_end_has_no_next_reset(self, cli: Cli) -> None:
        document = cli("create", "alice", "1", "--json").document
        assert (document["duration"], document["resets_at"]) == (None, None)

    def test_times_are_rfc_3339_in_utc(self, cli: Cli) -> None:
        document = cli("create", "alice", "1", "--duration", "daily", "--timezone", "Asia/Tokyo", "--json").document
        for field in ("window_start", "resets_at", "created_at", "updated_at"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", document[field])

    def test_models_are_in_the_document_with_what_they_cost(self, cli: Cli) -> None:
        cli("create", "alice", "1")
        cli("update-cost", "alice", "--cost", "0.1", "--model", "small")
        cli("update-cost", "alice", "--cost", "0.3", "--model", "large")
        assert list(cli("show", "alice", "--json").document["models"].items()) == [("large", "0.3"), ("small", "0.1")]

    def test_names_are_written_as_they_are(self, cli: Cli) -> None:
        cli("create", "Zoë 日本", "1")
        assert '"user": "Zoë 日本"' in cli("show", "Zoë 日本", "--json").stdout

    def test_a_list_of_nothing_is_an_empty_list(self, cli: Cli) -> None:
        cli("create", "alice", "1")
        assert cli("history", "alice", "--json").stdout == "[]\n"


class TestCsv:
    """What spreadsheets read."""

    def test_amounts_are_exact(self, cli: Cli) -> None:
        cli("create", "alice", "8999999.999999999999")
        (row,) = csv.DictReader(io.StringIO(cli("list", "--format", "csv").stdout))
        assert row["budget"] == "8999999.999999999999"

    @pytest.mark.parametrize(
        "name",
        ["=1+1", "+1", "@x", "-2", " =1", "\u3000=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", "\ufe661", "'=1"],
    )
    def test_a_name_is_never_a_formula(self, cli: Cli, name: str) -> None:
        cli("create", "--", name, "1")
        (row,) = csv.DictReader(io.StringIO(cli("list", "--format", "csv").stdout))
        assert row["user"] == f"'{name}"

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("name", ["a;=1+1", ";=1", "a; @x", 'a;"=1"', "a;\uff1d1", "a;b;-1"])
    def test_no_cell_is_a_formula_whatever_separates_them(self, cli: Cli, name: str, separator: str) -> None:
        cli("create", "--", name, "1")
        cli("update-cost", "--cost", "0.1", "--model", name, "--", name)
        for line in ("list", f"show {shlex.quote(name)}"):
            shown = cli(*shlex.split(line), "--format", "csv").stdout
            cells = [cell for row in csv.reader(io.StringIO(shown), delimiter=separator) for cell in row]
            assert not [cell for cell in cells if re.match("""[\\s"']*[=+@\uff1d-]\\D""", cell) and "'" not in cell]

    def test_what_is_json_in_a_cell_is_still_the_same_json(self, cli: Cli) -> None:
        cli("create", "alice", "1")
        cli("update-cost", "alice", "--cost", "0.1", "--model", "a;=1")
        (row,) = csv.DictReader(io.StringIO(cli("show", "alice", "--format", "csv").stdout))
        assert json.loads(row["models"]) == {"a;=1": 0.1}

    def test_a_name_with_commas_and_quotes_survives(self, cli: Cli) -> None:
        cli("create", 'a "b", c', "1")
        (row,) = csv.DictReader(io.StringIO(cli("list", "--format", "csv").stdout))
        assert row["user"] == 'a "b", c'


class TestHiddenCharacters:
    """Names that look like others: their letters are turned round, or something stands among them that is not seen."""

    HIDDEN = "\u202e\u2066\u200b\u00ad\ufeff\u2060\u3164\u2028\u200d\U000e0041"

    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_are_shown_for_what_they_are(self, cli: Cli, hidden: str) -> None:
        cli("create", f"ali{hidden}ce", "1")
        for line in ("list", "list --quiet", "list --format csv"):
            assert "ali\N{REPLACEMENT CHARACTER}ce" in cli(*line.split()).stdout

    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_are_escaped_in_json(self, cli: Cli, hidden: str) -> None:
        name = f"ali{hidden}ce"
        result = cli("create", name, "1", "--json")
        assert (hidden in result.stdout, result.document["user"]) == (False, name)

    @pytest.mark.parametrize("line", ["show", "check"])
    def test_never_reach_stderr(self, cli: Cli, line: str) -> None:
        assert "\u202e" not in cli(line, "ali\u202ece").stderr

    @pytest.mark.parametrize(
        "name", ["👨\u200d👩\u200d👧", "\u0645\u06cc\u200c\u062e\u0648\u0627", "❤\ufe0f\u200d🔥", "Zoë", "日本"]
    )
    def test_what_a_script_is_written_with_stays(self, cli: Cli, name: str) -> None:
        cli("create", name, "1")
        assert name in cli("list").stdout
        assert name in cli("show", name, "--json").stdout


class TestControlCharacters:
    """Names that somebody has written into the file by other means."""

    @pytest.fixture(autouse=True)
    def forged_names(self, cli: Cli, store_path: Path) -> None:
        cli("create", "alice", "10")
        cli("update-cost", "alice", "--cost", "1", "--model", "m", "--note", "n")
        with closing(sqlite3.connect(store_path)) as connection:
            connection.execute("UPDATE models SET name = 'm' || char(27) || '[31m' || char(155) || 'm'")
            connection.execute("UPDATE entries SET note = 'n' || char(27) || ']0;title' || char(7) || char(10) || 'n'")
            connection.commit()

    @pytest.mark.parametrize("line", ["show alice", "list", "history alice"])
    @pytest.mark.parametrize("format_name", ["table", "json", "jsonl", "csv"])
    def test_never_reach_the_output(self, cli: Cli, line: str, format_name: str) -> None:
        result = cli(*line.split(), "--format", format_name)
        assert result.returncode == 0
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stdout)

    @pytest.mark.parametrize("line", ["show alice", "history alice"])
    def test_never_reach_a_terminal(self, terminal: Cli, line: str) -> None:
        shown = terminal(*line.split(), "--no-color").stdout
        assert "m�[31m�m" in shown
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)
