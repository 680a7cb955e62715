"""Tokens in a file and in a database."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from budgetctl.errors import NotFoundError
from budgetctl.server.tokens import open_tokens
from budgetctl.server.tokens.token import new_token
from support.postgres import server_url


@pytest.fixture(params=["file", "postgres"])
def open_any(request, home):
    """Open another view of the same tokens."""
    location = f"{home}/" if request.param == "file" else server_url()
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(open_tokens(location)))


def test_a_token_is_found_by_its_id_with_all_that_is_kept_of_it(open_any):
    token, text = new_token("team", 5, read_only=True, expires_us=9)
    open_any().add(token)
    tokens = open_any()
    tokens.refresh()
    assert tokens.find(token.token_id) == token
    assert tokens.find("nobody") is None
    assert token in tokens.tokens()
    assert token.fault(text.split("_", 2)[2], 8) is None
    assert token.fault(text.split("_", 2)[2], 9) == "the token has expired"


def test_a_token_is_revoked_once_for_everybody(open_any):
    token, text = new_token("team", 5)
    tokens = open_any()
    tokens.add(token)
    assert tokens.revoke(token.token_id, 7).revoked_us == 7
    other = open_any()
    assert other.revoke(token.token_id, 8).revoked_us == 7
    other.refresh()
    assert other.find(token.token_id).fault(text.split("_", 2)[2], 7) == "the token was revoked"
    with pytest.raises(NotFoundError):
        tokens.revoke("nobody", 7)
