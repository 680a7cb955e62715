"""history and projects."""

from __future__ import annotations

from pathlib import Path

import pytest

from budgetctl import BudgetManager
from support.commands import Cli


class TestHistory:
    """A user's ledger."""

    @pytest.fixture(autouse=True)
    def alice(self, budgets: BudgetManager) -> None:
        """Five entries of 1 to 5 cents."""
        budgets.create("alice", "10")
        for cents in range(1, 6):
            budgets.charge("alice", f"0.0{cents}", model="gpt-4o", note=f"number {cents}")

    def test_is_newest_first(self, cli: Cli) -> None:
        assert [entry["entry_id"] for entry in cli("history", "alice", "--json").document] == list("54321")

    def test_pages(self, cli: Cli) -> None:
        pages, before = [], "6"
        while page := cli("history", "alice", "--max", "2", "--before", before, "--json").document:
            pages.append([entry["entry_id"] for entry in page])
            before = page[-1]["entry_id"]
        assert pages == [["5", "4"], ["3", "2"], ["1"]]

    def test_a_page_behind_the_last_one_is_empty(self, cli: Cli) -> None:
        assert cli("history", "alice", "--before", "1", "--json").stdout == "[]\n"

    def test_of_somebody_who_was_never_charged_says_so(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("bob", "1")
        assert cli("history", "bob") == (0, "", "note: nothing was charged to bob yet\n")

    def test_what_children_have_spent_is_said_to_be_in_theirs(self, cli: Cli) -> None:
        cli("create", "red", "10")
        cli("create", "ann", "1", "--parent", "red")
        cli("update-cost", "ann", "0.5")
        assert cli("history", "red").stderr == (
            "note: nothing was charged to red itself: the $0.50 spent are in the histories of those under it\n"
        )

    def test_an_entry_that_a_library_made_with_a_usage_of_its_own_is_shown(
        self, budgets: BudgetManager, cli: Cli
    ) -> None:
        budgets.charge("alice", "1", usage={"images": 3, "size": "1024x1024"})
        entry = cli("history", "alice", "--max", "1", "--json").document[0]
        assert entry["usage"] == {"input_tokens": "0", "output_tokens": "0", "images": "3", "size": "1024x1024"}
        assert cli("history", "alice").returncode == 0


class TestProjects:
    """What stores there are."""

    def test_lists_every_file_of_the_data_directory(self, cli: Cli, home: Path) -> None:
        for project in ("default", "team A", "другой"):
            cli("create", "alice", "10", "-p", project)
            cli("update-cost", "alice", "--cost", "0.25", "-p", project)
        found = cli("projects", "--json").document
        assert [(project["project"], project["users"], project["spent"]) for project in found] == [
            ("default", "1", "0.25"), ("team A", "1", "0.25"), ("другой", "1", "0.25"),
        ]  # fmt: skip
        for project in found:
            assert Path(project["store"]).is_relative_to(home)
            assert int(project["size_bytes"]) > 0

    def test_lists_those_of_another_directory_or_of_one_file(self, cli: Cli) -> None:
        cli("create", "alice", "10", "--store", "stores/", "-p", "one")
        for project in ("two", "three"):
            cli("create", "alice", "10", "--store", "all.db", "-p", project)
        listed = {
            location: [project["project"] for project in cli("projects", "--store", location, "--json").document]
            for location in ("stores", "all.db")
        }
        assert listed == {"stores": ["one"], "all.db": ["three", "two"]}

    def test_a_damaged_store_is_warned_about_and_the_others_are_listed(self, cli: Cli, store_path: Path) -> None:
        cli("create", "alice", "10")
        store_path.with_name("broken.db").write_text("not a database, by any means" * 50)
        result = cli("projects")
        assert result.returncode == 0
        assert [line.split()[0] for line in result.stdout.splitlines()] == ["PROJECT", "default"]
        assert result.stderr.startswith("warning: ")
        assert "broken.db" in result.stderr

    def test_other_files_are_left_out(self, cli: Cli, store_path: Path) -> None:
        cli("create", "alice", "10")
        for name in ("notes.txt", "Capital.db", "default.db.bak"):
            store_path.with_name(name).write_text("")
        assert [project["project"] for project in cli("projects", "--json").document] == ["default"]

    def test_none_yet(self, cli: Cli) -> None:
        assert cli("projects") == (0, "", "note: no projects yet: budgetctl create alice --budget 10\n")
        assert cli("projects", "--json") == (0, "[]\n", "")
