"""Bodies, streams and files as providers, libraries, proxies and logs write them, each with the usage that it states.

A line of `shapes.jsonl` is one: its text (or base64), what is said beside it, and the counts, an error, or the
beginning of an answer that does not say what was used. `notes` is how many there are.
"""

import base64
import json
from pathlib import Path

import pytest

from budgetctl.cli.reading import read_response
from budgetctl.errors import BudgetctlError
from budgetctl.pricing import read_usage
from budgetctl.pricing.reading.partial import UncountedStreamError

SHAPES = [json.loads(line) for line in Path(__file__).with_name("shapes.jsonl").read_text().splitlines()]


def read(path, arguments):
    """The usage of a file, or the error."""
    try:
        return read_usage(read_response(str(path)), **arguments)
    except BudgetctlError as error:
        return error


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_a_shape_is_read_as_what_it_states(shape, tmp_path):
    path = tmp_path / shape["name"]
    path.write_bytes(base64.b64decode(shape["base64"]) if "base64" in shape else shape["text"].encode())
    came = read(path, shape.get("arguments", {}))
    if "uncounted" in shape:
        assert isinstance(came, UncountedStreamError)
        assert came.answer.text.startswith(shape["uncounted"])
    elif "error" in shape:
        assert shape["error"] in came.message
    else:
        counts = {name: value for name, value in came.to_json().items() if name not in {"created", "request_id"}}
        assert counts == shape["usage"]
        assert len(came.notes) == shape.get("notes", 0)
