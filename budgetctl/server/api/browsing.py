"""Pages for a browser, which fetch nothing from elsewhere, and the one at `/`."""

from __future__ import annotations

import base64
import functools
import hashlib

from starlette.responses import Response

from budgetctl import __version__
from budgetctl.server.door import Visitor
from budgetctl.server.http import JSON, Receive, Scope, encoded, header, respond

_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;padding:.6rem;overflow:auto}summary{cursor:pointer}code{font-weight:600}"
)
_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
}
"""The style is all that a page has beside its text. No other page shows it in a frame, or learns that it was left."""

_PLACES = {
    "documentation": ("docs", "the interface, for people", True),
    "description": ("openapi.json", "the same, for programs", True),
    "metrics": ("metrics", "for Prometheus", True),
    "health": ("healthz", "whether it runs", False),
    "readiness": ("readyz", "whether it can look at its stores", False),
}
"""What is where, and whether that needs a token."""


def page(content: str) -> bytes:
    """A page of that HTML."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>budgetctl</title><style>{_STYLE}</style><h1>budgetctl {__version__}</h1>{content}"
    ).encode()


def respond_page(body: bytes, **headers: str) -> Response:
    """Answer with a page."""
    return respond(body, media_type="text/html", headers=_HEADERS | headers)


class Front:
    """Says at `/` what this is and where to go on: to a browser by a page, to a program in JSON. It shows no data."""

    def __init__(self, *, has_tokens: bool) -> None:
        self._page = page(_welcome(has_tokens=has_tokens))
        places = {name: f"/{path}" for name, (path, _, _) in _PLACES.items()}
        self._document = encoded({"service": "budgetctl", "version": __version__, **places})

    async def __call__(self, visitor: Visitor, scope: Scope, receive: Receive) -> Response:  # noqa: ARG002
        """Answer a request."""
        if prefers_html((header(scope, b"accept") or b"").decode("latin-1")):
            return respond_page(self._page, vary="accept")
        return respond(self._document, headers={"vary": "accept"})


@functools.lru_cache(maxsize=64)
def prefers_html(accept: str) -> bool:
    """Whether a header `Accept` names HTML, as every browser's does, and prefers it to JSON."""
    weights = {}
    for each in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        weights[kind] = next((_weight(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
    of_json = next((weights[kind] for kind in (JSON, "application/*", "*/*") if kind in weights), 0.0)
    return weights.get("text/html", 0.0) > 0 and weights["text/html"] >= of_json


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _welcome(*, has_tokens: bool) -> str:
    lines = [
        f'<li><a href="{path}">/{path}</a>: {what}{"; needs a token" if needs_token and has_tokens else ""}'
        for path, what, needs_token in _PLACES.values()
    ]
    asked = "<p>A browser asks for a password there: that is a token, with any user name." if has_tokens else ""
    return (
        "<p>This is a server of budgets for calls of language models. Programs name its address as their store,"
        f" as in <code>budgetctl --store</code>.<ul>{''.join(lines)}</ul>{asked}"
    )
