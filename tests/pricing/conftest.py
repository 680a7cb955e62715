"""litellm itself, with the price map that it ships."""

import json
from typing import Any

import pytest

from support.places import EXAMPLES


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
