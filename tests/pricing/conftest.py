"""litellm itself, with the price map that it ships."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example():
    """Read a saved response from the examples by its name."""

    def read(name: str) -> dict[str, Any]:
        return json.loads((EXAMPLES / f"{name}.json").read_text())

    return read


@pytest.fixture(scope="session")
def litellm():
    """litellm, quietly."""
    import litellm

    litellm.suppress_debug_info = True
    return litellm
