"""update-cost of several documents: JSON lines, arrays, sessions of agents; each charged once, all of them or none."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from support.commands import Cli

MESSAGE = "msg_01XFDUDYJgAACzvnptvVoYEL"
LINE = ("update-cost", "alice", "--response")


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has $10."""
    budgets.create("alice", "10")


def chat(request_id: str | None, sent: int = 1_000, **more: Any) -> dict[str, Any]:
    """An answer that costs $0.0026 ($2.50 and $10 for a million)."""
    usage = {"prompt_tokens": sent, "completion_tokens": 10}
    return {"id": request_id, "object": "chat.completion", "model": "gpt-4o", "usage": usage, **more}


def claude(output: int, **more: Any) -> dict[str, Any]:
    """A line of a session of Claude Code: $0.003 and $0.000015 for each token of the output."""
    usage = {"input_tokens": 1_000, "output_tokens": output}
    message = {"id": MESSAGE, "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "usage": usage}
    return {"type": "assistant", "sessionId": "s", "message": message, **more}


def saved(*bodies: object, name: str = "answers.jsonl") -> str:
    """The name of a file with a document in each line."""
    Path(name).write_text("".join(f"{body if isinstance(body, str) else json.dumps(body)}\n" for body in bodies))
    return name


def spent(cli: Cli) -> str:
    """What alice has spent."""
    return str(cli("show", "alice", "--json").document["spent"])


def entries(budgets: BudgetManager) -> int:
    """How many entries alice's ledger has."""
    return len(list(budgets.history("alice")))


class TestText:
    """What a person reads."""

    def test_a_line_for_each_and_a_total(self, cli: Cli) -> None:
        name = saved(chat("a"), {"type": "user"}, chat("b", 2_000))
        assert cli(*LINE, name) == (
            0,
            "alice +$0.0026 gpt-4o (1,000 in, 10 out)\n"
            "alice +$0.0051 gpt-4o (2,000 in, 10 out)\n"
            "alice +$0.0077 for 2 of 3 documents (1 without usage) · $0.0077 of $10.00, never resets\n",
            "",
        )

    def test_the_second_time_says_so_and_adds_nothing(self, cli: Cli) -> None:
        cli(*LINE, saved(chat("a"), chat("b")))
        *lines, total = cli(*LINE, saved(chat("a"), chat("c"), chat("b"))).stdout.splitlines()
        assert lines[0].startswith("alice: already charged $0.0026 for a on ")
        assert lines[1] == "alice +$0.0026 gpt-4o (1,000 in, 10 out)"
        assert total == (
            "alice +$0.0026 for 1 of 3 documents (2 charged before) · $0.0078 of $10.00, never resets"
        )  # fmt: skip

    def test_of_many_there_is_the_total_alone(self, cli: Cli) -> None:
        name = saved(*(chat(str(number)) for number in range(21)))
        assert cli(*LINE, name).stdout == (
            "alice +$0.055 for 21 of 21 documents · $0.055 of $10.00, never resets\n"
        )  # fmt: skip
        assert cli(*LINE, name, "--format", "jsonl").stdout.count("\n") == 21

    def test_quiet_says_nothing(self, cli: Cli) -> None:
        assert cli(*LINE, saved(chat("a"), chat(None)), "--quiet") == (0, "", "")

    def test_remarks_are_made_once_with_the_places(self, cli: Cli) -> None:
        odd = [chat(each, model="gpt-4o") for each in "abc"]
        for body in odd:
            body["usage"]["shrubs"] = 7
        assert cli(*LINE, saved(*odd)).stderr == (
            "warning: line 1 and 2 more: not known here, and not in the price: shrubs 7\n"
        )

    def test_answers_without_an_id_are_counted(self, cli: Cli) -> None:
        name = saved(chat(None), chat(None), chat("a"))
        for _ in range(2):
            result = cli(*LINE, name)
            assert result.stderr == (
                "warning: 2 responses have no id: charging the same again will not be noticed\n"
            )  # fmt: skip
        assert spent(cli) == "0.013"

    def test_over_budget_is_one_warning(self, cli: Cli) -> None:
        result = cli(*LINE, saved(*(chat(each, 3_000_000) for each in "ab")))
        assert result.stderr == "warning: alice is over budget: $15.00 of $10.00, never resets\n"

    def test_a_dry_run_writes_nothing(self, cli: Cli, budgets: BudgetManager) -> None:
        result = cli(*LINE, saved(chat("a"), chat("b")), "--dry-run")
        assert result.stdout.splitlines()[-1] == "alice would be charged +$0.0052 for 2 of 2 documents"
        assert entries(budgets) == 0


class TestDocuments:
    """What a program reads."""

    def test_of_one_response_is_as_ever(self, cli: Cli) -> None:
        document = cli(*LINE, json.dumps(chat("a")), "--json").document
        assert (document["charged"], document["cost"], "documents" in document) == (True, "0.0026", False)

    def test_of_several_has_each_charge_and_the_total(self, cli: Cli) -> None:
        cli(*LINE, json.dumps(chat("a")))
        name = saved(chat("a"), chat("b"), chat("b"), {"type": "user"}, {"error": {"message": "rate limit"}})
        document = cli(*LINE, name, "--json").document
        counts = {
            name: document[name] for name in "read charged replayed repeated without_usage failed skipped".split()
        }
        assert counts == {
            "read": "5", "charged": "1", "replayed": "1", "repeated": "1", "without_usage": "1", "failed": "1",
            "skipped": "0",
        }  # fmt: skip
        assert (document["user"], document["total"], document["spent"]) == ("alice", "0.0026", "0.0052")
        assert [(each["place"], each["charged"], each["entry_id"]) for each in document["documents"]] == [
            ("line 1", False, "1"), ("line 2", True, "2"),
        ]  # fmt: skip

    def test_in_csv_and_json_lines_each_charge_is_a_line(self, cli: Cli) -> None:
        name = saved(chat("a"), chat("b"))
        lines = [json.loads(line) for line in cli(*LINE, name, "--format", "jsonl").stdout.splitlines()]
        rows = list(csv.DictReader(cli(*LINE, name, "--format", "csv").stdout.splitlines()))
        assert [(row["place"], row["entry_id"]) for row in rows] == [("line 1", "1"), ("line 2", "2")]
        assert list(lines[0]) == list(rows[0])


class TestAllOrNone:
    """A document that cannot be charged."""

    @pytest.mark.parametrize(
        ("bad", "code", "said"),
        [
            (
                '{"id": oops',
                2,
                "answers.jsonl: line 2: it is not JSON: Expecting value (column 8); nothing was charged",
            ),
            (chat("b", model="no-such-model"), 6, "answers.jsonl: line 2: "),
            (chat("b", model=None), 2, "answers.jsonl: line 2: the response does not say which model answered"),
        ],
    )
    def test_keeps_all_from_being_charged(
        self, cli: Cli, budgets: BudgetManager, bad: object, code: int, said: str
    ) -> None:
        result = cli(*LINE, saved(chat("a"), bad, chat("c")))
        assert (result.returncode, result.stdout, entries(budgets)) == (code, "", 0)
        assert result.stderr.startswith(f"error: {said}")

    def test_that_the_ledger_refuses_keeps_all_from_being_charged(self, cli: Cli, budgets: BudgetManager) -> None:
        cli(*LINE, json.dumps(claude(1)))
        other = claude(42)
        other["message"]["model"] = "claude-haiku-4-5"
        result = cli(*LINE, saved(chat("a"), other))
        assert (result.returncode, entries(budgets)) == (1, 1)
        assert result.stderr.startswith("error: answers.jsonl: line 2: alice was charged $0.003 for this call already")

    def test_is_skipped_where_that_is_asked_for(self, cli: Cli) -> None:
        name = saved(chat("a"), '{"id": oops', chat("b", model="no-such-model"), chat("c"))
        result = cli(*LINE, name, "--skip-bad")
        assert result.returncode == 1
        assert result.stdout.splitlines()[-1] == (
            "alice +$0.0052 for 2 of 4 documents (2 skipped) · $0.0052 of $10.00, never resets"
        )
        first, second = result.stderr.splitlines()
        assert first == "warning: line 2 is skipped: it is not JSON: Expecting value (column 8)"
        assert second.startswith("warning: line 3 is skipped: ")

    def test_that_is_skipped_is_named_in_json(self, cli: Cli) -> None:
        result = cli(*LINE, saved(chat("a"), "oops", chat("c")), "--skip-bad", "--json")
        assert (result.returncode, result.document["skipped"], result.document["charged"]) == (1, "1", "2")
        assert [(bad["place"], bad["code"]) for bad in result.document["bad"]] == [("line 2", "invalid_response")]

    def test_that_the_ledger_refuses_can_be_skipped(self, cli: Cli, budgets: BudgetManager) -> None:
        cli(*LINE, json.dumps(claude(1)))
        other = claude(42)
        other["message"]["model"] = "claude-haiku-4-5"
        result = cli(*LINE, saved(other, chat("a")), "--skip-bad")
        assert (result.returncode, entries(budgets)) == (1, 2)
        assert "line 1 is skipped: alice was charged" in result.stderr

    def test_an_unknown_price_may_be_recorded(self, cli: Cli) -> None:
        name = saved(chat("a"), *(chat(each, model="no-such-model") for each in "bc"))
        result = cli(*LINE, name, "--on-unknown-price", "record")
        assert result.returncode == 0
        assert "no-such-model has no price: 2 entries are unpriced until budgetctl reprice" in result.stderr

    def test_nothing_that_is_a_response_is_an_error(self, cli: Cli) -> None:
        result = cli(*LINE, saved({"type": "user"}, {"type": "summary"}))
        assert (result.returncode, result.stdout) == (2, "")
        assert "none of the 2 documents is a response" in result.stderr

    def test_nothing_but_a_provider_s_errors_is_an_error(self, cli: Cli) -> None:
        result = cli(*LINE, saved(*({"custom_id": each, "error": {"message": "expired"}} for each in "ab")), "--json")
        assert (result.returncode, json.loads(result.stderr)["error"]["code"]) == (2, "provider_error")

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--id", "job-17"), "--id is the key of one charge"),
            (("--input-text", "hello"), "--input-text and --input-file are for one response"),
        ],
    )
    def test_options_for_one_response_are_errors(self, cli: Cli, options: tuple[str, ...], said: str) -> None:
        result = cli(*LINE, saved(chat("a"), chat("b")), *options)
        assert result.returncode == 2
        assert said in result.stderr

    def test_too_many_are_refused_with_a_way_out(self, cli: Cli, budgets: BudgetManager) -> None:
        result = cli(*LINE, saved(*(chat(str(number)) for number in range(10_001))))
        assert (result.returncode, entries(budgets)) == (2, 0)
        assert "more than 10,000 answers" in result.stderr
        assert "split -l 10000 FILE" in result.stderr

    def test_an_unknown_user_is_one(self, cli: Cli) -> None:
        assert cli("update-cost", "nobody", "--response", saved(chat("a"), chat("b"))).returncode == 4


class TestSessions:
    """Sessions of agents, at the times that they state."""

    def test_a_message_that_grows_is_charged_once_within_a_run(self, cli: Cli, budgets: BudgetManager) -> None:
        document = cli(*LINE, saved({"type": "user"}, claude(1), claude(42)), "--json").document
        assert (document["total"], document["charged"], document["repeated"]) == ("0.00363", "1", "1")
        assert (spent(cli), entries(budgets)) == ("0.00363", 1)

    def test_a_message_that_grows_is_charged_once_between_runs(self, cli: Cli) -> None:
        cli(*LINE, saved(claude(1), chat("a", 0)))
        result = cli(*LINE, saved(claude(1), claude(42), chat("a", 0)))
        assert result.stdout.startswith("alice +$0.00062: more was used than entry 1 says, $0.0036 in all\n")
        assert spent(cli) == "0.00373"

    def test_lines_count_when_they_say(self, cli: Cli, budgets: BudgetManager) -> None:
        early = {"timestamp": "2026-01-02T03:04:05.678Z"}
        document = cli(*LINE, saved({"type": "user"}, claude(42, **early)), "--json").document
        assert document["documents"][0]["at"] == "2026-01-02T03:04:05.678000Z"
        assert next(budgets.history("alice")).usage["text_output"] == 42

    def test_a_time_that_is_given_is_for_all(self, cli: Cli) -> None:
        early = {"timestamp": "2026-01-02T03:04:05Z"}
        documents = cli(*LINE, saved(claude(42, **early), chat("a")), "--at", "2026-02-01T00:00Z", "--json").document
        assert {each["at"] for each in documents["documents"]} == {"2026-02-01T00:00:00Z"}

    def test_what_is_of_before_the_window_is_said(self, cli: Cli) -> None:
        early = {"timestamp": "2026-01-02T03:04:05Z"}
        result = cli(*LINE, saved({"type": "user"}, claude(42, **early)))
        assert result.stderr == "warning: 1 response is of before the current window: not in what is spent now\n"

    def test_of_codex_each_call_is_charged_once(self, cli: Cli) -> None:
        def line(total: int, last: int) -> dict[str, Any]:
            counts = [{"input_tokens": each, "total_tokens": each} for each in (total, last)]
            info = dict(zip(("total_token_usage", "last_token_usage"), counts, strict=True))
            return {"type": "event_msg", "payload": {"type": "token_count", "info": info}}

        head = [
            {"type": "session_meta", "payload": {"id": "s"}},
            {"type": "turn_context", "payload": {"model": "gpt-4o"}},
        ]
        cli(*LINE, saved(*head, line(1_000, 1_000), line(1_000, 1_000)))
        assert spent(cli) == "0.0025"
        cli(*LINE, saved(*head, line(1_000, 1_000), line(1_000, 1_000), line(3_000, 2_000)))
        assert spent(cli) == "0.0075"
