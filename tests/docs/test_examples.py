"""Every example in a help works as it is printed, in the order of the help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from budgetctl.cli.app import root_command
from budgetctl.cli.parameters import examples
from support.pages import ROOT, Command, Shell

HOLD = "hold=$(budgetctl reserve alice 0.05 --quiet)"
BACKUP = "budgetctl backup /backup/ --all --force --quiet"
BEFORE = {
    "budgetctl create alice 10": "budgetctl delete alice --yes",
    "budgetctl set alice --budget 20": "budgetctl create team 5 --if-not-exists",
    "budgetctl limit add alice 1 --duration daily": "budgetctl create alice 100",
    'budgetctl commit "$hold" --response response.json': HOLD,
    'budgetctl commit "$hold" 0.031': HOLD,
    'budgetctl release "$hold"': HOLD,
    "budgetctl refund alice 12": "budgetctl delete alice --yes; budgetctl create alice 100;"
    " for n in $(seq 12); do budgetctl update-cost alice 0.1 --quiet; done",
    "budgetctl token revoke 3f9c21ab07": "budgetctl token create --quiet;"
    " token=$(budgetctl token list --json | jq -r '.[-1].id')",
    "budgetctl token save --store https://budgets.example < token.txt": "budgetctl token create --quiet > token.txt",
    "budgetctl prices update --file model_prices_and_context_window.json": (
        'cp "$(budgetctl prices path --json | jq -r .map.path)" model_prices_and_context_window.json'
    ),
    "budgetctl backup /backup/": "rm -f /backup/*",
    "budgetctl restore /backup/default.db --yes": BACKUP,
    "budgetctl restore /backup/team.db --project team --yes": f"budgetctl -p team create bob 1; {BACKUP}",
}
"""What a person has done before an example, or what makes room for it."""

TOKEN = "3f9c21ab07"
"""The id of a token in an example; the last one has another here."""

ELSEWHERE = {
    "budgetctl serve": "test_pages.py starts it",
    "budgetctl serve --host 0.0.0.0 --allowed-host budgets.example": "test_pages.py starts it",
    "budgetctl prices update": "nothing of a test leaves the machine",
    "budgetctl prices prove --all": "tests/cli/test_proving.py has its own map for it",
    "budgetctl completion install": "tests/cli/test_completion.py: it looks for the shell that it runs in",
}


def all_examples() -> Iterator[str]:
    program = root_command()
    for name in program.list_commands(None):
        command = program.get_command(None, name)
        below = getattr(command, "commands", {})
        for each in below.values() or [command]:
            yield from examples(each.help)


def test_every_example_of_the_help_works(new_shell: Callable[[], Shell], tmp_path: Path) -> None:
    shell = new_shell()
    for name in ("request.json", "summarize.sh"):
        (shell.home / name).write_text((ROOT / "examples" / name).read_text())
    (shell.home / "summarize.sh").chmod(0o755)
    (shell.home / "response.json").write_text((ROOT / "examples" / "anthropic-message.json").read_text())
    (shell.home / "session.jsonl").write_text((ROOT / "examples" / "claude-code-session.jsonl").read_text())
    (shell.home / "prompt.txt").write_text("Where is the Louvre?")
    (shell.home / "agent.py").write_text("import os; open(os.environ['BUDGETCTL_COST_FILE'], 'w').write('0.02')")
    (shell.home / "user_cost.json").write_text('{"zoe": {"total_budget": 1}}')
    (tmp_path / "tools" / "llm-call").write_text("#!/bin/sh\necho 0.01\n")
    (tmp_path / "tools" / "llm-call").chmod(0o755)
    failed = []
    for example in all_examples():
        if example in ELSEWHERE:
            continue
        if example in BEFORE:
            shell.type(Command("", 0, BEFORE[example], []))
        printed = shell.type(Command("", 0, example.replace(TOKEN, "$token"), []))
        if shell.code != 0:
            failed.append(f"$ {example}\n{printed}[{shell.code}]")
    assert not failed, "\n\n".join(failed)
