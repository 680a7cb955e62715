"""The encoding of OpenAI's by which litellm counts the tokens of a model.

The rules are those of `openai_tokenizer_encoding_name` in its `litellm_core_utils/token_counter.py`.
"""

from __future__ import annotations

import re
from contextlib import suppress

from budgetctl.pricing.prices import catalog

_DEFAULT, _NEW = "cl100k_base", "o200k_base"

_DEEPSEEK = re.compile(
    r"deepseek[-_.](?:chat[-_.])?v[34]|(?:^|/)deepseek-(?:chat|reasoner|flash)(?::free)?$", re.IGNORECASE
)

_VERSIONED = re.compile(r"(?:gpt-(?:[5-9]|[1-9]\d+)|o[1-9]\d*)(?:[.-]|$)")
"""Names that OpenAI gives to its models since gpt-5 and o1."""

_AZURE_NAMES = {"gpt-35-turbo": "gpt-3.5-turbo", "gpt-35-turbo-instruct": "gpt-3.5-turbo-instruct"}
"""What Azure calls models of OpenAI's."""

_CHATS = frozenset({"chat", "responses"})
_TEXTS = _CHATS | {"completion", "realtime"}


class _UncertainError(LookupError):
    """The map does not say for certain which entry a key has."""


def is_deepseek(model: str) -> bool:
    """Whether litellm counts by DeepSeek's tokenizer (_DEEPSEEK_TOKENIZER_MODEL in its utils.py)."""
    return _DEEPSEEK.search(model) is not None


def by_listing(model: str, provider: str) -> str:
    """The encoding before litellm 1.109, which looks up names of OpenAI's models only, and none with a seller."""
    if not _is_openais(model, provider):
        return _DEFAULT
    if "gpt-4o" in model:
        return _NEW
    return _of_tiktoken(model) or _DEFAULT


def by_model(model: str) -> str | None:
    """The encoding since litellm 1.109, which goes by the model's name without its sellers and regions.

    Models of OpenAI's that tiktoken does not know are newer, and have the newest encoding. None where more than a few
    entries of the map would have to be read.
    """
    try:
        name = _openai_name(model)
        if name is None:
            return _DEFAULT  # that of gpt-3.5-turbo
        if "gpt-4o" in name:
            return _NEW
        return _of_tiktoken(name) or _of_longest_part(name) or (_DEFAULT if _is_no_chat(name) else _NEW)
    except _UncertainError:
        return None


def _openai_name(model: str) -> str | None:
    """The name under which OpenAI has a model; None for others' models (_openai_model_name, _fix_model_name)."""
    last = model.rpartition("/")[2]
    if _of_tiktoken(last) == _NEW or _VERSIONED.match(last) or _is_listed(model):
        return last
    bare = last.split(":")[1] if last.startswith("ft:") else last
    azures = _entry(f"azure/{bare}")
    if azures.provider == "azure" and azures.mode in _CHATS and (azures.supports_pdf_input or bare.startswith("gpt-")):
        return bare
    return _AZURE_NAMES.get(model)


def _is_listed(model: str) -> bool:
    """Whether the map has some ending of a name as a model of OpenAI's, sold by itself or by Azure."""
    segments = model.split("/")
    endings = ["/".join(segments[start:]) for start in range(len(segments))]
    keys = [key for ending in endings for key in (ending, f"azure/{ending}")]
    return any(key in _AZURE_NAMES or _is_openais(key, _entry(key).provider) for key in keys) or any(
        _is_text_at_azure(key) for key in keys
    )


def _is_text_at_azure(key: str) -> bool:
    """Whether a key is of a text model of OpenAI's at Azure (_is_azure_openai_text_model)."""
    entry, name = _entry(key), key.rpartition("/")[2]
    if entry.provider != "azure" or entry.mode not in _TEXTS:
        return False
    if _of_tiktoken(name) is not None or _is_openais(name, _entry(name).provider):
        return True
    # A longer or shorter name of OpenAI's would do too; to know that there is none takes the whole map.
    raise _UncertainError(key)


def _is_openais(key: str, provider: object) -> bool:
    """Whether litellm has a key among OpenAI's chat models. Fine-tuned models are in the map for prices only."""
    return provider == "openai" and not (key.startswith("ft:") and key.count(":") == 1)


def _is_no_chat(name: str) -> bool:
    return any(_entry(key).mode not in {None, *_CHATS} for key in (name, f"azure/{name}"))


def _of_tiktoken(name: str) -> str | None:
    from tiktoken import encoding_name_for_model

    with suppress(KeyError):
        return encoding_name_for_model(name)
    return None


def _of_longest_part(name: str) -> str | None:
    """The encoding of the longest name that a name is a variant of."""
    from tiktoken.model import MODEL_TO_ENCODING

    parts = [known for known in MODEL_TO_ENCODING if name.startswith(f"{known}-")]
    return MODEL_TO_ENCODING[max(parts, key=len)] if parts else None


def _entry(key: str) -> catalog.Kind:
    kind = catalog.kind_of(key)
    if kind is None:
        raise _UncertainError(key)
    return kind
