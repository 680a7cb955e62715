"""`run`: a command inside a budget. Real processes, as signals, streams and exit codes are what it is about."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from support.places import EXAMPLES

CHAT = EXAMPLES / "openai-chat.json"  # costs $0.00388
BUDGETCTL = f"{sys.executable} -m budgetctl"
REPORT = 'printf %s "$REPORT" > "$BUDGETCTL_COST_FILE"'


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has a dollar a day."""
    budgets.create("alice", "1", duration="daily")


@pytest.fixture(autouse=True)
def scratch(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are, and nothing else is."""
    directory = home / "scratch"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return directory


@pytest.fixture
def start(home: Path) -> Any:
    """Start `budgetctl run alice …` and wait until its command has said that it is there."""

    def started(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "budgetctl", "run", "alice", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # no terminal, whoever runs the tests
            **settings,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    return started


def spent(budgets: BudgetManager) -> str:
    """What alice has spent."""
    return str(budgets.budget("alice").limit.spent)


def held(budgets: BudgetManager) -> str:
    """What is set aside for alice."""
    return str(budgets.budget("alice").limit.held)


def states(budgets: BudgetManager) -> list[str]:
    """The states of all holds that there ever were."""
    return [hold.state for hold in budgets.holds("alice", resolved=True)]


class TestCommand:
    """What the command is, and what it gets."""

    def test_finds_what_it_needs_in_its_environment(self, run: Any, home: Path) -> None:
        run("create", "bob", "1", "--store", "b.db", "-p", "other")
        print_environment = "import json, os; print(json.dumps(dict(os.environ)))"
        command = (sys.executable, "-c", print_environment)
        result = run("run", "bob", "--amount", "0.1", "--store", "b.db", "-p", "other", "--id", "job", "--", *command)
        added = json.loads(result.stdout).items() - os.environ.items()
        found = {name: value for name, value in added if name.startswith("BUDGETCTL_")}
        assert Path(found.pop("BUDGETCTL_COST_FILE")).name == "cost"
        assert found == {
            "BUDGETCTL_PROJECT": "other",
            "BUDGETCTL_STORE": str(home / "work" / "b.db"),
            "BUDGETCTL_USER": "bob",
            "BUDGETCTL_HOLD": "job",
        }

    def test_a_directory_of_stores_stays_one(self, run: Any, home: Path) -> None:
        run("create", "bob", "1", "--store", "stores/")
        result = run("run", "bob", "--store", "stores/", "--", "sh", "-c", "echo $BUDGETCTL_STORE")
        assert result.stdout == f"{home / 'work' / 'stores'}/\n"

    def test_without_an_amount_there_is_no_hold_also_not_of_another_run(self, run: Any) -> None:
        result = run("run", "alice", "--", "sh", "-c", "echo ${BUDGETCTL_HOLD-none}", env={"BUDGETCTL_HOLD": "outer"})
        assert result.stdout == "none\n"

    @pytest.mark.parametrize("words", [["alice"], ["alice", "--"], ["--", "alice"], ["--user", "alice", "--"]])
    def test_its_options_are_its_own(self, run: Any, words: list[str]) -> None:
        result = run("run", *words, "echo", "-q", "--json", "--", "-x")
        assert (result.returncode, result.stdout, result.stderr) == (0, "-q --json -- -x\n", "")

    def test_options_may_stand_on_both_sides_of_the_user(self, run: Any, budgets: BudgetManager) -> None:
        result = run("run", "--id", "job", "alice", "--amount", "0.1", "echo", "hi")
        assert (result.returncode, result.stdout) == (0, "hi\n")
        assert [hold.hold_id for hold in budgets.holds(resolved=True)] == ["job"]

    def test_has_stdin_stdout_and_stderr_for_itself(self, run: Any) -> None:
        result = run("run", "alice", "--json", "--", "sh", "-c", "cat; echo oops >&2", stdin="hello")
        assert (result.stdout, result.stderr) == ("hello", "oops\n")

    def test_has_the_files_that_the_caller_opened(self) -> None:
        Path("given").write_text("hello")
        line = f"{BUDGETCTL} run alice -- sh -c 'cat <&3' 3<given"
        assert subprocess.check_output(line, shell=True, text=True) == "hello"

    def test_no_shell_reads_its_words(self, run: Any) -> None:
        assert run("run", "alice", "--", "echo", "$HOME; *").stdout == "$HOME; *\n"

    @pytest.mark.parametrize("code", [0, 1, 3, 125, 130])
    def test_its_exit_code_is_passed_through(self, run: Any, code: int) -> None:
        result = run("run", "alice", "--", "sh", "-c", f"exit {code}")
        assert (result.returncode, result.stderr) == (code, "")

    def test_the_exit_code_of_a_killed_one_is_128_and_the_signal(self, run: Any) -> None:
        assert run("run", "alice", "--", "sh", "-c", "kill -KILL $$").returncode == 137

    def test_runs_while_the_store_is_free(self, run: Any, budgets: BudgetManager) -> None:
        charge = f"{BUDGETCTL} update-cost alice --cost 0.2 --wait 0 --quiet"
        result = run("run", "alice", "--amount", "0.5", "--", "sh", "-c", f"{charge} && REPORT=0.1 && {REPORT}")
        assert (result.returncode, spent(budgets)) == (0, "0.3")

    def test_has_no_store_open(self, run: Any, store_path: Path) -> None:
        result = run("run", "alice", "--amount", "0.1", "--", "sh", "-c", "ls -l /proc/$PPID/fd")
        assert str(store_path) not in result.stdout


class TestReport:
    """What the command says it spent."""

    @pytest.mark.parametrize("options", [(), ("--amount", "0.5")])
    @pytest.mark.parametrize("text", ["0.042", "$0.042", " 0.042\n"])
    def test_a_number_is_charged(self, run: Any, budgets: BudgetManager, options: tuple[str, ...], text: str) -> None:
        result = run("run", "alice", *options, "--", "sh", "-c", REPORT, env={"REPORT": text})
        assert (result.returncode, result.stdout) == (0, "")
        assert result.stderr.startswith("alice +$0.042 · $0.042 of $1.00")
        assert (spent(budgets), held(budgets)) == ("0.042", "0")

    def test_a_response_is_priced(self, run: Any, budgets: BudgetManager) -> None:
        result = run("run", "alice", "--amount", "0.5", "--", "sh", "-c", f'cat {CHAT} > "$BUDGETCTL_COST_FILE"')
        assert result.stderr.startswith("alice +$0.0039 gpt-4o (1,204 in, 87 out)")
        assert (spent(budgets), states(budgets)) == ("0.00388", ["committed"])

    def test_a_stream_is_priced(self, run: Any, budgets: BudgetManager) -> None:
        stream = EXAMPLES / "anthropic-stream.sse"
        expected = run("update-cost", "alice", "--response", stream, "--dry-run", "--json").stdout
        run("run", "alice", "--amount", "0.5", "--", "sh", "-c", f'cat {stream} > "$BUDGETCTL_COST_FILE"')
        assert f'"cost": {spent(budgets)},' in expected

    def test_a_response_is_priced_by_the_model_that_it_names(self, run: Any, budgets: BudgetManager) -> None:
        run("run", "alice", "--model", "gpt-4", "--", "sh", "-c", f'cat {CHAT} > "$BUDGETCTL_COST_FILE"')
        assert list(budgets.budget("alice").models) == ["gpt-4o"]

    def test_a_response_that_names_no_model_is_priced_by_the_one_that_was_given(
        self, run: Any, budgets: BudgetManager
    ) -> None:
        response = {key: value for key, value in json.loads(CHAT.read_text()).items() if key != "model"}
        environment = {"REPORT": json.dumps(response)}
        run("run", "alice", "--model", "gpt-4o", "--", "sh", "-c", REPORT, env=environment)
        assert list(budgets.budget("alice").models) == ["gpt-4o"]

    def test_without_a_hold_a_response_is_charged_once(self, run: Any, budgets: BudgetManager) -> None:
        line = ("run", "alice", "--", "sh", "-c", f'cat {CHAT} > "$BUDGETCTL_COST_FILE"')
        assert [run(*line).returncode, run(*line).returncode] == [0, 0]
        assert spent(budgets) == "0.00388"

    def test_is_charged_also_when_the_command_fails(self, run: Any, budgets: BudgetManager) -> None:
        result = run("run", "alice", "--amount", "0.5", "--", "sh", "-c", f"{REPORT}; exit 7", env={"REPORT": "0.1"})
        assert (result.returncode, spent(budgets)) == (7, "0.1")

    def test_may_be_more_than_was_set_aside(self, run: Any, budgets: BudgetManager) -> None:
        result = run("run", "alice", "--amount", "0.1", "--", "sh", "-c", REPORT, env={"REPORT": "5"})
        assert (result.returncode, spent(budgets)) == (0, "5")
        assert "alice is over budget" in result.stderr

    @pytest.mark.parametrize("command", ["true", ': > "$BUDGETCTL_COST_FILE"'])
    def test_nothing_reported_lets_go_of_what_was_set_aside(
        self, run: Any, budgets: BudgetManager, command: str
    ) -> None:
        result = run("run", "alice", "--amount", "0.5", "--", "sh", "-c", f"{command}; exit 4")
        assert result.returncode == 4
        assert result.stderr == "note: alice: the command reported no cost; nothing was charged\n"
        assert (spent(budgets), states(budgets)) == ("0", ["released"])

    def test_a_program_finds_what_was_charged_in_a_file(self, run: Any) -> None:
        command = ("sh", "-c", f"{REPORT}; exit 3")
        run(
            "run",
            "alice",
            "--amount",
            "0.5",
            "--id",
            "job-1",
            "--report",
            "out.json",
            "--",
            *command,
            env={"REPORT": "0.04"},
        )
        document = json.loads(Path("out.json").read_text())
        assert (document["user"], document["exit_code"], document["hold"]) == ("alice", 3, "job-1")
        assert (document["charge"]["cost"], document["charge"]["remaining"]) == (0.04, 0.96)

    def test_a_file_without_a_charge_says_so(self, run: Any) -> None:
        run("run", "alice", "--report", "out.json", "--", "true")
        assert json.loads(Path("out.json").read_text()) == {
            "user": "alice",
            "exit_code": 0,
            "hold": None,
            "charge": None,
        }

    def test_a_file_that_cannot_be_written_is_an_error_before_the_command_runs(self, run: Any) -> None:
        result = run("run", "alice", "--report", "nowhere/out.json", "--", "touch", "ran")
        assert result.returncode == 125
        assert "cannot write nowhere/out.json: No such file" in result.stderr
        assert not Path("ran").exists()

    @pytest.mark.parametrize("options", [(), ("--amount", "0.5", "--id", "job")])
    def test_what_is_said_of_it_names_no_option_that_run_lacks(self, run: Any, options: tuple[str, ...]) -> None:
        lines = (EXAMPLES / "openai-chat-stream.sse").read_text().splitlines(keepends=True)
        Path("stream.sse").write_text("".join(line for line in lines if '"prompt_tokens"' not in line))
        line = ("run", "alice", *options, "--", "sh", "-c", 'cat stream.sse > "$BUDGETCTL_COST_FILE"')
        assert "--" not in run(*line).stderr
        if not options:
            assert run(*line).stderr.rstrip().endswith("; nothing added")

    def test_the_price_of_a_prompt_is_set_aside(self, run: Any, budgets: BudgetManager) -> None:
        asked = EXAMPLES / "request.json"
        price = run("estimate", "--messages", asked, "--quiet").stdout
        assert run("run", "alice", "--messages", asked, "--", "true").returncode == 0
        (hold,) = budgets.holds("alice", resolved=True)
        assert (f"{hold.amount}\n", hold.model) == (price, "gpt-4o")

    def test_quiet_says_nothing(self, run: Any, budgets: BudgetManager) -> None:
        result = run("run", "alice", "--quiet", "--amount", "0.5", "--", "sh", "-c", REPORT, env={"REPORT": "0.1"})
        assert (result.stdout, result.stderr, spent(budgets)) == ("", "", "0.1")

    def test_a_command_may_commit_by_itself(self, run: Any, budgets: BudgetManager) -> None:
        commit = f'{BUDGETCTL} commit "$BUDGETCTL_HOLD" --cost 0.3 --quiet'
        result = run("run", "alice", "--amount", "0.5", "--", "sh", "-c", commit)
        assert (result.returncode, result.stderr, spent(budgets)) == (0, "", "0.3")

    def test_the_file_is_private_and_removed(self, run: Any, scratch: Path) -> None:
        command = f'stat -c %a "$(dirname "$BUDGETCTL_COST_FILE")"; {REPORT}'
        assert run("run", "alice", "--", "sh", "-c", command, env={"REPORT": "0.1"}).stdout == "700\n"
        assert list(scratch.iterdir()) == []

    def test_is_charged_when_nobody_reads_stderr(self, budgets: BudgetManager) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        line = [sys.executable, "-m", "budgetctl", "run", "alice", "--", "sh", "-c", f"{REPORT}; exit 9"]
        done = subprocess.run(line, stderr=writer, check=False, env={**os.environ, "REPORT": "0.1"})
        os.close(writer)
        assert (done.returncode, spent(budgets)) == (9, "0.1")


class TestSeveralReports:
    """Commands that make several calls, and report each."""

    ANSWERS = "\n".join(
        f'{{"id": "{each}", "model": "gpt-4o", "usage": {{"prompt_tokens": 1000, "completion_tokens": 10}}}}'
        for each in ("a", "b")
    )  # $0.0026 each

    @pytest.mark.parametrize("options", [(), ("--amount", "0.1")])
    def test_amounts_in_lines_are_added_up(self, run: Any, budgets: BudgetManager, options: tuple[str, ...]) -> None:
        result = run("run", "alice", *options, "sh", "-c", REPORT, env={"REPORT": "0.01\n$0.02\n\n0.003\n"})
        assert (result.returncode, spent(budgets), held(budgets)) == (0, "0.033", "0")
        assert len(list(budgets.history("alice"))) == 1

    @pytest.mark.parametrize("options", [(), ("--amount", "0.1")])
    def test_responses_are_an_entry_each_and_charged_once(
        self, run: Any, budgets: BudgetManager, options: tuple[str, ...]
    ) -> None:
        for _ in range(2):
            assert run("run", "alice", *options, "sh", "-c", REPORT, env={"REPORT": self.ANSWERS}).returncode == 0
        assert (spent(budgets), held(budgets)) == ("0.0052", "0")
        assert [entry.usage["request_id"] for entry in budgets.history("alice")] == ["b", "a"]

    def test_are_told_in_lines_and_in_a_file(self, run: Any) -> None:
        result = run("run", "alice", "--report", "charge.json", "sh", "-c", REPORT, env={"REPORT": self.ANSWERS})
        *lines, total = result.stderr.splitlines()
        assert lines == ["alice +$0.0026 gpt-4o (1,000 in, 10 out)"] * 2
        assert total.startswith("alice +$0.0052 for 2 of 2 documents · $0.0052 of $1.00")
        charge = json.loads(Path("charge.json").read_text())["charge"]
        assert (charge["total"], [each["place"] for each in charge["documents"]]) == (0.0052, ["line 1", "line 2"])

    def test_that_name_no_model_have_the_one_that_was_given(self, run: Any, budgets: BudgetManager) -> None:
        answers = self.ANSWERS.replace('"id": "b", "model": "gpt-4o"', '"id": "b"')
        run("run", "alice", "--model", "gpt-4.1", "sh", "-c", REPORT, env={"REPORT": answers})
        assert [entry.model for entry in budgets.history("alice")] == ["gpt-4.1", "gpt-4o"]

    def test_of_which_one_is_bad_charge_nothing_and_can_be_charged_by_the_hint(
        self, run: Any, budgets: BudgetManager
    ) -> None:
        report = self.ANSWERS.replace("\n", "\n{oops\n")
        result = run("run", "alice", "--amount", "0.1", "sh", "-c", REPORT, env={"REPORT": report})
        assert (result.returncode, spent(budgets)) == (125, "0")
        assert "line 2: it is not JSON" in result.stderr
        hint = result.stderr.splitlines()[-1].removeprefix("  try: budgetctl ")
        assert run(*hint.split()).returncode == 1
        assert spent(budgets) == "0.0052"


class TestReportsThatCannotBeCharged:
    """They are kept, and so is the hold: money may have been spent."""

    @pytest.mark.parametrize("text", ["12 cents", "-1", '{"usage"', '{"hello": 1}', "nan"])
    def test_garbage(self, run: Any, budgets: BudgetManager, scratch: Path, text: str) -> None:
        result = run("run", "alice", "--amount", "0.5", "--id", "job", "--", "sh", "-c", REPORT, env={"REPORT": text})
        (kept,) = scratch.glob("*/cost")
        assert (result.returncode, result.stdout, kept.read_text()) == (125, "", text)
        assert f"error: alice was not charged: {text!r}"[:30] in result.stderr
        assert f"what the command reported is kept in {kept}; the hold job stays until" in result.stderr
        assert "try: budgetctl commit job --cost 0.05" in result.stderr
        assert (spent(budgets), held(budgets)) == ("0", "0.5")

    @pytest.mark.parametrize("options", [(), ("--amount", "0.5")])
    def test_a_provider_s_error_can_be_released_by_the_hint(
        self, cli: Any, budgets: BudgetManager, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REPORT", '{"error": {"message": "You exceeded your current quota"}}')
        result = cli("run", "alice", *options, "--", "sh", "-c", REPORT)
        assert result.returncode == 125
        assert "the provider answered with an error, which carries no usage: You exceeded" in result.stderr
        if options:
            assert held(budgets) == "0.5"  # another call of the command may have been paid for
            assert cli(*result.stderr.partition("try: budgetctl ")[2].split()).returncode == 0
        assert (spent(budgets), held(budgets)) == ("0", "0")

    @pytest.mark.parametrize("options", [(), ("--amount", "0.5")])
    def test_a_model_without_a_price_can_be_charged_by_the_hint(
        self, cli: Any, budgets: BudgetManager, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        response = json.loads(CHAT.read_text()) | {"model": "no-such-model-here"}
        monkeypatch.setenv("REPORT", json.dumps(response))
        result = cli("run", "alice", *options, "--", "sh", "-c", REPORT)  # litellm is asked: it takes seconds to come
        assert result.returncode == 125
        hint = result.stderr.partition("try: budgetctl ")[2]
        assert cli(*hint.split()).returncode == 0
        assert budgets.budget("alice").models == {"no-such-model-here": 0}

    def test_a_store_that_cannot_be_written(self, run: Any, store_path: Path, scratch: Path) -> None:
        line = f"{REPORT}; mv {store_path} {store_path}.away; mkdir {store_path}"
        result = run("run", "alice", "--amount", "0.5", "--id", "job", "--", "sh", "-c", line, env={"REPORT": "0.1"})
        (kept,) = scratch.glob("*/cost")
        assert result.returncode == 125
        assert f"kept in {kept}" in result.stderr
        assert "try: budgetctl commit job --cost 0.1" in result.stderr

    def test_an_error_in_json(self, run: Any) -> None:
        result = run("run", "alice", "--json", "--", "sh", "-c", REPORT, env={"REPORT": "12 cents"})
        assert json.loads(result.stderr)["error"]["code"] == "invalid"


class TestFailures:
    """What budgetctl itself stops has a code that the command's own are unlikely to be."""

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("alice --amount 1.5 -- touch ran", "error: alice: $1.50 is $0.50 too much"),
            ("nobody -- touch ran", "no budget for 'nobody'"),
            ("nobody --amount 1 -- touch ran", "no budget for 'nobody'"),
            ("alice --amount much -- touch ran", "'much' is not an amount"),
            ("alice --amount 0.1 --ttl soon -- touch ran", "'soon' is not a time to live"),
            ("alice --ttl 5m -- touch ran", "--ttl is for what is set aside: add --amount"),
            ("alice --messages - -- touch ran", "stdin is the command's"),
            ("alice --amount 1 --model gpt-4o --input-text Hi -- touch ran", "an amount and a prompt were given"),
            ("alice --nope -- touch ran", "no such option: --nope"),
            ("alice --amount", "option '--amount' requires an argument"),
            ("alice --wait never -- touch ran", "'never' is not a time to wait"),
            ("alice --store /dev/null/b.db --amount 0.1 -- touch ran", "/dev/null"),
            ("alice", "no command to run for 'alice' was given"),
            ("alice --", "no command to run for 'alice' was given"),
            ("", "no user was given"),
        ],
    )
    def test_are_125_and_nothing_runs(self, run: Any, line: str, said: str) -> None:
        result = run("run", *line.split())
        assert (result.returncode, result.stdout) == (125, "")
        assert said in result.stderr
        assert not Path("ran").exists()

    def test_nothing_left_is_denied_without_an_amount(self, run: Any, budgets: BudgetManager) -> None:
        budgets.charge("alice", "1")
        assert run("run", "alice", "--", "touch", "ran").returncode == 125
        assert not Path("ran").exists()

    def test_a_note_that_cannot_be_stored_is_found_before(self, run: Any) -> None:
        assert run("run", "alice", "--note", "x" * 2000, "--", "touch", "ran").returncode == 125
        assert not Path("ran").exists()

    def test_a_hold_that_is_resolved_runs_nothing(self, run: Any, budgets: BudgetManager) -> None:
        line = ("run", "alice", "--amount", "0.5", "--id", "job", "--", "sh", "-c", f"{REPORT}; echo ran")
        assert run(*line, env={"REPORT": "0.1"}).stdout == "ran\n"
        result = run(*line, env={"REPORT": "0.2"})
        assert (result.returncode, result.stdout, spent(budgets)) == (125, "", "0.1")
        assert "the hold 'job' is committed already" in result.stderr

    def test_an_option_of_the_command_does_not_make_an_error_json(self, run: Any) -> None:
        assert run("run", "nobody", "echo", "--json").stderr.startswith("error: ")

    def test_a_command_that_is_not_there_is_127(self, run: Any, budgets: BudgetManager, scratch: Path) -> None:
        result = run("run", "alice", "--amount", "0.5", "--", "no-such-command-here")
        assert result.returncode == 127
        assert "cannot run 'no-such-command-here': there is no such command" in result.stderr
        assert (states(budgets), list(scratch.iterdir())) == (["released"], [])

    def test_a_command_that_cannot_be_run_is_126(self, run: Any, budgets: BudgetManager) -> None:
        Path("plain").write_text("hello")
        result = run("run", "alice", "--amount", "0.5", "--", "./plain")
        assert result.returncode == 126
        assert "cannot run './plain': Permission denied" in result.stderr
        assert states(budgets) == ["released"]

    def test_without_a_temporary_directory(self) -> None:
        code = "import sys, tempfile; tempfile._get_default_tempdir = lambda: '/nonexistent'\n"
        code += "from budgetctl.cli import main; main(sys.argv[1:])"
        line = [sys.executable, "-c", code, "run", "alice", "true"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 125
        assert "set TMPDIR" in done.stderr


class TestSignals:
    """They are for the command; budgetctl stays to write down what it has spent."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
    def test_are_passed_on_and_the_end_is_awaited(
        self, start: Any, budgets: BudgetManager, number: signal.Signals
    ) -> None:
        name = number.name.removeprefix("SIG")
        last_words = f"trap 'kill $! ; echo 0.1 > $BUDGETCTL_COST_FILE; exit 5' {name}"
        process = start("--amount", "0.5", "--", "sh", "-c", f"{last_words}; sleep 60 >&- 2>&- & echo ready; wait")
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, spent(budgets), states(budgets)) == (5, "0.1", ["committed"])
        assert said.startswith("alice +$0.10")

    def test_that_end_the_command_end_budgetctl_with_their_code(self, start: Any, budgets: BudgetManager) -> None:
        process = start("--amount", "0.5", "--", "sh", "-c", "echo ready; exec sleep 60")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert (process.returncode, states(budgets)) == (143, ["released"])

    def test_that_the_caller_ignores_stay_ignored(self, start: Any) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = start("--", "sh", "-c", "echo ready; read line; exit 6", stdin=subprocess.PIPE)
        finally:
            signal.signal(signal.SIGHUP, before)
        process.send_signal(signal.SIGHUP)
        process.communicate("go\n", timeout=30)
        assert process.returncode == 6

    def test_ctrl_c_on_a_terminal_reaches_the_command_once(self) -> None:
        command = (
            "import signal, sys\n"
            "counted = []\n"
            "signal.signal(signal.SIGINT, lambda *_: counted.append(1))\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "sys.exit(len(counted))\n"
        )
        claim = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        master, slave = pty.openpty()
        line = [sys.executable, "-m", "budgetctl", "run", "alice", "--", sys.executable, "-c", command]
        process = subprocess.Popen(
            [sys.executable, "-c", claim, *line], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        shown = b""
        while b"ready" not in shown:
            shown += os.read(master, 1024)
        os.write(master, b"\x03")
        while b"^C" not in shown:  # echoed once the terminal has sent its signal
            shown += os.read(master, 1024)
        os.write(master, b"\n")
        assert process.wait(timeout=30) == 1
        os.close(master)


def test_runs_without_what_takes_long_to_import(run: Any) -> None:
    program = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    program += "from budgetctl.cli import main; main(sys.argv[1:])"
    line = [sys.executable, "-c", program, "run", "alice", "--amount", "0.1", "--", "sh", "-c", REPORT]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, "REPORT": "0.1"})
    assert not set(done.stderr.split()) & {"litellm", "pydantic", "rich", "httpx", "asyncio", "logging"}
