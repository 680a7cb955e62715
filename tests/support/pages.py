"""Pages of the documentation, read as what a person would type and see, and a shell to type it into."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^ *```(\w*)$")
_MARK = "budgetctl-docs-mark"
_END = re.compile(rf"{_MARK} (\d+)\n\Z".encode())
_WAIT_S = 120

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_VARYING = (
    (re.compile(r"\b\d{1,2} (?:%s)(?: \d{4})?(?: \d\d:\d\d UTC)?" % _MONTHS), "<day>"),  # noqa: UP031
    (re.compile(r"\b\d{8}T\d{6}Z"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?(?: UTC|Z)?"), "<time>"),
    (re.compile(r"\b\d\d-\d\d \d\d:\d\d UTC"), "<time>"),
    (re.compile(r"\b(?:hold_)?[0-9a-f]{10,40}\b"), "<id>"),
    (re.compile(r"\bbct_\S+"), "<token>"),
    (re.compile(r"[\d,]+ (?=bytes\b)"), "<size> "),
    (re.compile(r"[\d,]+ (?=KiB\b)"), "<size> "),
    (re.compile(r" +"), " "),
)
"""What is another one each time, and how wide a table is for it."""


class Command(NamedTuple):
    """A command line of a page, under a heading, with the number of its line, and what the page shows it prints."""

    heading: str
    line: int
    text: str
    shown: list[str]


def blocks(page: Path, language: str) -> Iterator[tuple[str, int, list[str]]]:
    """The blocks of that language on a page, each with its heading and the number of its first line."""
    inside: list[str] | None = None
    begin, heading, name = 0, "", ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and inside is None:
            inside, begin, name = [], number + 1, fence[1]
        elif fence and inside is not None:
            if name == language:
                yield heading, begin, inside
            inside = None
        elif inside is not None:
            inside.append(line)
        elif line.startswith("## "):
            heading = line.removeprefix("## ")


def commands(page: Path) -> list[Command]:
    """All command lines of a page's consoles, in order. A line that ends in a backslash goes on."""
    found: list[Command] = []
    for heading, begin, lines in blocks(page, "console"):
        goes_on = False
        for number, line in enumerate(lines, begin):
            if goes_on:
                last = found.pop()
                found.append(last._replace(text=f"{last.text}\n{line}"))
            elif line.startswith("$ "):
                found.append(Command(heading, number, line.removeprefix("$ "), []))
            else:
                found[-1].shown.append(line)
            goes_on = (goes_on or line.startswith("$ ")) and line.endswith("\\")
    return found


def lasting(text: str, home: Path) -> list[str]:
    """The lines of a text without what is another one each time."""
    text = text.replace(str(home), "~")
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return [line.rstrip() for line in text.splitlines()]


def is_shown(printed: list[str], shown: list[str]) -> bool:
    """Whether a page shows what was printed: a line of three dots stands for any lines."""
    pattern = "".join(r"(?:.*\n)*" if line == "..." else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


class Shell:
    """A shell in a home of its own, in which one command is typed after the other. `serve` goes on in the background.

    `places` are what the pages call a port, a host or a directory, and what stands for it here.
    """

    def __init__(self, home: Path, environment: Mapping[str, str], places: Mapping[str, str]) -> None:
        self.home = home
        self._places = places
        self.code = 0
        """The exit code of the last command."""
        self._servers = 0
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=home,
            start_new_session=True,
        )

    def type(self, command: Command) -> str:
        """Run a command, and return what it prints; of a server, what it prints until it serves."""
        text = command.text
        for name, place in self._places.items():
            text = text.replace(name, place)
        is_server = re.search(r"\bbudgetctl serve\b", text)
        if is_server and "--port" not in text:
            text = text.replace("budgetctl serve", f"budgetctl serve --port {self._places['8484']}")
        printed = self._serve(text, len(command.shown)) if is_server else self._run(text)
        for name, place in self._places.items():
            printed = printed.replace(place, name)
        return printed

    def _run(self, text: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{{ {text}\n}} </dev/null 2>&1; echo {_MARK} $?\n".encode())
        self._process.stdin.flush()
        printed = b""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            until = time.monotonic() + _WAIT_S
            while not (ended := _END.search(printed)):
                if not selector.select(max(0, until - time.monotonic())):
                    raise TimeoutError(f"{text} has not ended; it has printed {printed.decode()}")
                chunk = os.read(self._process.stdout.fileno(), 65_536)
                if not chunk:
                    raise EOFError(f"{text} has ended the shell; it has printed {printed.decode()}")
                printed += chunk
        self.code = int(ended[1])
        return printed[: ended.start()].decode()

    def _serve(self, text: str, lines: int) -> str:
        self._servers += 1
        log = self.home / f"server-{self._servers}.log"
        log.touch()
        self._run(f"({text}\n) >{log} 2>&1 & disown")
        until = time.monotonic() + _WAIT_S
        while log.read_text().count("\n") < max(lines, 1):
            if time.monotonic() > until:
                raise TimeoutError(f"{text} does not serve; it has printed {log.read_text()}")
            time.sleep(0.05)
        return log.read_text()

    def close(self) -> None:
        """End the shell, and all that it has started."""
        os.killpg(self._process.pid, 15)
        self._process.communicate()
