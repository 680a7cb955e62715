"""The tokens of text and of messages, to the number of `litellm.token_counter`, without importing litellm.

litellm ships the vocabularies by which it counts, and the libraries that read them take a hundredth of its import. The
tokenizer of a model follows from the model's name and its entry in the price map: Anthropic's and DeepSeek's own, the
one that OpenAI names for its models, and cl100k_base for all others. (litellm would fetch the tokenizers of Llama,
Cohere and Replicate, and counts by OpenAI's where it cannot.) The rules are those of
litellm_core_utils/token_counter.py and of huggingface_tokenizer_kind in utils.py. Where they do not decide here, the
answer is None, and litellm has to be asked.
"""

from __future__ import annotations

import functools
import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from budgetctl.pricing.counting import encodings
from budgetctl.pricing.litellm import installed, litellm_rules
from budgetctl.pricing.prices import catalog, proofs

if TYPE_CHECKING:
    from tiktoken import Encoding
    from tokenizers import Tokenizer

_DIRECTORY = Path("litellm_core_utils", "tokenizers")
"""The directory of litellm's vocabularies in its package."""

_ANTHROPIC, _DEEPSEEK = "anthropic_tokenizer.json", "deepseek_tokenizer.json"

_SETTINGS = ("TIKTOKEN_ENCODE_CHUNK_SIZE_CHARS", "TOKEN_COUNTER_MAX_EXACT_CHARS")
"""Variables of the environment by which litellm's numbers change."""

_CHUNK = 1024
"""Characters that litellm gives to tiktoken at a time; a token does not cross from one chunk into the next."""

_LONGEST = 4_000_000
"""Characters of the longest text that litellm counts; the number for a longer one is extrapolated."""

_PER_MESSAGE, _PER_NAME, _PER_REPLY = 3, 1, 3
"""Tokens of messages beside their texts: for each message, for a name, and once for the start of the answer."""

_ELABORATE = frozenset({"tool_calls", "function_call", "search_results"})
"""Fields of a message of which litellm counts parts."""

_OF_OLD = "gpt-3.5-turbo-0301"
"""The model whose messages and names have other numbers of tokens."""

_FIRST_COUNTS, _SHORT = 4, 8192
"""How many counts, of how many characters at most, are made before all of an encoding is built."""

_PART = 15
"""Bytes that most tokens have at most, and that base64 does not pad."""


class _Vocabulary(NamedTuple):
    """The definition of an encoding of OpenAI's: the file of its tokens, and the pattern by which text is split.

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


def count_text(model: str, text: str, *, unproven: bool = False) -> int | None:
    """The tokens of plain text, as `litellm.token_counter(text=…)` counts them; None if litellm has to be asked.

    `unproven` counts them by the rules of this release, whatever the rules of the installed litellm.
    """
    try:
        return _count(model, [text], unproven=unproven)
    except _UndecidedError:
        return None


def count_messages(model: str, messages: Sequence[Mapping[str, Any]], *, unproven: bool = False) -> int | None:
    """The tokens of chat messages, as `litellm.token_counter(messages=…)` counts them; None if it has to be asked.

    Messages of text are counted: under any key, and in the parts of a content. Of images, documents and calls of
    tools litellm works out the tokens in its own ways.
    """
    if model == _OF_OLD:
        return None
    try:
        texts = [text for message in messages for text in _texts_of(message)]
        names = sum(isinstance(message.get("name"), str) for message in messages)
        counted = _count(model, texts, unproven=unproven)
        return _PER_REPLY + _PER_MESSAGE * len(messages) + _PER_NAME * names + counted
    except _UndecidedError:
        return None


def _texts_of(message: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(message, dict):
        raise _UndecidedError
    for key, value in message.items():
        if key in _ELABORATE and value is not None:
            raise _UndecidedError(key)
        if isinstance(value, str):
            yield value
        elif key == "content" and isinstance(value, list):
            yield from map(_text_of_part, value)
        # Numbers, objects and the like under other keys are no tokens to litellm.


def _text_of_part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
    if not isinstance(text, str):
        raise _UndecidedError
    return text


def _count(model: str, texts: list[str], *, unproven: bool) -> int:
    # A program that has imported litellm may have registered models, or told it how to count, or not to. Its import
    # is paid for by then, so it is asked.
    if any(name in os.environ for name in _SETTINGS) or not (unproven or _is_as_litellm(model, texts)):
        raise _UndecidedError
    package, provider = installed.directory(), catalog.provider_of(model)
    if package is None or provider is None or any(len(text) > _LONGEST for text in texts):
        raise _UndecidedError
    directory, rules = package / _DIRECTORY, litellm_rules.rules_in_force()[0]
    try:
        if provider == "anthropic" and "claude-3" not in model:
            return _count_by_tokenizer(_tokenizer(directory / _ANTHROPIC), texts)
        if rules.counts_by_model and encodings.is_deepseek(model):
            return _count_by_tokenizer(_tokenizer(directory / _DEEPSEEK), texts)
        name = encodings.by_model(model) if rules.counts_by_model else encodings.by_listing(model, provider)
        if name is None:
            raise _UndecidedError
        return _encoding(directory, _VOCABULARIES[name]).count(texts)
    except (ImportError, OSError, ValueError, KeyError) as error:
        raise _UndecidedError from error


def _is_as_litellm(model: str, texts: list[str]) -> bool:
    """Whether litellm, which is not imported here, is known to count the same numbers."""
    if catalog.imported_litellm() is not None:
        return False
    return litellm_rules.is_trusted() or proofs.covers_tokens(model, sum(map(len, texts)))


class _Encoding:
    """An encoding of OpenAI's, of which no more is built than its texts need.

    Building all of it takes a third of a second. But a text is split into parts of itself, so that the tokens which
    occur in the text split it alike. The first short texts are counted by these tokens alone, as a command counts two
    texts and ends. For a program that counts more of them, the whole encoding is built.
    """

    def __init__(self, lines: bytes, pattern: str) -> None:
        """Take a line for each token: the token in base64, and its number."""
        self._lines = lines
        self._pattern = pattern
        self._first = _FIRST_COUNTS
        self._whole: Encoding | None = None

    def count(self, texts: list[str]) -> int:
        if not any(texts):
            return 0
        encode = self._enough_for("\n".join(texts)).encode_ordinary
        return sum(len(encode(text[start : start + _CHUNK])) for text in texts for start in range(0, len(text), _CHUNK))

    def _enough_for(self, text: str) -> Encoding:
        if self._whole is None and self._first and len(text) <= _SHORT:
            self._first -= 1
            with suppress(UnicodeEncodeError):  # half a character, for which tiktoken puts another
                return self._built(_tokens_in(text.encode(), self._tokens()))
        if self._whole is None:
            self._whole = self._built(self._tokens())
        return self._whole

    def _tokens(self) -> Iterator[tuple[bytes, bytes]]:
        fields = self._lines.split()
        return zip(fields[::2], fields[1::2], strict=True)

    def _built(self, tokens: Iterable[tuple[bytes, bytes]]) -> Encoding:
        from tiktoken import Encoding

        ranks = {a2b_base64(token): int(rank) for token, rank in tokens}
        # The name says that it is none of tiktoken's: special tokens count as the text that they are written as.
        return Encoding("ordinary", pat_str=self._pattern, mergeable_ranks=ranks, special_tokens={})


def _tokens_in(data: bytes, tokens: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The tokens that occur in a text, of lines that have a token in base64 and its number."""
    starts, lengths = range(len(data)), range(1, _PART + 1)
    parts = {b2a_base64(data[start : start + length], newline=False) for start in starts for length in lengths}
    longest = len(b2a_base64(bytes(_PART), newline=False))
    for token, rank in tokens:
        if token in parts or (len(token) > longest and a2b_base64(token) in data):
            yield token, rank


@functools.cache
def _encoding(directory: Path, vocabulary: _Vocabulary) -> _Encoding:
    import hashlib

    lines = (directory / vocabulary.file).read_bytes()
    if hashlib.sha256(lines).hexdigest() != vocabulary.sha256:
        raise ValueError(vocabulary.file)
    return _Encoding(lines, vocabulary.pattern)


@functools.cache
def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_buffer(path.read_bytes())


def _count_by_tokenizer(tokenizer: Tokenizer, texts: list[str]) -> int:
    try:
        return sum(len(tokenizer.encode(text)) for text in texts)
    except TypeError:  # a lone surrogate, which litellm does not count either
        raise _UndecidedError from None
