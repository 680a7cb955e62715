"""The last known prices of models that litellm's price map has dropped. litellm takes them for free.

Old answers and `reprice` need them. `benchmarks/retired.py` writes the file.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("retired_models.json")


@functools.cache
def entries() -> Mapping[str, Mapping[str, Any]]:
    """The entries by their former key.

    `litellm` is the last version that is known to have had the entry, `retired` the first without it.
    """
    models: Mapping[str, Mapping[str, Any]] = json.loads(_FILE.read_bytes())["models"]
    return models
