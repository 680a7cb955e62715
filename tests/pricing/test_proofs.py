"""Under a litellm whose rules this release does not know: never another price than litellm's, and it is asked once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from budgetctl.pricing.prices import price_map
from support import litellm_copies

RATES = "litellm_core_utils/llm_cost_calc/utils.py"
BODY = {
    "id": "1",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [],
    "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
}
CACHED = {**BODY, "usage": {**BODY["usage"], "prompt_tokens_details": {"cached_tokens": 400}}}


class Asked(NamedTuple):
    """What a process said, and whether it had to import litellm."""

    value: Any
    stderr: str
    imported: bool


Ask = Callable[..., Asked]


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A litellm that is as the installed one, but that no release knows."""
    return litellm_copies.unknown(tmp_path_factory.mktemp("unknown"))


@pytest.fixture(scope="module")
def cheaper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A litellm by whose rules cached tokens cost half."""
    term = "float(cached_text_tokens + unclassified_cached_tokens) *"
    return litellm_copies.changed(
        tmp_path_factory.mktemp("cheaper"), RATES, lambda text: text.replace(term, f"{term} 0.5 *")
    )


@pytest.fixture
def cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory, which is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    return home / "cache" / "budgetctl"


@pytest.fixture
def ask(unknown: Path, cache: Path, tmp_path: Path) -> Ask:
    """Have a new process, under a litellm that is not known, print the value of an expression as JSON."""

    def run(code: str, *, litellm: Path = unknown, body: Any = BODY) -> Asked:
        told = tmp_path / "imports"
        told.unlink(missing_ok=True)
        program = f"import json, sys\nfrom budgetctl.pricing import *\nbody = json.loads(sys.argv[1])\n{code}"
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(body)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **litellm_copies.environment(litellm, told)},
        )
        assert done.returncode == 0, done.stderr
        return Asked(json.loads(done.stdout.splitlines()[-1]), done.stderr, told.exists())

    return run


CHARGE = "print(int(price_response(body).amount))"
AMOUNT = 1_000 * 2_500_000 + 100 * 10_000_000


@pytest.fixture(scope="module")
def kept() -> dict[str, bytes]:
    """The proof that the first test to need one has made: to import litellm takes seconds."""
    return {}


@pytest.fixture
def proofs(ask: Ask, cache: Path, kept: dict[str, bytes]) -> Path:
    """The file of proofs, with that of gpt-4o."""
    if not kept:
        assert ask(CHARGE) == (AMOUNT, "", True)
        kept |= {path.name: path.read_bytes() for path in cache.glob("proofs-*")}
        assert len(kept) == 1
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in kept.items():
        (cache / name).write_bytes(content)
        (cache / name).chmod(0o600)
    return next(cache.glob("proofs-*"))


@pytest.mark.usefixtures("proofs")
class TestSecondCharge:
    """What a model costs that was priced before."""

    def test_does_not_import_litellm(self, ask: Ask) -> None:
        assert ask(CHARGE) == (AMOUNT, "", False)

    def test_may_have_other_kinds_of_tokens(self, ask: Ask) -> None:
        assert ask(CHARGE, body=CACHED) == (AMOUNT - 400 * 1_250_000, "", False)

    def test_may_be_of_plain_numbers(self, ask: Ask) -> None:
        assert ask('print(int(price_tokens("gpt-4o", 1000, 100).amount))') == (AMOUNT, "", False)

    def test_is_asked_about_when_the_response_says_something_else(self, ask: Ask) -> None:
        body = {**BODY, "service_tier": "default"}
        assert [ask(CHARGE, body=body) for _ in range(2)] == [(AMOUNT, "", True), (AMOUNT, "", False)]
        assert not ask(CHARGE).imported  # what was known before still is


PROVEN = """
from budgetctl.pricing.prices import price_files, proofs
print(json.dumps(proofs.proof_of(price_files.seen(), "gpt-4o", None) is not None))
"""


class TestFile:
    """What does not prove anything."""

    def test_is_the_users_alone(self, proofs: Path, cache: Path) -> None:
        assert [path.stat().st_mode & 0o777 for path in (proofs, cache)] == [0o600, 0o700]

    @pytest.mark.parametrize("mode", [0o620, 0o602])
    def test_that_others_can_write(self, ask: Ask, proofs: Path, mode: int) -> None:
        proofs.chmod(mode)
        assert ask(PROVEN).value is False

    def test_that_others_can_write_is_replaced(self, ask: Ask, proofs: Path) -> None:
        proofs.chmod(0o666)
        assert ask(CHARGE).imported
        assert ask(PROVEN).value is True
        assert proofs.stat().st_mode & 0o777 == 0o600

    def test_that_is_a_link(self, ask: Ask, proofs: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        proofs.rename(elsewhere)
        proofs.symlink_to(elsewhere)
        assert ask(PROVEN).value is False

    @pytest.mark.parametrize(
        ("before", "after"), [(b"65535", b"65534"), (b"[true]", b"[\xff\xff]"), (b'"gpt-4o": "', b'"gpt-4o": "0')]
    )
    def test_of_which_a_line_was_changed(self, ask: Ask, proofs: Path, before: bytes, after: bytes) -> None:
        content = proofs.read_bytes()
        assert before in content
        proofs.write_bytes(content.replace(before, after))
        assert ask(PROVEN).value is False

    def test_that_was_cut_off(self, ask: Ask, proofs: Path) -> None:
        proofs.write_bytes(proofs.read_bytes()[:-20])
        assert ask(PROVEN).value is False

    def test_of_another_python_or_budgetctl(self, ask: Ask, proofs: Path) -> None:
        proofs.rename(proofs.with_name(proofs.name.replace("-3.", "-4.")))
        assert ask(PROVEN).value is False

    def test_where_no_file_can_be(self, ask: Ask, home: Path) -> None:
        (home / "cache").write_text("in the way")
        assert ask(CHARGE) == (AMOUNT, "", True)


@pytest.mark.usefixtures("proofs")
class TestMap:
    """An entry that litellm looks at has changed."""

    @pytest.fixture
    def install(self, home: Path) -> Callable[..., None]:
        """Put a map in force that differs from the one that litellm ships."""

        def put(**entries: Any) -> None:
            shipped = price_map.shipped()
            path = home / "data" / "budgetctl" / "model_prices.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({**json.loads(shipped.path.read_text()), **entries}, indent=4))

        return put

    @pytest.fixture
    def entry(self) -> dict[str, Any]:
        """What the map has of gpt-4o, at another price."""
        entry = json.loads(price_map.shipped().path.read_text())["gpt-4o"]
        return {**entry, "input_cost_per_token": 1e-6}

    def test_the_models_own(self, ask: Ask, install: Any, entry: Any) -> None:
        install(**{"gpt-4o": entry})
        cost = AMOUNT - 1_000 * 1_500_000
        assert [ask(CHARGE) for _ in range(2)] == [(cost, "", True), (cost, "", False)]

    def test_one_that_was_not_there(self, ask: Ask, install: Any, entry: Any) -> None:
        install(**{"openai/gpt-4o": entry})
        assert ask(PROVEN).value is False

    def test_not_that_of_another_model(self, ask: Ask, install: Any, entry: Any) -> None:
        install(**{"gpt-4": entry})
        assert ask(PROVEN).value is True


class TestChangedRule:
    """A rule that is another one than here."""

    def test_has_litellms_price_and_one_warning_a_day(self, ask: Ask, cheaper: Path) -> None:
        cost = 600 * 2_500_000 + 400 * 625_000 + 100 * 10_000_000
        first, second = (ask(CHARGE, litellm=cheaper, body=CACHED) for _ in range(2))
        assert (first.value, second.value) == (cost, cost)
        assert "a newer budgetctl is due" in first.stderr
        assert second.stderr == ""
        # What the rule does not concern is proven.
        imports = 'print(json.dumps("litellm" in sys.modules))'
        assert ask(f"price_response(body)\n{imports}", litellm=cheaper).value is False


@pytest.mark.usefixtures("proofs")
def test_a_litellm_that_the_program_has_changed_prices_by_itself(ask: Ask) -> None:
    code = """
import os
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
charged = []
def charge():
    charged.append(int(price_response(body).amount))
usage, litellm.Usage = litellm.Usage, None  # without which it cannot be asked
charge()
litellm.Usage = usage
litellm.cost_discount_config = {"openai": 0.5}
charge()
litellm.cost_discount_config = {}
own, litellm.completion_cost = litellm.completion_cost, lambda **_: 7e-12
charge()
litellm.completion_cost = own
rates = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
litellm.register_model({"gpt-4o": {**rates, "litellm_provider": "openai"}})
charge()
print(charged)
"""
    as_installed, discounted, patched, registered = ask(code).value
    assert (as_installed, discounted) == (AMOUNT, AMOUNT // 2)
    assert (patched, registered) == (7, 1_100 * 10**6)


class TestTokens:
    """How texts are counted is proven as well."""

    TEXT = 'print(int(price_text("gpt-4o", "What is a budget?", "A plan.").amount))'

    def test_the_second_text_needs_no_litellm(self, ask: Ask) -> None:
        first, second = ask(self.TEXT), ask(self.TEXT)
        assert (first.imported, second) == (True, (first.value, "", False))


def test_processes_that_prove_at_once_lose_nothing(ask: Ask) -> None:
    one = "for n in range(50): proofs.save(proofs.Proof(f'{sys.argv[1]}{n}', None, {}, (True,)))"
    code = f"""
import subprocess
from budgetctl.pricing.prices import proofs
program = "import sys; from budgetctl.pricing.prices import proofs\\n" {one!r}
for process in [subprocess.Popen([sys.executable, "-c", program, name]) for name in "abcdef"]:
    process.wait()
print(proofs.proven_models())
"""
    assert ask(code).value == 300
