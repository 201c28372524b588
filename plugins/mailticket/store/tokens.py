"""Access tokens, kept sealed from task to task; refresh tokens, of which none is ever lost.

A provider that rotates refresh tokens takes each of them once. So the row of a grant is locked
while its endpoint is asked, and the new token is committed before anything else is done with the
answer: two tasks never ask with the same one, and a kill loses at most an answer that never came.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from mailticket.errors import MailboxUnavailable, StoreUnavailable, VaultClosed
from mailticket.oauth import OAuthClient
from mailticket.oauth_endpoint import Answer
from mailticket.store.postgres import Database
from mailticket.store.sealed import Safe, open_safe

Ask = Callable[[OAuthClient], Answer]
_EARLY_SECONDS = 300.0
_EARLY_PART = 0.2
"""A token is renewed so long before its end, whichever is less."""
_PAUSES = (1, 3, 9)
"""Seconds between tries to keep a rotated token when the database goes away meanwhile."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An answer, and which rows it belongs to."""

    answer: Answer
    origin: bytes | None
    former: str | None
    """The sealed refresh token that it was asked with; None: the Connection's own."""


@dataclass(frozen=True, slots=True)
class Held:
    """A token to sign in with."""

    token: str = field(repr=False)
    is_new: bool
    """The endpoint gave it just now: another one would fare no better."""


class Tokens:
    """The token of one Connection."""

    def __init__(
        self, db: Database, connection: str, client: OAuthClient, keys: str, ask: Ask
    ) -> None:
        self._db, self._connection, self._client, self._ask = db, connection, client, ask
        self._keys = keys

    def current(self, *, refused: str = "", anew: bool = False) -> Held:
        """Give a token that is not about to expire, and not the ``refused`` one.

        ``anew``: ask the endpoint in any case. Raises ``VaultClosed`` where a rotated token could
        not be kept, and what ``oauth_endpoint.ask`` raises.
        """
        try:
            safe = open_safe(self._db, self._keys)
        except VaultClosed as closed:
            return self._unkept(closed)
        kept = None if anew else self._kept(safe, refused)
        return Held(kept, False) if kept else self._renewed(safe, refused, anew=anew)

    def _unkept(self, closed: VaultClosed) -> Held:
        """Ask each time where nothing can be kept; a refresh token might be lost that way."""
        if self._client.grant == "refresh_token":
            raise closed
        _log().warning(f"no token is kept for {self._connection}: {closed}")
        return Held(self._ask(self._client).access_token, True)

    def _kept(self, safe: Safe, refused: str, when: str = "fresh") -> str | None:
        row = self._db.row("kept_token", connection=self._connection, scope=self._client.scope)
        if row is None or not row[when] or row["client"] is None:
            return None
        if bytes(row["client"]) != self._fingerprint(safe):
            return None
        try:
            token = safe.vault.unseal(row["sealed"])
        except VaultClosed:
            return None  # another one is to be had
        return token if token != refused else None

    def _fingerprint(self, safe: Safe) -> bytes:
        client = self._client
        account = client.service_account
        words = (client.grant, client.token_url, client.client_id, client.subject, client.scope)
        return safe.hash(*words, *client.secrets, account.email if account else "")

    def _renewed(self, safe: Safe, refused: str, *, anew: bool) -> Held:
        asked: _Asked | None = None
        try:
            with self._db.transaction():
                self._db.rows("wait_no_longer")
                self._db.rows("lock_token", connection=self._connection, scope=self._client.scope)
                # Another task may have renewed it while this one waited for the row.
                if not anew and (kept := self._kept(safe, refused)):
                    return Held(kept, False)
                asked = self._asked(safe)
                self._keep(safe, asked)
        except StoreUnavailable:
            if asked is None:
                raise
            self._keep_anyhow(safe, asked)
        except MailboxUnavailable:
            if last := self._kept(safe, refused, "valid"):
                return Held(last, False)
            raise
        return Held(asked.answer.access_token, True)

    def _asked(self, safe: Safe) -> _Asked:
        client = self._client
        if client.grant != "refresh_token":
            return _Asked(self._ask(client), None, None)
        origin = safe.hash(client.token_url, client.client_id, client.refresh_token)
        former = self._db.value("lock_grant", origin=origin)
        if former is not None:
            client = replace(client, refresh_token=safe.vault.unseal(former))
        return _Asked(self._ask(client), origin, former)

    def _keep(self, safe: Safe, asked: _Asked) -> None:
        answer = asked.answer
        if asked.origin and answer.refresh_token:
            sealed = safe.vault.seal(answer.refresh_token)
            self._db.rows("keep_grant", origin=asked.origin, sealed=sealed, former=asked.former)
            self._db.rows("drop_old_grants")
        self._db.rows(
            "keep_token",
            connection=self._connection,
            scope=self._client.scope,
            client=self._fingerprint(safe),
            sealed=safe.vault.seal(answer.access_token),
            life=answer.seconds,
            renew=answer.seconds - min(_EARLY_SECONDS, answer.seconds * _EARLY_PART),
        )

    def _keep_anyhow(self, safe: Safe, asked: _Asked) -> None:
        """Keep what the endpoint gave though the database went away; the old one is used up."""
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                with self._db.transaction():
                    self._keep(safe, asked)
            except StoreUnavailable as error:
                _log().warning(f"a new token for {self._connection} cannot be kept yet: {error}")
            else:
                return
        raise StoreUnavailable(
            f"PostgreSQL went away while a token for {self._connection} was renewed, and the "
            f"renewed one is not kept: if the next sign-in is refused, put a new refresh_token "
            f"into the Connection"
        )


def _log() -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.get_logger("mailticket")
    return log
