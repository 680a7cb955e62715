"""update-cost and estimate: a response, a text, tokens or an amount, charged once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from support.commands import Cli
from support.places import EXAMPLES

CHAT = EXAMPLES / "openai-chat.json"
CHAT_ID = json.loads(CHAT.read_text())["id"]
CHAT_COST = "0.00388"  # 1,204 tokens at $2.50 and 87 at $10 for a million


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has $10."""
    budgets.create("alice", "10")


@pytest.fixture
def litellm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """litellm, for the numbers to compare with."""
    import litellm

    monkeypatch.setattr(litellm, "suppress_debug_info", True)
    return litellm


def spent(cli: Cli) -> str:
    """What alice has spent."""
    return str(cli("show", "alice", "--json").document["spent"])


class TestResponses:
    """Saved answers of providers."""

    def test_one_line_says_what_was_charged_and_what_is_left(self, cli: Cli) -> None:
        assert cli("update-cost", "alice", "--response", CHAT) == (
            0, "alice +$0.0039 gpt-4o (1,204 in, 87 out) · $0.0039 of $10.00, never resets\n", ""
        )  # fmt: skip

    def test_the_document_has_the_exact_cost_and_the_usage(self, cli: Cli) -> None:
        document = cli("update-cost", "alice", "--response", CHAT, "--json").document
        assert (document["charged"], document["cost"], document["entry_id"]) == (True, CHAT_COST, "1")
        assert (document["usage"]["input_tokens"], document["usage"]["output_tokens"]) == ("1204", "87")

    def test_the_same_response_is_charged_once(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--response", CHAT)
        again = cli("update-cost", "alice", "--response", CHAT)
        assert again.returncode == 0
        assert again.stdout.startswith(f"alice: already charged $0.0039 for {CHAT_ID} on ")
        assert again.stdout.endswith("; nothing added (--again to charge it again)\n")
        assert spent(cli) == CHAT_COST

    def test_a_replay_is_not_charged_in_json(self, cli: Cli) -> None:
        first = cli("update-cost", "alice", "--response", CHAT, "--json").document
        again = cli("update-cost", "alice", "--response", CHAT, "--json").document
        assert again == {**first, "charged": False}

    def test_again_charges_once_more(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--response", CHAT)
        assert cli("update-cost", "alice", "--response", CHAT, "--again", "--json").document["charged"] is True
        assert spent(cli) == "0.00776"

    def test_another_user_is_told_who_was_charged(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("bob", "10")
        cli("update-cost", "alice", "--response", CHAT)
        result = cli("update-cost", "bob", "--response", CHAT)
        assert result.stdout.startswith("bob: alice was already charged $0.0039 for chatcmpl-")
        assert result.stdout.endswith("; nothing added (--again to charge it again)\n")
        document = cli("update-cost", "bob", "--response", CHAT, "--json").document
        assert (document["charged"], document["owner"], document["spent"]) == (False, "alice", "0")

    def test_more_of_a_call_that_was_charged_is_charged(self, cli: Cli) -> None:
        body = json.loads(CHAT.read_text())
        cli("update-cost", "alice", "--response", CHAT)
        body["usage"] |= {"completion_tokens": 187, "total_tokens": 1391}
        result = cli("update-cost", "alice", "--response", "-", stdin=json.dumps(body).encode())
        assert result.stdout == "alice +$0.001: more was used than entry 1 says, $0.0049 in all\n"
        entry = cli("history", "alice", "--max", "1", "--json").document[0]
        assert (entry["kind"], entry["refers_to"], entry["usage"]["output_tokens"]) == ("adjustment", "1", "187")

    def test_lines_of_one_message_are_one_call(self, cli: Cli) -> None:
        line = {
            "type": "assistant",
            "requestId": "req_1",
            "message": {
                "id": "msg_1",
                "model": "claude-sonnet-4-5",
                "usage": {"input_tokens": 1000, "output_tokens": 1},
            },
        }
        cli("update-cost", "alice", "--response", "-", stdin=json.dumps(line).encode())
        line["message"]["usage"]["output_tokens"] = 42
        cli("update-cost", "alice", "--response", "-", stdin=json.dumps(line).encode())
        assert spent(cli) == "0.00363"

    def test_it_may_have_happened_before(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "1", "--at", "2026-01-02T03:04Z", "--json")
        assert (result.document["at"], result.document["spent"]) == ("2026-01-02T03:04:00Z", "0")
        sentence = cli("update-cost", "alice", "1", "--at", "2026-01-02T03:04Z").stdout
        assert sentence == "alice +$1.00 on 2 Jan 03:04 UTC, before this window · $0.00 of $10.00, never resets\n"

    def test_a_response_without_an_id_is_charged_every_time_and_says_so(self, cli: Cli) -> None:
        body = {**json.loads(CHAT.read_text()), "id": None}
        for _ in range(2):
            result = cli("update-cost", "alice", "--response", "-", stdin=json.dumps(body).encode())
            assert result.stderr.startswith("warning: the response has no id: charging it again will not be noticed")
        assert spent(cli) == "0.00776"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_files_of_other_programs_may_begin_with_a_byte_order_mark(self, cli: Cli, encoding: str) -> None:
        bom = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
        Path("answer.json").write_text(bom + CHAT.read_text(), encoding=encoding)
        assert cli("update-cost", "alice", "--response", "answer.json", "--json").document["cost"] == CHAT_COST

    def test_stdin(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", "-", "--json", stdin=CHAT.read_bytes())
        assert result.document["cost"] == CHAT_COST

    def test_the_json_itself(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", f"\n {CHAT.read_text()}", "--json")
        assert result.document["cost"] == CHAT_COST

    def test_model_replaces_the_one_that_the_response_names(self, cli: Cli) -> None:
        document = cli("update-cost", "alice", "--response", CHAT, "--model", "gpt-4o-mini", "--json").document
        assert (document["model"], document["cost"]) == ("gpt-4o-mini", "0.0002328")

    def test_from_a_shell(self, run: Any) -> None:
        result = run("update-cost", "alice", "--response", "-", "--quiet", stdin=CHAT.read_text())
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        assert run("history", "alice", "--json").stdout.count(f'"cost": {CHAT_COST},') == 1


class TestTextsAndTokens:
    """What litellm would charge."""

    @pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5"])
    @pytest.mark.parametrize(
        ("asked", "answered"), [("Hi", "Hello!"), ("Où est Paris ? 日本", "In France.\n" * 50), ("only asked", "")]
    )
    def test_a_text_costs_what_litellm_says_to_the_picodollar(
        self, cli: Cli, litellm: Any, model: str, asked: str, answered: str
    ) -> None:
        def count(text: str) -> int:
            return litellm.token_counter(model=model, messages=[{"role": "user", "content": text}]) if text else 0

        expected = sum(
            litellm.cost_per_token(model=model, prompt_tokens=count(asked), completion_tokens=count(answered))
        )
        document = cli(
            "update-cost", "alice", "--model", model, "--input-text", asked, "--output-text", answered, "--json"
        ).document
        assert document["cost"] == f"{expected:.12f}".rstrip("0")
        assert document["usage"]["input_tokens"] == str(count(asked))

    def test_texts_may_come_from_a_file_and_stdin(self, cli: Cli) -> None:
        Path("prompt.txt").write_text("Hi")
        line = ("update-cost", "alice", "--model", "gpt-4o", "--dry-run", "--json")
        from_files = cli(*line, "--input-file", "prompt.txt", "--output-file", "-", stdin=b"Hello!").document
        assert from_files == cli(*line, "--input-text", "Hi", "--output-text", "Hello!").document

    def test_tokens(self, cli: Cli) -> None:
        line = ("update-cost", "alice", "--model", "gpt-4o", "--input-tokens", "1000", "--output-tokens", "100")
        assert cli(*line).stdout == "alice +$0.0035 gpt-4o (1,000 in, 100 out) · $0.0035 of $10.00, never resets\n"

    def test_tokens_of_one_side(self, cli: Cli) -> None:
        line = ("update-cost", "alice", "--model", "gpt-4o", "--output-tokens", "100", "--json")
        assert cli(*line).document["cost"] == "0.001"


class TestStatedCosts:
    """An amount that somebody else has found."""

    def test_with_a_model_counts_for_it(self, cli: Cli) -> None:
        document = cli("update-cost", "alice", "--cost", "0.12", "--model", "my-model", "--json").document
        assert (document["cost"], document["model"], document["usage"]) == ("0.12", "my-model", None)
        assert cli("show", "alice", "--json").document["models"] == {"my-model": "0.12"}

    def test_without_a_model(self, cli: Cli) -> None:
        assert cli("update-cost", "alice", "--cost", "$0.12").stdout == (
            "alice +$0.12 · $0.12 of $10.00, never resets\n"
        )

    def test_a_note_is_kept(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--cost", "1", "--note", "GPU minutes")
        assert cli("history", "alice", "--json").document[0]["note"] == "GPU minutes"

    def test_over_budget_is_recorded_with_one_warning(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--cost", "12", "--json")
        assert (result.returncode, result.document["status"]) == (0, "exceeded")
        assert result.stderr == "warning: alice is over budget: $12.00 of $10.00, never resets\n"

    def test_the_last_dollar_is_told(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--cost", "10")
        assert result.stderr == "warning: alice has used up the budget: $10.00 of $10.00, never resets\n"


class TestKeys:
    """`--id` charges once, however often it is tried."""

    def test_the_same_charge_is_replayed(self, cli: Cli) -> None:
        line = ("update-cost", "alice", "--cost", "2", "--model", "m", "--id", "job-17")
        cli(*line)
        again = cli(*line)
        assert again.returncode == 0
        assert again.stdout.startswith("alice: already charged $2.00 for job-17 on ")
        assert again.stdout.endswith("; nothing added\n")
        assert spent(cli) == "2"

    def test_another_charge_under_the_same_key_is_refused(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--cost", "2", "--model", "m", "--id", "job-17")
        result = cli("update-cost", "alice", "--cost", "3", "--model", "m", "--id", "job-17", "--json")
        assert result.returncode == 1
        assert json.loads(result.stderr)["error"]["code"] == "key_conflict"
        assert spent(cli) == "2"

    def test_a_response_may_have_a_key_of_its_callers(self, cli: Cli) -> None:
        line = ("update-cost", "alice", "--response", CHAT, "--json", "--id")
        assert [cli(*line, key).document["charged"] for key in ("a", "a", "b")] == [True, False, False]
        assert cli("history", "alice", "--json").document[0]["key"] == "a"


class TestDryRun:
    """What would be charged."""

    def test_writes_nothing(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", CHAT, "--dry-run")
        assert result.stdout == "alice would be charged +$0.0039 gpt-4o (1,204 in, 87 out)\n"
        assert cli("history", "alice", "--json").document == []

    def test_has_the_document_of_a_charge_that_was_not_made(self, cli: Cli) -> None:
        document = cli("update-cost", "alice", "--cost", "1", "--dry-run", "--json").document
        assert (document["charged"], document["cost"], document["entry_id"], document["spent"]) == (
            False, "1", None, "0",
        )  # fmt: skip


class TestStreamsWithoutUsage:
    """Their text is counted, and that is said."""

    @pytest.fixture
    def stream(self, tmp_path: Path) -> Path:
        """The example's stream, without the chunk that says what was used."""
        lines = (EXAMPLES / "openai-chat-stream.sse").read_text().splitlines(keepends=True)
        path = tmp_path / "stream.sse"
        path.write_text("".join(line for line in lines if '"prompt_tokens"' not in line))
        return path

    def test_what_came_back_is_charged_with_a_warning(self, cli: Cli, stream: Path) -> None:
        result = cli("update-cost", "alice", "--response", stream, "--json")
        assert (result.document["usage"]["input_tokens"], result.document["usage"]["output_tokens"]) == ("0", "7")
        assert "7 tokens were counted from its text, and none of what was sent" in result.stderr

    def test_what_was_sent_can_be_given(self, cli: Cli, stream: Path) -> None:
        result = cli("update-cost", "alice", "--response", stream, "--input-text", "hello", "--json")
        assert result.document["usage"]["input_tokens"] == "8"
        assert "and none of what was sent" not in result.stderr

    def test_they_are_charged_once(self, cli: Cli, stream: Path) -> None:
        cli("update-cost", "alice", "--response", stream)
        result = cli("update-cost", "alice", "--response", stream)
        assert "already charged" in result.stdout
        assert result.stderr == ""

    def test_a_response_that_says_what_was_sent_takes_no_text(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", CHAT, "--input-text", "hello")
        assert (result.returncode, result.stdout) == (2, "")
        assert "leave out --input-text" in result.stderr


class TestEstimate:
    """What a call would cost, before it is made."""

    LINE = ("estimate", "--model", "gpt-4o", "--input-text", "hello world", "--max-output-tokens", "500")

    def test_without_a_user(self, cli: Cli) -> None:
        assert cli(*self.LINE).stdout == "$0.005 gpt-4o (2 in, 500 out)\n"

    def test_quiet_prints_the_amount_alone(self, cli: Cli) -> None:
        assert cli(*self.LINE, "--quiet").stdout == "0.005005\n"

    def test_says_what_the_user_would_have_spent(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.charge("alice", "4")
        document = cli(*self.LINE, "alice", "--json").document
        assert (document["cost"], document["projected"], document["remaining"]) == ("0.005005", "4.005005", "5.994995")

    def test_of_messages_counts_them_as_they_are_sent(self, cli: Cli, litellm: Any) -> None:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello", "name": "bob"}]
        for source, stdin in ((json.dumps(messages), b""), ("-", json.dumps(messages).encode())):
            document = cli("estimate", "--model", "gpt-4o", "--messages", source, "--json", stdin=stdin).document
            assert document["input_tokens"] == str(litellm.token_counter(model="gpt-4o", messages=messages))

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    def test_of_a_request_takes_its_model_and_its_longest_answer(self, cli: Cli, tmp_path: Path, name: str) -> None:
        request = tmp_path / "request.json"
        request.write_text(json.dumps({"model": "gpt-4o", name: 70, "messages": [{"role": "user", "content": "Hi"}]}))
        document = cli("estimate", "--messages", request, "--json").document
        assert (document["model"], document["input_tokens"], document["output_tokens"]) == ("gpt-4o", "8", "70")
        given = cli(
            "estimate", "--messages", request, "--model", "gpt-4", "--max-output-tokens", "0", "--json"
        ).document
        assert (given["model"], given["output_tokens"]) == ("gpt-4", "0")

    def test_of_a_request_to_anthropic_counts_its_system_prompt(self, cli: Cli) -> None:
        request = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hi"}]}
        plain = cli("estimate", "--messages", json.dumps(request), "--json").document
        told = cli("estimate", "--messages", json.dumps({**request, "system": "Be brief."}), "--json").document
        assert int(told["input_tokens"]) > int(plain["input_tokens"])

    def test_of_tokens(self, cli: Cli) -> None:
        assert (
            cli("estimate", "--model", "gpt-4o", "--input-tokens", "1000").stdout
            == "$0.0025 gpt-4o (1,000 in, 0 out)\n"
        )

    def test_of_a_file(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "prompt.txt").write_text("hello world")
        line = ("estimate", "--model", "gpt-4o", "--input-file", tmp_path / "prompt.txt", "--json")
        assert cli(*line).document["input_tokens"] == "2"

    def test_of_a_provider_takes_its_price(self, cli: Cli) -> None:
        line = ("estimate", "--model", "deepseek-v3.2", "--provider", "azure_ai", "--input-tokens", "1000000", "--json")
        cli("prices", "set", "azure_ai/deepseek-v3.2", "--input", "7")
        assert cli(*line).document["cost"] == "7"

    def test_records_nothing(self, cli: Cli) -> None:
        cli(*self.LINE, "alice")
        assert cli("history", "alice", "--json").document == []

    def test_an_unknown_user_is_an_error(self, cli: Cli) -> None:
        assert cli(*self.LINE, "nobody").returncode == 4


class TestNotes:
    """What does not add up, is not known, or has no price, is a warning, and stays with the entry."""

    @staticmethod
    def response(model: str = "gpt-4o", **usage: Any) -> str:
        return json.dumps(
            {"id": "r", "model": model, "usage": {"prompt_tokens": 1000, "completion_tokens": 9, **usage}}
        )

    @pytest.mark.parametrize(
        ("usage", "warning"),
        [
            ({"shrubs": 7}, "not known here, and not in the price: shrubs 7"),
            ({"cached_tokens": 2000}, "cached_tokens 2,000, but prompt_tokens 1,000, which should include that"),
            ({"total_tokens": 2009}, "total_tokens 2,009 is 1,000 more than the other counts"),
            ({"ev\x1b[2J": 7}, "not in the price: ev"),
        ],
    )
    def test_are_warnings(self, cli: Cli, usage: dict[str, int], warning: str) -> None:
        result = cli("update-cost", "alice", "--response", self.response(**usage))
        assert (result.returncode, result.stderr.count("\n")) == (0, 1)
        assert result.stderr.startswith("warning: ")
        assert warning in result.stderr
        assert "\x1b" not in result.stderr

    def test_are_warnings_of_a_dry_run(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", self.response(shrubs=7), "--dry-run")
        assert result.stderr == "warning: not known here, and not in the price: shrubs 7\n"

    def test_stay_with_the_entry(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--response", self.response(total_tokens=2009))
        (entry,) = cli("history", "alice", "--json").document
        assert entry["pricing"]["estimated"] is True
        assert entry["pricing"]["notes"][0].startswith("total_tokens 2,009 is 1,000 more")
        assert entry["usage"]["unexplained"] == "1000"

    def test_the_unexplained_tokens_cost_as_text_at_the_dearer_rate(self, cli: Cli) -> None:
        document = cli("update-cost", "alice", "--response", self.response(total_tokens=2009), "--json").document
        assert document["cost"] == "0.01259"  # 1,000 at $2.50, and 9 and 1,000 at $10 for a million

    def test_are_not_said_again_of_a_response_that_was_charged(self, cli: Cli) -> None:
        for expected in (1, 0):
            result = cli("update-cost", "alice", "--response", self.response(shrubs=7))
            assert result.stderr.count("not known here") == expected

    def test_say_that_a_model_was_dropped(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", self.response("claude-sonnet-4-20250514"))
        assert "claude-sonnet-4-20250514" in result.stdout
        assert "litellm has dropped claude-sonnet-4-20250514 in " in result.stderr

    def test_an_answer_with_text_and_no_tokens_is_counted(self, cli: Cli) -> None:
        body = {"id": "r", "model": "gpt-4o", "choices": [{"message": {"content": "Coins in a thin purse"}}]}
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        result = cli("update-cost", "alice", "--response", json.dumps(body | {"usage": usage}), "--input-text", "Hi")
        assert result.stderr == "warning: the answer does not say what was used: 5 tokens were counted from its text\n"
        assert "(8 in, 5 out)" in result.stdout
