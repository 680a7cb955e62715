"""How many tokens a text and messages are, to the number of `litellm.token_counter`, without importing litellm.

litellm ships the vocabularies by which it counts, and the libraries that read them take a hundredth of its import. Its
tokenizer of a model follows from the model's entry in its price map: Anthropic's own for Anthropic's models, the one
that OpenAI names for OpenAI's, and cl100k_base for all others. (It would fetch those of Llama, Cohere and Replicate,
and counts by cl100k_base where it cannot.) The rules are those of litellm_core_utils/token_counter.py and of
huggingface_tokenizer_kind in utils.py. What they do not decide here is None, and litellm has to be asked.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from budgetctl.pricing import catalog

if TYPE_CHECKING:
    from tiktoken import Encoding
    from tokenizers import Tokenizer

_Counter = Callable[[str], int]

_DIRECTORY = Path("litellm_core_utils", "tokenizers")
"""Where litellm's vocabularies are in its package."""

_ANTHROPIC = "anthropic_tokenizer.json"

_SETTINGS = ("TIKTOKEN_ENCODE_CHUNK_SIZE_CHARS", "TOKEN_COUNTER_MAX_EXACT_CHARS")
"""Variables of the environment by which litellm's numbers change."""

_CHUNK = 1024
"""Characters that litellm gives to tiktoken at a time; a token does not cross from one chunk into the next."""

_LONGEST = 4_000_000
"""Characters of the longest text that litellm counts; the number for a longer one is extrapolated."""

_PER_MESSAGE, _PER_NAME, _PER_REPLY = 3, 1, 3
"""Tokens that messages are more than their texts: for each one, for a name, and once for the start of the answer."""

_ELABORATE = frozenset({"tool_calls", "function_call", "search_results"})
"""Fields of a message from which litellm picks what counts."""


class _Vocabulary(NamedTuple):
    """What defines an encoding of OpenAI: the file of its tokens, and how text is split before they are looked for.

    The file has the name that it has in tiktoken's cache; hash and pattern are those of tiktoken_ext/openai_public.py.
    Asked for the encoding by its name, tiktoken takes half as long again, and fetches a file that is not as it expects.
    """

    file: str
    sha256: str
    pattern: str


_VOCABULARIES = {
    "cl100k_base": _Vocabulary(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)"
        r"|[^\r\n\p{L}\p{N}]?+\p{L}++"
        r"|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$"
        r"|\s*[\r\n]"
        r"|\s+(?!\S)"
        r"|\s",
    ),
    "o200k_base": _Vocabulary(
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
        r"|\s*[\r\n]+"
        r"|\s+(?!\S)"
        r"|\s+",
    ),
}


class _UndecidedError(LookupError):
    """The rules that are known here do not give litellm's number."""


def count_text(model: str, text: str) -> int | None:
    """The tokens of plain text, as `litellm.token_counter(text=…)` counts them; None if litellm has to be asked."""
    try:
        return _counter(model)(text)
    except _UndecidedError:
        return None


def count_messages(model: str, messages: Sequence[Mapping[str, Any]]) -> int | None:
    """The tokens of chat messages, as `litellm.token_counter(messages=…)` counts them; None if it has to be asked.

    Messages of text are counted: under any key, and in the parts of a content. Of images, documents and calls of
    tools litellm works out the tokens in its own ways.
    """
    try:
        count = _counter(model)
        return _PER_REPLY + sum(_count_message(count, message) for message in messages)
    except _UndecidedError:
        return None


def _count_message(count: _Counter, message: Mapping[str, Any]) -> int:
    if not isinstance(message, dict):
        raise _UndecidedError
    tokens = _PER_MESSAGE
    for key, value in message.items():
        if value is None:
            continue
        if key in _ELABORATE:
            raise _UndecidedError(key)
        if isinstance(value, str):
            tokens += count(value) + (_PER_NAME if key == "name" else 0)
        elif key == "content" and isinstance(value, list):
            tokens += sum(count(_text_of_part(part)) for part in value)
        # Numbers, objects and the like under other keys are no tokens to litellm.
    return tokens


def _text_of_part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
    if not isinstance(text, str):
        raise _UndecidedError
    return text


def _counter(model: str) -> _Counter:
    """What counts the tokens of a text for a model. Raises `_UndecidedError`, as may what it returns."""
    # A program that has imported litellm may have registered models, or told it how to count, or not to. Its import
    # is paid for by then, so it is asked.
    if catalog.imported_litellm() is not None or any(name in os.environ for name in _SETTINGS):
        raise _UndecidedError
    package, provider = catalog.package(), catalog.provider_of(model)
    if package is None or provider is None:
        raise _UndecidedError
    directory = package.directory / _DIRECTORY
    try:
        if provider == "anthropic" and "claude-3" not in model:
            return functools.partial(_count_by_tokenizer, _tokenizer(directory / _ANTHROPIC))
        vocabulary = _VOCABULARIES[_encoding_name(model, provider)]
        return functools.partial(_count_by_encoding, _encoding(directory, vocabulary))
    except (ImportError, OSError, ValueError, KeyError) as error:
        raise _UndecidedError from error


def _encoding_name(model: str, provider: str) -> str:
    """The encoding by which litellm counts for a model without a tokenizer (its openai_tokenizer_encoding_name).

    Only names that litellm has for OpenAI's are looked up; names with a seller before them, and Azure's, are not.
    """
    default = "cl100k_base"
    if provider != "openai" or (model.startswith("ft:") and model.count(":") == 1):
        return default
    if "gpt-4o" in model:
        return "o200k_base"
    from tiktoken import encoding_name_for_model

    try:
        return encoding_name_for_model(model)
    except KeyError:
        return default


@functools.cache
def _encoding(directory: Path, vocabulary: _Vocabulary) -> Encoding:
    """An encoding, from a file with a line for each token: the token in base64, and its number."""
    import hashlib
    from binascii import a2b_base64

    from tiktoken import Encoding

    lines = (directory / vocabulary.file).read_bytes()
    if hashlib.sha256(lines).hexdigest() != vocabulary.sha256:
        raise ValueError(vocabulary.file)
    fields = lines.split()
    ranks = dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))
    # The name says that it is none of tiktoken's: special tokens count as the text that they are written as.
    return Encoding("ordinary", pat_str=vocabulary.pattern, mergeable_ranks=ranks, special_tokens={})


def _count_by_encoding(encoding: Encoding, text: str) -> int:
    chunks = (text[start : start + _CHUNK] for start in range(0, len(_checked(text)), _CHUNK))
    return sum(len(encoding.encode_ordinary(chunk)) for chunk in chunks)


@functools.cache
def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_buffer(path.read_bytes())


def _count_by_tokenizer(tokenizer: Tokenizer, text: str) -> int:
    try:
        return len(tokenizer.encode(_checked(text)))
    except TypeError:  # a lone surrogate, which litellm does not count either
        raise _UndecidedError from None


def _checked(text: str) -> str:
    if len(text) > _LONGEST:
        raise _UndecidedError
    return text
