"""Streams that are charged when they end: read to the end, broken off, closed, or forgotten."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from budgetctl.integrations.litellm_calls import LitellmCall
from budgetctl.manager.threads import finish, leave


class _Guarded:
    """The end of a guarded stream, for both kinds. Other attributes are those of litellm's stream."""

    def __init__(self, stream: Any, call: LitellmCall) -> None:
        self._stream = stream
        self._call = call
        self._is_closed = False
        self._finalizer = weakref.finalize(self, leave, partial(call.end_stream, stream))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_stream":
            raise AttributeError(name)
        return getattr(self._stream, name)

    def _end(self, *, failed: bool = False) -> None:
        self._is_closed = True
        self._call.end_stream(self._stream, failed=failed)
        self._finalizer.detach()  # not before: whatever cuts this short leaves it to that


class GuardedStream(_Guarded):
    """The chunks of a call. `close`, or leaving a `with` block, ends it early."""

    def __iter__(self) -> Iterator[Any]:
        """The chunks."""
        return self

    def __next__(self) -> Any:
        """The next chunk."""
        if self._is_closed:
            raise StopIteration
        try:
            return next(self._stream)
        except StopIteration:
            self._end()
            raise
        except Exception:
            self._end(failed=True)
            raise
        except BaseException:  # an interrupt of the reader is no failure of the stream's
            self._end()
            raise

    def close(self) -> None:
        """Read no more, and charge the chunks that have come."""
        if self._is_closed:
            return
        try:
            close = getattr(getattr(self._stream, "completion_stream", None), "close", None)
            if close is not None:
                close()
        finally:
            self._end()

    def __enter__(self) -> GuardedStream:
        """The stream, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class AsyncGuardedStream(_Guarded):
    """The chunks of an asynchronous call. `aclose`, or leaving an `async with` block, ends it early."""

    def __aiter__(self) -> AsyncIterator[Any]:
        """The chunks."""
        return self

    async def __anext__(self) -> Any:
        """The next chunk."""
        if self._is_closed:
            raise StopAsyncIteration
        try:
            return await anext(self._stream)
        except StopAsyncIteration:
            await self._finish()
            raise
        except Exception:
            await self._finish(failed=True)
            raise
        except BaseException:
            self._leave()
            raise

    async def aclose(self) -> None:
        """Read no more, and charge the chunks that have come."""
        if self._is_closed:
            return
        try:
            await self._stream.aclose()
        except Exception:
            await self._finish()
            raise
        except BaseException:
            self._leave()
            raise
        await self._finish()

    async def __aenter__(self) -> AsyncGuardedStream:
        """The stream, to be closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.aclose()

    async def _finish(self, *, failed: bool = False) -> None:
        self._is_closed = True
        await finish(partial(self._end, failed=failed))

    def _leave(self) -> None:
        """The reader has gone, and is not kept waiting."""
        self._is_closed = True
        leave(self._end)
