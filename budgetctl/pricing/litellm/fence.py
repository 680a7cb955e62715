"""The fence around litellm: a question about a number has no other effects.

litellm prints `Provider List` for a provider that it does not know, logs warnings, and reaches for the
network in places. Inside the fence its prints and logs are dropped and connections are refused, for the
calling thread only: the host program's other threads keep their output, their logs and their connections.
"""

from __future__ import annotations

import functools
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_NETWORK = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
)


@contextmanager
def fenced() -> Iterator[None]:
    """Drop what this thread prints to stdout or logs through litellm, and refuse it connections.

    Also a decorator. May be nested.
    """
    _post_guards()
    _stdout.mute()
    _thread.depth += 1
    try:
        yield
    finally:
        _thread.depth -= 1
        _stdout.unmute()


class _Thread(threading.local):
    depth = 0


_thread = _Thread()


class _MutedStdout:
    """A stand-in for a stream that drops what threads inside the fence write to it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return len(text) if _thread.depth else self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Stdout:
    """Puts the stand-in in the place of `sys.stdout` for as long as any thread is inside the fence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def mute(self) -> None:
        with self._lock:
            self._inside += 1
            if sys.stdout is not None and not isinstance(sys.stdout, _MutedStdout):
                sys.stdout = _MutedStdout(sys.stdout)

    def unmute(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and isinstance(sys.stdout, _MutedStdout):
                sys.stdout = sys.stdout.stream


_stdout = _Stdout()


@functools.cache
def _post_guards() -> None:
    """Set up, once per process, the guards that look at the thread by themselves.

    An audit hook cannot be taken away. It is still called while the interpreter ends, when the names of modules are
    gone already: so it keeps all that it needs in its own variables.
    """
    import logging

    thread, network, refusal = _thread, _NETWORK, ConnectionRefusedError

    def is_outside(record: object) -> bool:  # noqa: ARG001 - the signature of a logging filter
        return not thread.depth

    def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:  # noqa: ARG001 - of an audit hook
        if event in network and thread.depth:
            raise refusal("prices are found without the network")

    for name in _LOGGERS:
        logging.getLogger(name).addFilter(is_outside)
    sys.addaudithook(refuse_network)
