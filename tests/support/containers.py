"""The Dockerfile and what belongs to it, read without docker. Uses nothing but Python's own library."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    """One instruction: its word in capitals, and what follows as one line."""

    word: str
    text: str

    @property
    def command(self) -> list[str]:
        """The command in its brackets, behind whatever options."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


def stages() -> list[list[Instruction]]:
    """The instructions of each stage; the last one is the image."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, text = line.strip().partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append(Instruction(word, " ".join(shlex.split(text)) if word == "ENV" else text.strip()))
    return found


def environment() -> dict[str, str]:
    """The variables of the image."""
    (env,) = (each.text for each in stages()[-1] if each.word == "ENV")
    return dict(each.split("=", 1) for each in env.split())


def copied() -> list[tuple[str, str]]:
    """What is copied from beside the Dockerfile, and where to."""
    pairs = []
    for word, text in (each for stage in stages() for each in stage):
        if word == "COPY" and not text.startswith("--from"):
            *sources, target = text.split()
            pairs += [(source, target) for source in sources]
    return pairs


def is_sent(path: str) -> bool:
    """Whether a file beside the Dockerfile is handed to docker. The last matching line of `.dockerignore` decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").strip()
        if pattern and not line.startswith("#") and _matches(path, pattern):
            sent = line.startswith("!")
    return sent


def _matches(path: str, pattern: str) -> bool:
    """Whether a pattern means the path or a directory above it. `**/` stands for any number of directories."""
    parts = path.split("/")
    heads = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
    return any(head.count("/") == pattern.count("/") and fnmatch.fnmatchcase(head, pattern) for head in heads)
