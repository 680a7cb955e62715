"""Tokens in a file and in a database."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, closing

import pytest

from budgetctl.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from budgetctl.server.tokens import open_tokens
from budgetctl.server.tokens.files import FileTokens
from budgetctl.server.tokens.token import USE_STEP_US, Token, choose, new_token
from support.postgres import new_project, server_url


@pytest.fixture(params=["file", "postgres"])
def open_any(request, home):
    """Open another view of the same tokens."""
    location = f"{home}/" if request.param == "file" else server_url()
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(open_tokens(location)))


def test_a_token_is_found_by_its_id_with_all_that_is_kept_of_it(open_any):
    token, text = new_token(new_project(), 5, name="ci", read_only=True, expires_us=9)
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


def test_a_name_is_free_in_other_projects_and_once_its_token_is_of_no_use(open_any):
    tokens, project = open_any(), new_project()
    first = new_token(project, 5, name="ci", expires_us=9)[0]
    tokens.add(first)
    with pytest.raises(AlreadyExistsError, match=f"'ci' already, {first.token_id}"):
        open_any().add(new_token(project, 8, name="ci")[0])
    tokens.add(new_token(new_project(), 8, name="ci")[0])
    second = new_token(project, 9, name="ci")[0]
    tokens.add(second)
    tokens.revoke(second.token_id, 10)
    tokens.add(new_token(project, 11, name="ci")[0])
    for _ in range(2):
        tokens.add(new_token(project, 11)[0])


def test_of_many_who_take_a_name_at_once_one_has_it(open_any):
    project, taken = new_project(), []

    def take(tokens):
        try:
            tokens.add(new_token(project, 5, name="ci")[0])
            taken.append(True)
        except AlreadyExistsError:
            taken.append(False)

    threads = [threading.Thread(target=take, args=[open_any()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]


def used_us(tokens, token):
    return next(each.used_us for each in tokens.tokens() if each.token_id == token.token_id)


def test_the_last_use_is_kept_by_the_minute_and_never_goes_back(open_any):
    token, _ = new_token(new_project(), 5)
    tokens, other = open_any(), open_any()
    tokens.add(token)
    assert used_us(other, token) is None
    begin = 1_795_348_800_000_000
    for now, kept in (
        (begin, begin),
        (begin + USE_STEP_US - 1, begin),
        (begin + USE_STEP_US, begin + USE_STEP_US),
        (begin, begin + USE_STEP_US),
    ):
        tokens.keep_uses({token.token_id: now, "nobody": now})
        assert used_us(other, token) == kept
    assert other.revoke(token.token_id, begin).revoked_us == begin
    assert used_us(tokens, token) == begin + USE_STEP_US


def test_a_file_of_before_has_tokens_without_names_and_uses(home):
    path = home / "tokens.json"
    kept = {"token_id": "3f9c21ab07", "project": "p", "digest": "00", "read_only": False, "created_us": 5}
    path.write_text(json.dumps({"tokens": [{**kept, "expires_us": None, "revoked_us": None}]}))
    tokens = FileTokens(path)
    assert tokens.tokens() == [Token("3f9c21ab07", "p", "00", read_only=False, created_us=5)]
    tokens.add(new_token("p", 6)[0])
    assert {tuple(document) for document in json.loads(path.read_text())["tokens"]} == {
        (*kept, "expires_us", "revoked_us")
    }


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"used_us": 1}', '{"used_us": {"x": "y"}}', "\xff"])
def test_uses_that_cannot_be_read_are_none_and_are_written_anew(home, content):
    tokens = FileTokens(home / "tokens.json")
    token, _ = new_token("p", 5)
    tokens.add(token)
    tokens.uses_path.write_text(content, encoding="latin-1")
    assert tokens.tokens() == [token]
    tokens.keep_uses({token.token_id: USE_STEP_US})
    assert used_us(tokens, token) == USE_STEP_US


def of(token_id, name=None, project="p", **more):
    return Token(token_id, project, "", read_only=False, created_us=5, name=name)._replace(**more)


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ("3f9c21ab07", "3f9c21ab07"),
        ("3f9c", "3f9c21ab07"),
        ("ci", "aaaa000002"),
        ("old", "aaaa000005"),
        ("aaaa000003", "aaaa000003"),  # an id before a name
        ("aaaa", "aaaa000004"),  # a name before the beginning of an id
    ],
)
def test_a_token_is_meant_by_its_id_its_name_or_the_beginning_of_its_id(said, chosen):
    tokens = [
        of("3f9c21ab07", "far", project="other"),
        of("aaaa000001", "ci", revoked_us=6),
        of("aaaa000002", "ci"),
        of("aaaa000003", "old", revoked_us=6),
        of("aaaa000004", "aaaa"),
        of("aaaa000005", "old", revoked_us=9, created_us=8),
        of("bbbb000001", "aaaa000003"),
    ]
    assert choose(tokens, said, "p", 10).token_id == chosen


def test_who_is_not_named_clearly_is_not_chosen():
    tokens = [of("3f9c21ab07", "far", project="other"), of("3f9c000000")]
    with pytest.raises(InvalidValueError, match="the ids of 2 tokens begin with 3f9c"):
        choose(tokens, "3f9c", "p", 10)
    for said in ("3f9", "", "nobody"):
        with pytest.raises(NotFoundError, match=f"the project p has no token '{said}'"):
            choose(tokens, said, "p", 10)
    with pytest.raises(NotFoundError, match="no token 'far'; the project other has one"):
        choose(tokens, "far", "p", 10)
