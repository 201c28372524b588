"""An inbox in a real Dovecot, its tickets in a real PostgreSQL, and passes over it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

from mailticket.airflow_access import Access
from mailticket.ingest import STEPS, begin, run_once, take_step
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

    def access(self) -> Access:
        variables = {
            "mailticket_inboxes": json.dumps({self.name: self.fields}),
            "mailticket_settings": json.dumps(self.settings),
        }
        return Access(variables.get, lambda *_: None, self._connection)

    def _connection(self, conn_id: str) -> Any:
        if conn_id == "mailticket_db":
            return self._postgres()
        if conn_id == "mailticket_smtp" and self.smtp:
            return SimpleNamespace(login=None, password=None, schema=None, **self.smtp)
        if conn_id == f"mailticket_inbox_{self.name}":
            return SimpleNamespace(
                host=self.dovecot.host,
                port=self.dovecot.port,
                login=self.user,
                password=self.dovecot.password,
                schema=None,
                extra='{"tls": "none"}',
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
        db = access.database()
        try:
            return run_once(
                db, access.inbox(self.name), name or f"run{next(_NUMBERS)}", access.outside()
            )
        finally:
            db.close()

    def steps(self, run: str, *steps: str, clear_number: int = 0) -> dict[str, Any]:
        """Take some steps of a run, each on a connection of its own, as tasks do."""
        counts: dict[str, Any] = {}
        for step in steps or tuple(STEPS):
            access = self.access()
            db = access.database()
            try:
                passage = begin(
                    db,
                    self.name,
                    step,
                    run,
                    lambda: access.inbox(self.name),
                    access.outside(),
                    clear_number,
                )
                counts = take_step(passage, step)
            finally:
                db.close()
        return counts

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


def mail(
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


MakeArena = Callable[..., Arena]
