"""The paths of this repository and its examples."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PRICING = ROOT / "tests" / "pricing"
"""The directory of `bodies`, real answers of providers, and of `cases`, which some program has read wrongly."""
