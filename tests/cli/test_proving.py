"""prices prove, and what prices path says of it: under a litellm that this release knows, and under another one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from budgetctl.pricing.litellm import litellm_rules
from support import litellm_copies
from support.commands import Cli
from support.places import EXAMPLES

Run = Callable[..., "subprocess.CompletedProcess[str]"]

needs_known_litellm = pytest.mark.skipif(
    not litellm_rules.is_trusted(), reason="the litellm that is installed is newer than this release"
)


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A litellm that is as the installed one, but that no release knows."""
    return litellm_copies.unknown(tmp_path_factory.mktemp("unknown"))


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A file that is there when litellm has been imported."""
    return tmp_path / "imported"


@pytest.fixture
def run_newer(run: Run, unknown: Path, told: Path, home: Path) -> Run:
    """Run `budgetctl` under that litellm."""
    env = {**litellm_copies.environment(unknown, told), "XDG_CACHE_HOME": str(home / "cache")}
    return lambda *arguments: run(*arguments, env=env)


@needs_known_litellm
class TestKnownLitellm:
    """One whose rules have a digest that this release has proven."""

    def test_leaves_nothing_to_prove(self, cli: Cli) -> None:
        said = "litellm's rules are trusted by their digest; nothing to prove\n"
        assert cli("prices", "prove", "--all") == (0, said, "")

    def test_is_said_in_json(self, cli: Cli) -> None:
        document = cli("prices", "prove", "--model", "gpt-4o", "--json").document
        assert (document["trusted_by"], document["proven"], document["asked"]) == ("digest", "0", [])

    def test_is_named_by_path(self, cli: Cli) -> None:
        rules = cli("prices", "path", "--json").document["rules"]
        assert rules == {
            "trusted_by": "digest",
            "digest": litellm_rules.digest(),
            "proofs": None,
            "proven_models": "0",
        }
        assert f"trusted by their digest, {rules['digest'][:12]}" in cli("prices", "path").stdout


class TestNewerLitellm:
    """One whose rules nobody has proven."""

    def test_is_proven_before_the_first_charge(self, run_newer: Run, told: Path) -> None:
        proved = run_newer("prices", "prove", "--model", "gpt-4o")
        assert (proved.returncode, proved.stderr) == (0, "")
        assert proved.stdout.startswith("1 model proven in ")
        assert told.exists()
        told.unlink()
        run_newer("create", "alice", "10")
        charged = run_newer("update-cost", "alice", "--response", EXAMPLES / "openai-chat.json")
        assert (charged.returncode, charged.stderr) == (0, "")
        assert not told.exists()

    def test_is_told_by_path(self, run_newer: Run, told: Path, home: Path) -> None:
        rules = json.loads(run_newer("prices", "path", "--json").stdout)["rules"]
        assert (rules["trusted_by"], rules["proven_models"]) == ("proof", 0)
        assert Path(rules["proofs"]).parent == home / "cache" / "budgetctl"
        assert "not known to this release" in run_newer("prices", "path").stdout
        assert not told.exists()

    def test_has_no_proof_of_an_unknown_model(self, run_newer: Run) -> None:
        result = run_newer("prices", "prove", "--model", "no-such-model-at-all")
        assert (result.returncode, result.stdout) == (6, "")
        assert "is not in litellm's price map" in result.stderr


@pytest.mark.parametrize("line", ["", "--all --model gpt-4o"])
def test_models_have_to_be_named_one_way_or_the_other(cli: Cli, line: str) -> None:
    result = cli("prices", "prove", *line.split())
    assert (result.returncode, result.stdout) == (2, "")
    assert "give --model MODEL, or --all" in result.stderr


def test_a_name_has_to_be_one_also_where_there_is_nothing_to_prove(cli: Cli) -> None:
    result = cli("prices", "prove", "--model", "")
    assert (result.returncode, result.stdout) == (2, "")
    assert "the model is empty" in result.stderr
