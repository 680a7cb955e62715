"""Tokens in a PostgreSQL database, so that several servers know the same ones."""

from __future__ import annotations

import os
from collections.abc import Mapping

from budgetctl.errors import NotFoundError
from budgetctl.server.tokens.token import USE_STEP_US, Token, check_name_is_free
from budgetctl.stores.postgres.connections import Connections, Session
from budgetctl.stores.postgres.schema import migrate
from budgetctl.stores.postgres.url import ServerAddress

_COLUMNS = "id, project, digest, read_only, created_us, expires_us, revoked_us, name, used_us"
_PLACES = ":token_id, :project, :digest, :read_only, :created_us, :expires_us, :revoked_us, :name, :used_us"


class PostgresTokens:
    """Tokens in the table `tokens`. `find` knows those of the last `refresh`, as it must not wait for a database."""

    def __init__(self, url: str | os.PathLike[str], *, wait_s: float = 10.0) -> None:
        self._connections = Connections(ServerAddress(os.fspath(url)), wait_s, migrate)
        self._tokens: dict[str, Token] = {}

    def refresh(self) -> None:
        """Read all tokens again."""
        with self._connections.session() as (session, _):
            self._tokens = _read(session)

    def tokens(self) -> list[Token]:
        """All tokens."""
        self.refresh()
        return list(self._tokens.values())

    def find(self, token_id: str) -> Token | None:
        """The token of that id, as of the last `refresh`."""
        return self._tokens.get(token_id)

    def add(self, token: Token) -> None:
        """Add a token."""
        values = {**token._asdict(), "digest": bytes.fromhex(token.digest)}
        with self._connections.session() as (session, _), session.connection.transaction():
            # Nobody else takes the name meanwhile. An index does not know which tokens have expired.
            session.execute("LOCK TABLE tokens IN SHARE ROW EXCLUSIVE MODE", {})
            check_name_is_free(token, _read(session).values())
            session.execute(f"INSERT INTO tokens ({_COLUMNS}) VALUES ({_PLACES})", values)
        self.refresh()

    def revoke(self, token_id: str, now_us: int) -> Token:
        """Revoke a token from now on. Raises `NotFoundError`."""
        with self._connections.session() as (session, _):
            session.execute(
                "UPDATE tokens SET revoked_us = COALESCE(revoked_us, :now) WHERE id = :token_id",
                {"token_id": token_id, "now": now_us},
            )
        self.refresh()
        found = self._tokens.get(token_id)
        if found is None:
            raise NotFoundError(f"there is no token {token_id!r:.80}", hint="budgetctl token list")
        return found

    def keep_uses(self, uses: Mapping[str, int]) -> None:
        """Keep when tokens were used last. Of several servers whose clients share a token one writes in a minute."""
        # Always in the same order, so that servers do not wait for each other in a circle.
        due = [{"token_id": each, "used": used, "step": USE_STEP_US} for each, used in sorted(uses.items())]
        with self._connections.session() as (session, _), session.connection.transaction():
            session.executemany(
                "UPDATE tokens SET used_us = :used"
                " WHERE id = :token_id AND COALESCE(used_us, 0) <= CAST(:used AS BIGINT) - :step",
                due,
            )

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()


def _read(session: Session) -> dict[str, Token]:
    rows = session.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY created_us, id", {}).fetchall()
    tokens = (Token(*row)._replace(digest=bytes(row[2]).hex()) for row in rows)
    return {token.token_id: token for token in tokens}
