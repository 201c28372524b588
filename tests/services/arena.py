"""An inbox in a real Dovecot, its tickets in a real PostgreSQL, and passes over it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

from mailticket.airflow_access import Access
from mailticket.ingest import STEPS, Turn, begin, run_once, take_step
from mailticket.passage import Outside
from mailticket.store.postgres import Database as Store
from services.database import Database
from services.dovecot import Dovecot

_NUMBERS = itertools.count(1)


@dataclass
class Arena:
    """One inbox called ``support`` with a mailbox of its own; call it to set its fields."""

    dovecot: Dovecot
    database: Database
    user: str = field(default_factory=lambda: f"inbox{next(_NUMBERS)}@example.com")
    fields: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    smtp: dict[str, Any] = field(default_factory=dict)
    name: str = "support"
    imap_port: int = 0
    """Another one than Dovecot's: for what stands between."""
    password: str = ""
    """Another one than Dovecot's."""
    extra: str = '{"tls": "none"}'
    """What the Connection's Extra says."""
    wrap: Callable[[Outside], Outside] = lambda outside: outside
    """Puts something between a pass and the servers that it reaches."""
    store: Callable[..., Store] = Store

    def variables(self) -> dict[str, str]:
        return {
            "mailticket_inboxes": json.dumps({self.name: self.fields}),
            "mailticket_settings": json.dumps(self.settings),
        }

    def access(self) -> Access:
        return Access(self.variables().get, lambda *_: None, self._connection)

    def _connection(self, conn_id: str) -> Any:
        if conn_id == "mailticket_db":
            return self._postgres()
        if conn_id == "mailticket_smtp" and self.smtp:
            return SimpleNamespace(login=None, password=None, schema=None, **self.smtp)
        if conn_id == f"mailticket_inbox_{self.name}":
            return SimpleNamespace(
                host=self.dovecot.host,
                port=self.imap_port or self.dovecot.port,
                login=self.user,
                password=self.password or self.dovecot.password,
                schema=None,
                extra=self.extra,
            )
        raise KeyError(conn_id)

    def _postgres(self) -> Any:
        url = urlsplit(self.database.url)
        return SimpleNamespace(
            host=url.hostname,
            port=url.port,
            login=url.username,
            password=unquote(url.password or ""),
            schema=url.path.lstrip("/"),
            extra="{}",
        )

    def deliver(self, *originals: bytes, folder: str = "INBOX") -> None:
        for original in originals:
            self.dovecot.deliver(self.user, original, folder)

    def run(self, name: str = "") -> tuple[dict[str, Any], list[str]]:
        access = self.access()
        db = self.store(**access.database_parameters())
        name = name or f"run{next(_NUMBERS)}"
        try:
            return run_once(db, access.inbox(self.name), name, self.wrap(access.outside()))
        finally:
            db.close()

    def steps(
        self, run: str, *steps: str, clear_number: int = 0, batch: int | None = None
    ) -> dict[str, Any]:
        """Take some steps of a run, each on a connection of its own, as tasks do."""
        counts: dict[str, Any] = {}
        for step in steps or tuple(STEPS):
            counts = self._step(run, step, clear_number, batch)
        return counts

    def _step(self, run: str, step: str, clear_number: int, batch: int | None) -> dict[str, Any]:
        access = self.access()
        db = self.store(**access.database_parameters())
        outside = self.wrap(access.outside("mailticket_inbox_support"))
        try:
            turn = Turn(self.name, run, step, clear_number, batch)
            passage = begin(db, turn, lambda: access.inbox(self.name), outside)
            return take_step(passage, step)
        finally:
            db.close()

    def clear(self, run: str, step: str, clear_number: int = 1) -> dict[str, Any]:
        """Take a step and all that follow it, as Airflow does when somebody cleared them."""
        names = list(STEPS)
        return self.steps(run, *names[names.index(step) :], clear_number=clear_number)

    def killed(self, work: Callable[[], object], after: float | None = None) -> bool:
        """Work in a process of its own, killed after some seconds or by itself; tell whether."""
        child = os.fork()
        if child == 0:
            try:
                work()
                os._exit(0)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
                os._exit(1)
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)

    def lapse(self) -> None:
        """Let the lease of a pass that died run out."""
        self.rows("UPDATE mailticket.lease SET expires_at = now() - interval '1 second'")

    def told(self) -> list[tuple[str, str, str]]:
        """Give (kind, recipient, status) of each mail in the outbox."""
        return self.rows("SELECT kind, recipient, status FROM mailticket.outbox ORDER BY id")

    def attempts(self) -> list[tuple[Any, ...]]:
        """Give (message, n, run, clear number, verdict, decided by) of all attempts."""
        return self.rows(
            "SELECT a.message, a.n, r.name, a.clear_number, a.verdict::text, a.decided_by"
            " FROM mailticket.attempt a LEFT JOIN mailticket.run r ON r.id = a.run"
            " ORDER BY a.message, a.n"
        )

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.rows(sql, *values)

    def status(self) -> list[tuple[Any, ...]]:
        """Give (subject, status, verdict, decided_by, ticket) of each message, in order."""
        return self.rows(
            "SELECT subject, status::text, verdict::text, decided_by, ticket"
            " FROM mailticket.message_status ORDER BY id"
        )

    def in_folder(self, folder: str = "INBOX") -> int:
        home = self.dovecot.maildir(self.user, folder)
        return sum(len(list((home / part).glob("*"))) for part in ("new", "cur"))


def mail(  # noqa: PLR0917  a mail has many fields, and tests name them
    subject: str = "Printer broken",
    sender: str = "Ada Lovelace <ada@acme.example>",
    body: str = "It does not print.",
    message_id: str = "",
    headers: Sequence[str] = (),
    to: str = "support@example.com",
) -> bytes:
    """Write a plain mail."""
    message_id = message_id or f"<{next(_NUMBERS)}@acme.example>"
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        "Date: Mon, 02 Nov 2026 09:00:00 +0100",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        *headers,
        "",
        body,
        "",
    ]
    return "\r\n".join(lines).encode()


def die(*_: object, **__: object) -> None:
    """End this process as an out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


MakeArena = Callable[..., Arena]
