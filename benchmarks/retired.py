"""Write down the last known prices of models that litellm's price map has dropped.

    python benchmarks/retired.py 1.80.17 … 1.110.2

Fetches each version with pip and takes its map. Models with prices per token that the newest of them does not have go
into budgetctl/pricing/prices/retired_models.json, as they stood in the last one that had them; `retired` is the next of
the given versions. A map may be given as the path of a file that is named by its version, in place of a version.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from budgetctl.pricing.prices.price_map import MAP_NAME, NOT_MODELS
from budgetctl.pricing.rules.cost import prices

FILE = Path(__file__).parents[1] / "budgetctl" / "pricing" / "prices" / "retired_models.json"


def main() -> None:
    """Write the file."""
    maps = {Path(given).stem if given.endswith(".json") else given: _map(given) for given in sys.argv[1:]}
    versions = sorted(maps, key=lambda version: tuple(map(int, version.split("."))))
    retired: dict[str, Any] = {}
    for version, later in itertools.pairwise(versions):
        for key, entry in maps[version].items():
            if key not in maps[versions[-1]] and key not in NOT_MODELS and _sold_by_token(entry):
                retired[key] = {"litellm": version, "retired": later, **_kept(entry)}
    head = json.dumps(f"as of litellm {versions[-1]}, {dt.datetime.now(dt.UTC).date()}")
    lines = [f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in sorted(retired.items())]
    FILE.write_text('{"written": ' + head + ', "models": {\n' + ",\n".join(lines) + "\n}}\n")
    print(f"{len(lines)} models, {FILE.stat().st_size} bytes")


def _sold_by_token(entry: dict[str, Any]) -> bool:
    return any("per_token" in name for name in prices(entry)) or bool(entry.get("tiered_pricing"))


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    others = {"litellm_provider", "mode", "provider_specific_entry", "tiered_pricing"}
    return {name: value for name, value in entry.items() if name in others or ("cost" in name and "token" in name)}


def _map(given: str) -> dict[str, dict[str, Any]]:
    if given.endswith(".json"):
        return json.loads(Path(given).read_text())  # type: ignore[no-any-return]
    with tempfile.TemporaryDirectory() as directory:
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", directory]
        subprocess.run([*fetch, f"litellm=={given}"], check=True)
        (wheel,) = Path(directory).glob("litellm-*.whl")
        return json.loads(zipfile.ZipFile(wheel).read(f"litellm/{MAP_NAME}"))  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
