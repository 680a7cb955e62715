"""Where this repository and its examples are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PRICING = ROOT / "tests" / "pricing"
"""In `bodies`, real answers of providers; in `cases`, those that were read wrongly somewhere."""
