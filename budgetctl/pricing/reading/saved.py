"""Responses as people save them: with the head that `curl -i` prints, compressed, in UTF-16."""

from __future__ import annotations

import re
import zlib

from budgetctl.errors import InvalidResponseError

MAX_BYTES = 64 * 2**20
"""The largest file that is read, and the most that one may unpack to."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""PowerShell's `>` writes UTF-16."""

_GZIP = b"\x1f\x8b"
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "a zip archive", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
"""The beginnings of compressed files that are not unpacked here."""

_HEAD = re.compile(rb"\s*HTTP/[\d.]+ \d{3}[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n")
_TEXT_HEAD = re.compile(_HEAD.pattern.decode())
"""The head of an answer; `curl -i` prints one for each redirect, too."""


def decode(content: bytes) -> str:
    """The text of a saved response. Raises `InvalidResponseError` for no text, in words that follow the file's name."""
    while (packed := _HEAD.match(content)) is not None:
        content = content[packed.end() :]
    if content.startswith(_GZIP):
        content = _unzipped(content)
    for magic, name in _PACKED.items():
        if content.startswith(magic):
            raise InvalidResponseError(f"is {name}, and not text", hint="unpack it first")
    text = decode_text(content).lstrip("\ufeff")
    while (head := _TEXT_HEAD.match(text)) is not None:
        text = text[head.end() :]
    return text


def decode_text(content: bytes) -> str:
    """Any text, in UTF-8 or UTF-16. Raises `InvalidResponseError` as `decode` does."""
    encoding = next((encoding for bom, encoding in _BOMS if content.startswith(bom)), None)
    try:
        return content.decode(encoding or _guessed(content))
    except UnicodeDecodeError as error:
        raise InvalidResponseError(
            f"is not text in UTF-8: byte {error.start} does not fit",
            hint="save what the provider sends as text: curl --compressed",
        ) from error


def _guessed(content: bytes) -> str:
    """UTF-16 without its mark: the first letters of JSON and of streams have a byte of 0 each."""
    start = content[:2]
    if len(content) % 2 == 0 and len(start) == 2 and 0 in start and start != b"\0\0":
        return "utf-16-le" if start[1] == 0 else "utf-16-be"
    return "utf-8"


def _unzipped(content: bytes) -> bytes:
    """The content of gzip; of a file that was cut off, its first part."""
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unzip.decompress(content, MAX_BYTES + 1)
    except zlib.error as error:
        raise InvalidResponseError(f"begins as gzip does, and is none: {error}") from error
    if len(text) > MAX_BYTES:
        raise InvalidResponseError(f"unpacks to more than {MAX_BYTES // 2**20} MiB")
    return text
