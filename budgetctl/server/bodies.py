"""Reading bodies: small ones at once, big ones few at a time and piece by piece, so that other requests go on."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from json.decoder import JSONDecodeError
from typing import Any

from budgetctl.errors import InvalidValueError
from budgetctl.server.http import JSON, MAX_BODY, WHOLE, Message, Receive, Scope, header
from budgetctl.server.problems import RefusedError

AT_ONCE = 1 << 18
"""The size of the largest body that is parsed in one go, in bytes: that takes some milliseconds at worst."""

BIG_AT_A_TIME = 2
PLACE_TIMEOUT_S = 10.0
"""The number of larger bodies that are read or answered at a time, and for how many seconds another one waits."""

BODY_TIMEOUT_S = 20.0
"""The time within which a body has to come whole, in seconds."""

BYTES_FOR_A_VALUE = 16
"""The least average length of the values in a big body, in bytes. Read, `[[],[],…]` takes thirty times its length."""

_PIECE = 1 << 16
_PAUSE_S = 0.0005
_DEEP = 2


class Bodies:
    """The reader of the bodies of requests. `reading` is the number of bodies that are still coming."""

    def __init__(self, run: Callable[..., Awaitable[Any]]) -> None:
        self.reading = 0
        self._run = run
        self._places = asyncio.Semaphore(BIG_AT_A_TIME)

    def read(self, scope: Scope, receive: Receive, *, most: int = MAX_BODY) -> Reading:
        """The JSON object in a body of at most `most` bytes: a context, until whose end it may take up memory."""
        return Reading(self, scope, receive, most)

    async def take_place(self) -> None:
        """Wait until one more big body may be read. Raises `RefusedError` after `PLACE_TIMEOUT_S`."""
        try:
            async with asyncio.timeout(PLACE_TIMEOUT_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many large requests are under way: try again"
            ) from error

    def give_place(self) -> None:
        """Let the next big body be read."""
        self._places.release()

    async def decode(self, parts: deque[bytes]) -> Any:
        """The document in a big body, decoded in a thread. Raises `ValueError`."""
        return await self._run(decode_slowly, parts)


class Reading:
    """A body, which is read to a JSON object when the context is entered."""

    __slots__ = ("_bodies", "_has_place", "_most", "_receive", "_scope")

    def __init__(self, bodies: Bodies, scope: Scope, receive: Receive, most: int) -> None:
        self._bodies = bodies
        self._scope = scope
        self._receive = receive
        self._most = most
        self._has_place = False

    @property
    def is_big(self) -> bool:
        """Whether the body is one of the few big ones: to look through its document is the work of a thread."""
        return self._has_place

    async def __aenter__(self) -> dict[str, Any]:
        """The JSON object. Raises `RefusedError` for another type, size or text, `InvalidValueError` for no object."""
        kind = (header(self._scope, b"content-type") or b"").split(b";")[0].strip().lower()
        if kind != JSON.encode():
            # A browser sends a body of this type to another site only if that site has allowed it.
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the Content-Type must be application/json"
            )
        try:
            return await self._read()
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give back the place of a big body."""
        if self._has_place:
            self._has_place = False
            self._bodies.give_place()

    async def _read(self) -> dict[str, Any]:
        parts = await self._parts()
        try:
            if self._has_place:
                document = await self._bodies.decode(parts)
            else:
                document = _DECODER.decode(b"".join(parts).decode())
        except (ValueError, RecursionError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", f"the body is no JSON: {error!s:.200}") from error
        if not isinstance(document, dict):
            raise InvalidValueError("the body must be a JSON object")
        return document

    async def _parts(self) -> deque[bytes]:
        """The body in pieces, as it came. Raises `RefusedError` for one that is too long, or too slow to come."""
        stated = header(self._scope, b"content-length")
        if stated is not None:  # the parser refuses any other text than a number
            self._check_size(int(stated))
            if int(stated) > AT_ONCE:
                await self._take_place()
        if WHOLE in self._scope.get("extensions", ()):
            return await self._received()
        self._bodies.reading += 1
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._received()
        except TimeoutError as error:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "timeout", "the body did not come in time") from error
        finally:
            self._bodies.reading -= 1

    async def _received(self) -> deque[bytes]:
        parts: deque[bytes] = deque()
        piece = bytearray()  # a body may come byte by byte
        size = values = 0
        while True:
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(HTTPStatus.BAD_REQUEST, "disconnected", "the body has ended early")
            part = message.get("body", b"")
            size += len(part)
            if size > AT_ONCE:
                self._check_size(size)
                if not self._has_place:
                    await self._take_place()
            values += part.count(b",") + part.count(b"[") + part.count(b"{") if self._has_place else 0
            if values > self._most // BYTES_FOR_A_VALUE:
                raise _too_large(f"{self._most // BYTES_FOR_A_VALUE:,} values")
            piece += part
            if len(piece) >= _PIECE or not message.get("more_body"):
                parts.append(bytes(piece))
                piece.clear()
            if not message.get("more_body"):
                return parts

    def _check_size(self, size: int) -> None:
        if size > self._most:
            raise _too_large(f"{self._most:,} bytes")

    async def _take_place(self) -> None:
        await self._bodies.take_place()
        self._has_place = True


def decode_slowly(parts: deque[bytes]) -> Any:
    """The document in JSON text, which is given in parts that are used up. Raises `ValueError`.

    The decoder of `json` lets no other thread run until it has ended. So it is given the members of the outer two
    levels piece by piece, with a pause for other threads now and then.
    """
    return _Stream(parts).document()


class _Stream:
    def __init__(self, parts: deque[bytes]) -> None:
        self._parts = parts
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0

    def document(self) -> Any:
        found = self._value(_DEEP)
        if self._next():
            raise ValueError("something follows its end")
        return found

    def _value(self, depth: int) -> Any:
        character = self._next()
        if depth and character == "{":
            return dict(self._members(depth - 1))
        if depth and character == "[":
            return list(self._items(depth - 1))
        return self._leaf()

    def _members(self, depth: int) -> Iterator[tuple[str, Any]]:
        for _ in self._places("}"):
            if self._next() != '"':
                raise ValueError("a name of a member is missing")
            name = self._leaf()
            if self._next() != ":":
                raise ValueError("a ':' is missing")
            self._at += 1
            yield name, self._value(depth)

    def _items(self, depth: int) -> Iterator[Any]:
        for _ in self._places("]"):
            yield self._value(depth)

    def _places(self, end: str) -> Iterator[None]:
        """Yield at each place where a member or an item stands, or has to stand, up to the closing bracket."""
        self._at += 1
        if self._next() == end:
            self._at += 1
            return
        while True:
            yield
            character = self._next()
            if character not in {",", end}:
                raise ValueError(f"a ',' or {end!r} is missing")
            self._at += 1
            if character == end:
                return

    def _leaf(self) -> Any:
        """The value that begins here, with more text read first where the value, or a number, could go on in it."""
        while True:
            error: Exception | None = None
            try:
                value, end = _SCAN(self._text, self._at)
            except (JSONDecodeError, StopIteration) as found:
                error, end = found, len(self._text)
            begin = self._at
            if _end_of(_OF_NUMBER, self._text, end) == len(self._text) and self._fill():
                continue
            if error is not None:
                raise ValueError("a value is missing, or has no end") from error
            self._at += end - begin  # where there was no more to read, the text before the value is gone all the same
            return value

    def _next(self) -> str:
        """The next character that is no blank; an empty text at the end."""
        while True:
            self._at = _end_of(_BLANKS, self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _fill(self) -> bool:
        """Read on until there is twice the text that is left, so that no text is scanned again and again.

        Returns whether there was more.
        """
        rest = self._text[self._at :]
        if len(rest) > AT_ONCE:
            raise _too_large(f"{AT_ONCE:,} characters in one record")
        more = [rest]
        length = 0
        while self._parts and length <= len(rest):
            more.append(self._decoder.decode(self._parts.popleft()))
            length += len(more[-1])
        if not self._parts:
            more.append(self._decoder.decode(b"", final=True))
        self._text, self._at = "".join(more), 0
        time.sleep(_PAUSE_S)
        return length > 0


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _too_large(most: str) -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body is too large: at most {most} are taken"
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # once: `json.loads` makes one for each document
_SCAN = _DECODER.scan_once  # type: ignore[attr-defined]
_BLANKS = re.compile(r"[ \t\n\r]*")
_OF_NUMBER = re.compile(r"[0-9.eE+-]*")
