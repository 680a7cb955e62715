"""Responses in the files that people save them in."""

import gzip
import json

import pytest

from budgetctl.cli.reading import read_response
from budgetctl.errors import InvalidValueError
from budgetctl.pricing import read_usage

BODY = {"id": "c1", "model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}}
TEXT = json.dumps(BODY)
HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\n\r\n"


def read(tmp_path, content):
    path = tmp_path / "response.json"
    path.write_bytes(content)
    return read_usage(read_response(str(path)))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        gzip.compress(TEXT.encode()),
        (HEAD + TEXT).encode(),
        (HEAD.replace("\r\n", "\n") + TEXT).encode(),
        ("HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1\r\n\r\n" + HEAD + TEXT).encode(),
        HEAD.encode() + gzip.compress(TEXT.encode()),
        b"[" + TEXT.encode() + b"]",
    ],
    ids="plain bom utf-16 utf-16-le utf-16-be gzip curl-i lf redirected curl-i-gzip list-of-one".split(),
)
def test_a_body_is_read_however_it_was_saved(tmp_path, content):
    usage = read(tmp_path, content)
    assert (usage.uncached_input, usage.text_output, usage.notes) == (1000, 200, ())


def test_a_line_after_the_body_is_said(tmp_path):
    usage = read(tmp_path, f"{TEXT}\n200 0.53\n".encode())
    assert (usage.total_input, usage.notes) == (1000, ("passed over after the JSON: 200 0.53",))


def test_a_compressed_stream_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    chunks = "".join(f"data: {json.dumps({'object': 'chat.completion.chunk', **BODY})}\n\n" for _ in range(50))
    assert read(tmp_path, gzip.compress(chunks.encode())[:-12]).total_input == 1000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x28\xb5\x2f\xfd\x04\x00", "is zstd, and not text"),
        (b"PK\x03\x04\x14\x00", "is a zip archive, and not text"),
        (b"\x1f\x8b\x00nothing", "begins as gzip does, and is none"),
        (b'{"a": "\xff"}', "is not text in UTF-8: byte 7 does not fit"),
        (gzip.compress(bytes(65 * 2**20)), "unpacks to more than 64 MiB"),
    ],
    ids="zstd zip broken latin bomb".split(),
)
def test_what_cannot_be_read_is_named(tmp_path, content, message):
    with pytest.raises(InvalidValueError, match=rf"response\.json {message}"):
        read(tmp_path, content)
