"""Bodies that people have saved and that were read or priced wrongly somewhere, by the kind of fault.

`cases/index.json` has a body's right amount, usage and notes, or its error; `cases/prices.json` the prices they were
worked out by, which are put in force here, so that the amounts hold under every litellm.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from budgetctl.money import parse_amount
from support.programs import environment, program

HERE = Path(__file__).parent
CASES = json.loads((HERE / "cases" / "index.json").read_text())
KINDS = {
    "A": "a count beside the one that was looked for",
    "B": "something billed that a usage could not hold",
    "C": "a cost that was stated",
    "D": "a neighbouring name",
    "E": "one odd value in a file",
    "F": "a stream of another kind",
    "H": "a format of its own",
    "file": "a file as people save it",
}


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """Each case as it comes out of one process that begins with nothing but those prices."""
    home = tmp_path_factory.mktemp("cases")
    data = home / "data" / "budgetctl"
    data.mkdir(parents=True)
    shutil.copy(HERE / "cases" / "prices.json", data / "model_prices.json")
    kept = {name: value for name, value in environment().items() if not name.startswith("BUDGETCTL")}
    kept |= {"XDG_DATA_HOME": str(home / "data"), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    done = subprocess.run(
        program("price_cases"),
        input=json.dumps(CASES),
        env=kept,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip((case["file"] for case in CASES), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_a_saved_body_has_its_right_price_or_says_why_not(case, priced):
    came = priced[case["file"]]
    if "error" in case:
        assert case["error"] in came["error"]
        return
    usage = {name: value for name, value in came["usage"].items() if name not in {"created", "request_id"}}
    assert usage == case["usage"]
    assert came["picodollars"] == parse_amount(case["usd"])
    assert came["notes"] == case.get("notes", [])
    assert came["estimated"] == case.get("estimated", False)


@pytest.mark.parametrize("kind", KINDS, ids=KINDS.get)
def test_each_kind_of_fault_has_its_cases(kind):
    assert [case["file"] for case in CASES if case["kind"] == kind]
