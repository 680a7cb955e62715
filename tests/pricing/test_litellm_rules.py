"""Whether the rules of the installed litellm are proven: told by a digest of its files."""

import json
import shutil
from pathlib import Path

import pytest

from budgetctl.ledger.values import Usage
from budgetctl.pricing import price_usage
from budgetctl.pricing.counting import prompts, tokens
from budgetctl.pricing.litellm import installed, litellm_rules
from budgetctl.pricing.prices import catalog, price_map

PLAIN = Usage(model="gpt-4o", uncached_input=1_000, text_output=100)


@pytest.fixture
def package(tmp_path, litellm, monkeypatch):
    """A copy of the installed litellm, which is the one that is found."""
    package = Path(litellm.__file__).parent
    copy = tmp_path / "site" / "litellm"
    names = [*litellm_rules._NEEDED, *litellm_rules._LOOKED_AT, price_map.MAP_NAME]
    for name in names:
        if (package / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(package / name, copy / name)
    monkeypatch.setattr(installed, "directory", lambda: copy)
    forget()
    yield copy
    monkeypatch.undo()
    forget()


def forget():
    """Have everything that is known of the installed litellm looked up again."""
    price_map.shipped.cache_clear()
    catalog.find_in.cache_clear()
    catalog._kind_in.cache_clear()
    litellm_rules.forget()


def test_the_installed_litellm_is_one_that_is_proven_or_says_so():
    rules, is_proven = litellm_rules.rules_in_force()
    assert is_proven == litellm_rules.is_trusted()
    assert is_proven or rules == litellm_rules.NEWEST


def test_a_copy_has_the_same_digest(package):
    there = litellm_rules.digest()
    (package / "constants.py").touch()
    litellm_rules.forget()
    assert litellm_rules.digest() == there is not None


@pytest.mark.parametrize("name", ["cost_calculator.py", "llms/xai/cost_calculator.py", "utils.py"])
def test_a_changed_file_is_not_trusted(package, name):
    before = litellm_rules.digest()
    with (package / name).open("a") as file:
        file.write("# changed")
    litellm_rules.forget()
    assert litellm_rules.digest() not in {before, None}
    assert litellm_rules.rules_in_force() == (litellm_rules.NEWEST, False)


def test_a_change_that_keeps_the_size_is_seen_where_the_digest_was_remembered(package, monkeypatch):
    monkeypatch.setattr(litellm_rules, "_SETTLED_NS", -1)
    path = package / "cost_calculator.py"
    before = litellm_rules.digest()
    path.write_bytes(path.read_bytes().replace(b"def ", b"dfe ", 1))
    litellm_rules.forget()
    assert litellm_rules.digest() != before


def test_a_digest_that_somebody_else_could_have_written_is_not_believed(package, monkeypatch):
    monkeypatch.setattr(litellm_rules, "_SETTLED_NS", -1)
    right = litellm_rules.digest()
    memory = litellm_rules._memory()
    memory.write_text(memory.read_text().replace(right, "0" * 64))
    litellm_rules.forget()
    assert litellm_rules.digest() == "0" * 64
    memory.chmod(0o666)
    litellm_rules.forget()
    assert litellm_rules.digest() == right


@pytest.mark.parametrize("name", ["utils.py", "cost_calculator.py"])
def test_without_its_sources_there_is_no_digest(package, name):
    (package / name).unlink()
    assert litellm_rules.digest() is None
    assert not litellm_rules.is_trusted()


def test_what_is_not_trusted_is_asked_of_litellm(package):
    (package / "utils.py").write_text("# changed")
    assert price_usage(PLAIN).amount == price_usage(PLAIN).amount > 0
    assert tokens.count_text("gpt-4o", "Hello") is None
    assert prompts.count_text("gpt-4o", "Hello") == 1


def test_the_table_names_each_version_once_and_only_rules_that_there_are():
    table = json.loads(litellm_rules._PROVEN.read_text())
    versions = [version for row in table.values() for version in row["litellm"]]
    assert len(versions) == len(set(versions)) > 0
    assert all(litellm_rules.Rules(**row["rules"]) for row in table.values())
