"""One mailbox that is signed in to with tokens: an OAuth server, Dovecot, PostgreSQL, SMTP."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from cryptography.fernet import Fernet  # noqa: TID251 -- an administrator makes keys

from mailticket.airflow_access import Access
from mailticket.config import Inbox
from mailticket.mailboxes.base import Mailbox
from mailticket.sign_in import ConnectionKeeper
from mailticket.store.tokens import Ask
from services.database import Database
from services.dovecot import Dovecot
from services.oauth_server import CLIENT, FIRST_REFRESH, SECRET, OAuthServer

_NUMBERS = itertools.count(1)


@dataclass
class Tenant:
    """What an operator has configured; change its fields as he would."""

    oauth: OAuthServer
    dovecot: Dovecot
    database: Database
    ca: str
    user: str = field(default_factory=lambda: f"tenant{next(_NUMBERS)}")
    keys: str = field(default_factory=lambda: Fernet.generate_key().decode())
    extra: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    password: str | None = None
    smtp: dict[str, Any] = field(default_factory=dict)
    port: int = 0

    def __post_init__(self) -> None:
        self.oauth.mailbox = self.user
        self.use("client_credentials")

    def use(self, grant: str) -> None:
        """Configure one of the three grants."""
        given: dict[str, Any] = {"token_url": self.oauth.token_url, "client_id": CLIENT}
        if grant == "service_account":
            given = {"service_account": self.oauth.service_account()}
        else:
            given["client_secret"] = SECRET
        if grant == "refresh_token":
            given["refresh_token"] = FIRST_REFRESH
        self.extra = {"tls": "none", "auth": "XOAUTH2", "ca": self.ca, **given}

    def use_password(self, password: str) -> None:
        self.password, self.extra = password, {"tls": "none"}

    @property
    def inbox(self) -> Inbox:
        return self.access().inbox("support")

    def access(self) -> Access:
        variables = {"mailticket_inboxes": json.dumps({"support": self.fields})}
        return Access(variables.get, lambda *_: None, self._connection, lambda: self.keys)

    def mailbox(self, insists: str = "") -> AbstractContextManager[Mailbox]:
        """Sign in as a task does."""
        return self.access().outside(insists=insists).mailbox(self.inbox)

    def sign_in(self, insists: str = "") -> int:
        """Sign in and out; give how many messages there are."""
        with self.mailbox(insists) as opened:
            return opened.place.exists

    def token(self, ask: Ask | None = None, **options: Any) -> str:
        """Give the token that a sign-in would be made with."""
        keeper = self.access().mailbox_login(self.inbox).keeper
        assert isinstance(keeper, ConnectionKeeper)
        if ask:
            keeper.ask = ask
        for name, value in options.items():
            setattr(keeper, name, value)
        return keeper.begin()

    def renewable(self) -> None:
        """Let the kept token be about to expire."""
        self.rows("UPDATE mailticket.oauth_token SET renew_at = now() - interval '1 second'")

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.rows(sql, *values)

    def everything_stored(self) -> str:
        """Give all rows of all tables as text."""
        tables = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'mailticket'")
        return "\n".join(
            str(row)
            for (table,) in tables
            for row in self.rows(f'SELECT t::text FROM mailticket."{table}" t')
        )

    def tries(self) -> int:
        """Count the sign-ins of this mailbox that Dovecot refused."""
        lines = self.dovecot.log.read_text().splitlines()
        return sum(f"user=<{self.user}>" in line and "auth failed" in line for line in lines)

    def _connection(self, conn_id: str) -> Any:
        if conn_id == "mailticket_db":
            return SimpleNamespace(**_database(self.database))
        if conn_id == "mailticket_smtp" and self.smtp:
            return SimpleNamespace(schema=None, **self.smtp)
        if conn_id == "mailticket_inbox_support":
            pop3 = self.fields.get("protocol") == "pop3"
            return SimpleNamespace(
                host=self.dovecot.host,
                port=self.port or (self.dovecot.pop3_port if pop3 else self.dovecot.port),
                login=self.user,
                password=self.password,
                schema=None,
                extra=json.dumps(self.extra),
            )
        raise KeyError(conn_id)


def _database(database: Database) -> dict[str, Any]:
    with closing(database.connect()) as connection:
        told = connection.info
        return {
            "host": told.host,
            "port": told.port,
            "login": told.user,
            "password": told.password,
            "schema": told.dbname,
            "extra": "{}",
        }


MakeTenant = Callable[..., Tenant]
