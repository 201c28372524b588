"""The keeper of a Connection's sign-ins, with PostgreSQL and a token endpoint behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from mailticket.errors import MailticketError, SignInRefused
from mailticket.oauth import OAuthClient
from mailticket.oauth_endpoint import ask
from mailticket.store.postgres import Database
from mailticket.store.refusals import Refusals
from mailticket.store.tokens import Ask, Tokens


@dataclass(slots=True)
class ConnectionKeeper:
    """See ``keeper.py``; reaches the database in ``begin``, and later only where it has to."""

    connection: str
    """Id of the Airflow Connection."""
    words: Sequence[object] = field(repr=False)
    """All that the Connection says, secrets included, for its fingerprint."""
    client: OAuthClient | None
    database: Callable[[], AbstractContextManager[Database]]
    keys: Callable[[], str] = field(repr=False)
    """Airflow's Fernet keys."""
    insists: str = ""
    """Names what a person asked for by hand: one try before its time."""
    anew: bool = False
    """Ask the endpoint even where a token is kept."""
    ask: Ask = ask
    _was_refused: bool = False
    _was_accepted: bool = False
    _is_new: bool = False
    """Of the token that was given last: there is no better one."""

    def begin(self) -> str:
        """Give a token, or ``""``; a password that was taken before needs no leave."""
        if self._was_accepted and self.client is None:
            return ""
        with self.database() as db:
            refusals = self._refusals(db)
            self._was_refused = refusals.ask(self.insists)
            if self.client is None:
                return ""
            try:
                held = self._tokens(db, self.client).current(anew=self.anew)
            except SignInRefused as error:
                raise SignInRefused(refusals.note(error, self.insists)) from None
        self._is_new = held.is_new
        return held.token

    def refused(self, token: str, error: MailticketError) -> str:
        """Give another token once, else raise."""
        self._was_accepted = False
        with self.database() as db:
            refusals = self._refusals(db)
            if self.client is None or self._is_new:
                raise type(error)(refusals.note(error, self.insists)) from None
            self._is_new = True
            try:
                return self._tokens(db, self.client).current(refused=token).token
            except SignInRefused as worse:
                raise SignInRefused(refusals.note(worse, self.insists)) from None

    def accepted(self) -> None:
        """Forget a refusal, where there was one."""
        self._was_accepted = True
        if self._was_refused:
            with self.database() as db:
                self._refusals(db).forget()
            self._was_refused = False

    def _refusals(self, db: Database) -> Refusals:
        return Refusals(db, self.connection, self.words)

    def _tokens(self, db: Database, client: OAuthClient) -> Tokens:
        return Tokens(db, self.connection, client, self.keys(), self.ask)
