"""Connections and Variables as Airflow resolves them: the only file that asks Airflow for them.

In a task and while DAGs are parsed ``airflow.sdk`` answers; in a shell it would see only the
environment and external backends, so that ``airflow.models`` is asked there.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mailticket.config import INBOXES, SETTINGS, Configuration, Inbox, choose, load
from mailticket.errors import (
    ConfigurationError,
    ConnectionMissing,
    Fault,
    MailticketError,
    NotFound,
)
from mailticket.mailboxes.base import Mailbox
from mailticket.mailboxes.limits import Seat
from mailticket.mailboxes.login import (
    MailboxLogin,
    login_from,
    with_options,
    with_pop3_auth,
)
from mailticket.mailboxes.opening import open_mailbox
from mailticket.oauth import OAuthClient
from mailticket.passage import Outside, Progress
from mailticket.sign_in import ConnectionKeeper
from mailticket.smtp import MailServer, SmtpLogin, smtp_login_from
from mailticket.store.postgres import Database

LAST_VALID = {INBOXES: f"{INBOXES}_last_valid", SETTINGS: f"{SETTINGS}_last_valid"}
"""Where the last version of a Variable that is a JSON object is remembered."""
DATABASE = "mailticket_db"
_DATABASE_EXTRA = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
    "target_session_attrs",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)


_Lend = Callable[[], AbstractContextManager[Database]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Airflow Connection, read."""

    host: str | None
    port: int | None
    login: str | None
    password: str | None = field(repr=False)
    schema: str | None
    extra: dict[str, Any] = field(repr=False)


def fernet_keys() -> str:
    """Give what ``core.fernet_key`` says, ``""`` for nothing; Airflow resolves its other forms."""
    from airflow.sdk.configuration import conf  # noqa: PLC0415, TID251  slow to import

    return str(conf.get("core", "fernet_key", fallback="") or "")


@dataclass(frozen=True, slots=True)
class Access:
    """How Airflow is asked, in a task or in a shell."""

    get_variable: Callable[[str], str | None]
    set_variable: Callable[[str, str], None]
    get_connection: Callable[[str], Any]
    keys: Callable[[], str] = fernet_keys

    def credentials(self, conn_id: str) -> Credentials:
        """Read a Connection; raises ``ConnectionMissing``."""
        try:
            found = self.get_connection(conn_id)
        except MailticketError:
            raise
        except Exception as error:
            raise ConnectionMissing(
                f"there is no Airflow Connection {conn_id} ({type(error).__name__}): add it"
            ) from error
        extra = _decoded(conn_id, found.extra)
        return Credentials(found.host, found.port, found.login, found.password, found.schema, extra)

    def database_parameters(self) -> dict[str, Any]:
        """Say how PostgreSQL is reached, from the Connection ``mailticket_db``."""
        found = self.credentials(DATABASE)
        given = {
            "host": found.host,
            "port": found.port or 5432,
            "user": found.login,
            "password": found.password,
            "dbname": found.schema,
            **{name: found.extra[name] for name in _DATABASE_EXTRA if name in found.extra},
        }
        return {name: value for name, value in given.items() if value not in (None, "")}

    def database(self) -> Database:
        """Give the database, not connected yet."""
        return Database(**self.database_parameters())

    def configuration(self) -> tuple[Configuration, tuple[Fault, ...]]:
        """Read the Variables; with a fault for each of which an earlier version is in force."""
        texts, faults = self.texts()
        return load(*texts), faults

    def texts(self) -> tuple[tuple[str | None, ...], tuple[Fault, ...]]:
        """Read the texts in force, of inboxes and settings, and why one is not the present one."""
        found = [self._in_force(key) for key in LAST_VALID]
        return tuple(text for text, _ in found), tuple(fault for _, fault in found if fault)

    def _in_force(self, key: str) -> tuple[str | None, Fault | None]:
        text = self.get_variable(key)
        _, fault = choose(text, None, key)
        # The remembered version is asked for only when it is needed.
        return choose(text, self.get_variable(LAST_VALID[key]), key) if fault else (text, None)

    def remember_valid(self) -> None:
        """Keep the present version of each Variable for the day when somebody breaks it."""
        for key, remembered in LAST_VALID.items():
            now, before = self.get_variable(key), self.get_variable(remembered)
            if now and now != before and choose(now, None, key)[1] is None:
                self.set_variable(remembered, now)

    def inbox(self, name: str) -> Inbox:
        """Give one inbox; raises ``ConfigurationError`` with its faults, or ``NotFound``."""
        (inboxes, settings), _ = self.texts()
        configuration = load(inboxes, settings, only=name)
        if name in configuration.inboxes:
            return configuration.inboxes[name]
        if name in configuration.broken:
            raise ConfigurationError(*configuration.broken[name])
        configuration = load(inboxes, settings)
        known = ", ".join(sorted({*configuration.inboxes, *configuration.broken})) or "none"
        raise NotFound(f"there is no inbox {name} in the Variable {INBOXES}; there are: {known}")

    def mailbox_login(self, inbox: Inbox) -> MailboxLogin:
        """Say how an inbox's server is reached and who signs in."""
        found = self.credentials(inbox.conn_id)
        login = login_from(
            found.host, found.port, found.login, found.password, found.extra, inbox.protocol
        )
        try:
            if inbox.protocol == "pop3":
                login = with_pop3_auth(login, inbox.pop3_auth_option)
            else:
                login = with_options(login, inbox.imap_options)
        except ConfigurationError as error:
            named = (Fault(inbox.name, f.field, f.value, f.allowed) for f in error.faults)
            raise ConfigurationError(*named) from None
        client = login.oauth if login.auth == "XOAUTH2" else None
        keeper = self._keeper(inbox.conn_id, found, client)
        return replace(login, dialogue=login.dialogue or inbox.debug, keeper=keeper)

    def _keeper(
        self, conn_id: str, found: Credentials, client: OAuthClient | None
    ) -> ConnectionKeeper:
        words = (found.host, found.port, found.login, found.password, found.extra)
        return ConnectionKeeper(conn_id, words, client, self._own_database, self.keys)

    @contextmanager
    def _own_database(self) -> Iterator[Database]:
        """Connect for a moment: what a sign-in writes is committed apart from everything else."""
        own = self.database()
        try:
            yield own
        finally:
            own.close()

    def outside(
        self,
        dag_id: str = "",
        progress: Progress | None = None,
        *,
        insists: str = "",
        db: Database | None = None,
    ) -> Outside:
        """Give the servers that a pass reaches.

        ``insists``: what a person asked for by hand, a name that comes once: a sign-in that was
        refused lately is tried once at once. ``db``: the pass's own connection, lent for sign-ins.
        """
        given = {"progress": progress} if progress else {}
        lend = partial(self._lent, db)
        return Outside(
            mailbox=partial(self._mailbox, insists, lend),
            mail_server=partial(self._mail_server, insists=insists, lend=lend),
            address=self._address,
            dag_id=dag_id,
            seat=self._seat,
            **given,
        )

    @contextmanager
    def _lent(self, db: Database | None) -> Iterator[Database]:
        if db is not None and not db.in_transaction:
            yield db
            return
        with self._own_database() as own:
            yield own

    def _mailbox(self, insists: str, lend: _Lend, inbox: Inbox) -> AbstractContextManager[Mailbox]:
        login = self.mailbox_login(inbox)
        if isinstance(login.keeper, ConnectionKeeper):
            login.keeper.insists, login.keeper.database = insists, lend
        return open_mailbox(login, inbox.mailbox)

    def _seat(self, inbox: Inbox) -> Seat:
        login = self.mailbox_login(inbox)
        return Seat(login.server, login.login, login.limits)

    def smtp_login(self, conn_id: str) -> SmtpLogin:
        """Say how a mail server is reached and who signs in."""
        found = self.credentials(conn_id)
        login = smtp_login_from(found.host, found.port, found.login, found.password, found.extra)
        if not (login.login or login.access_token or login.oauth):
            return login  # nobody signs in
        return replace(login, keeper=self._keeper(conn_id, found, login.oauth))

    def _mail_server(
        self, conn_id: str, *, insists: str = "", lend: _Lend | None = None
    ) -> MailServer:
        login = self.smtp_login(conn_id)
        if isinstance(login.keeper, ConnectionKeeper) and lend:
            login.keeper.insists, login.keeper.database = insists, lend
        return MailServer(login)

    def _address(self, inbox: Inbox) -> str:
        return inbox.address or self.credentials(inbox.conn_id).login or ""


def _decoded(conn_id: str, extra: str | None) -> dict[str, Any]:
    try:
        value = json.loads(extra or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        fault = Fault("", f"Connection {conn_id}: Extra", "…", "it must be a JSON object")
        raise ConfigurationError(fault)
    return value


def in_airflow() -> Access:
    """Ask as a task, a trigger or the DAG processor does."""
    from airflow.sdk import BaseHook, Variable  # noqa: PLC0415, TID251  slow to import

    def get(key: str) -> str | None:
        found: str | None = Variable.get(key, default=None)
        return found

    return Access(get, Variable.set, BaseHook.get_connection)


def in_shell() -> Access:
    """Ask as the command line does: environment, secrets backend, metadata database."""
    # Airflow logs to what is standard output while it is imported; ours is for answers.
    with redirect_stdout(sys.stderr):
        from airflow import models  # noqa: PLC0415, TID251  slow to import

    for asked in ("airflow.models.variable", "airflow.models.connection"):
        logging.getLogger(asked).addFilter(_in_one_line)

    def get(key: str) -> str | None:
        found: str | None = models.Variable.get(key, default_var=None)
        return found

    return Access(get, models.Variable.set, models.Connection.get_connection_from_secrets)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Say in a line, not in a traceback, why a backend has no answer: the next one is asked."""
    if record.exc_info and record.exc_info[1]:
        why = str(record.exc_info[1]).strip().split("\n", 1)[0]
        record.msg, record.args = f"{record.getMessage()} {why}", ()
        record.exc_info = record.exc_text = None
    return True
