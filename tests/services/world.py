"""An inbox whose pass talks to its servers through a gate, is killed there, and goes on."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2  # noqa: TID251 -- it looks at rows without our own store

from mailticket.airflow_access import Access
from mailticket.config import Inbox
from mailticket.errors import MailticketError
from mailticket.ingest import STEPS
from mailticket.mailboxes.login import MailboxLogin
from services.arena import Arena
from services.gate import Gate, Turn
from services.invariants import astray, violations
from services.letters import OPS, Letter
from services.post_office import PostOffice

TARGET = "Done"
_PASSES, _STAYS = 3, 4
"""Exit statuses: an error that may pass, and one that will not."""
_TABLES = """
SELECT string_agg('mailticket.' || quote_ident(relname), ', ') FROM pg_class
 WHERE relnamespace = 'mailticket'::regnamespace AND relkind = 'r' AND relname NOT IN
       ('ticket_class', 'ticket_status', 'instance', 'alembic_version')
"""
_PEOPLE = """
INSERT INTO mailticket.organization (name) VALUES ('Acme');
INSERT INTO mailticket.team (name, email) VALUES ('Desk', 'desk@help.example');
"""


@dataclass(frozen=True)
class Impatient(Access):
    """Waits for the mailbox's server as many seconds as a test has."""

    seconds: float = 1

    def mailbox_login(self, inbox: Inbox) -> MailboxLogin:
        login = Access.mailbox_login(self, inbox)
        return replace(login, timeout=self.seconds, read_timeout=self.seconds)


@dataclass
class World(Arena):
    """What was delivered is known: the servers can be asked at any time what became of it."""

    post_office: PostOffice = field(kw_only=True)
    gate: Gate = field(kw_only=True)
    letters: Sequence[Letter] = field(kw_only=True, default=())
    people: bool = field(kw_only=True, default=False)
    """Who writes is known before; else the first mail makes the person."""
    timeout: float = field(kw_only=True, default=10)
    """Seconds that the pass waits for a server; below 10, for the mailbox's too."""
    most_attempts: int = field(kw_only=True, default=1)
    """How often a message may have been decided: once, and once more for each clear."""
    vanished: int = field(kw_only=True, default=0)
    """The delivery that another client took away."""
    kills: int = field(kw_only=True, default=0)
    """How many of its passes and tasks were killed."""
    passing: bool = field(kw_only=True, default=False)
    """What last ended in an error would be tried again by Airflow."""
    _beside: tuple[int, Any] = field(kw_only=True, default=(0, None))

    def access(self) -> Access:
        """Read the configuration as always; the mailbox is waited for as long as ``timeout``."""
        usual = super().access()
        if self.timeout >= 10:
            return usual
        given = (usual.get_variable, usual.set_variable, usual.get_connection)
        return Impatient(*given, lambda: "", self.timeout)

    def _connection(self, conn_id: str) -> Any:
        if conn_id == "mailticket_smtp":
            self.smtp = {"host": self.dovecot.host, "port": self.gate.ports["smtp"]}
            self.smtp["extra"] = json.dumps({"tls": "none", "timeout": self.timeout})
        found = super()._connection(conn_id)
        if conn_id == "mailticket_db":
            found.port = self.gate.ports["postgres"]
        elif conn_id != "mailticket_smtp":
            found.port = self.gate.ports[self.fields.get("protocol", "imap")]
        return found

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask beside the gate, on a connection that stays."""
        try:
            return self._asked(sql, values)
        except psycopg2.OperationalError:  # the server was started anew
            self._beside = (0, None)
            return self._asked(sql, values)

    def _asked(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        # That of another process is not for this one; PostgreSQL may have been restarted.
        if self._beside[0] != os.getpid() or self._beside[1].closed:
            self._beside = (os.getpid(), self.database.connect())
        with self._beside[1].cursor() as cursor:
            cursor.execute(sql, values or None)
            return [] if cursor.description is None else cursor.fetchall()

    def as_told(self) -> dict[str, Any]:
        """Say in JSON what a pass in another interpreter has to know (``lone_pass``)."""
        names = ("mailticket_db", "mailticket_smtp", f"mailticket_inbox_{self.name}")
        return {
            "inbox": self.name,
            "variables": self.variables(),
            "connections": {name: vars(self._connection(name)) for name in names},
        }

    # -- beginning --------------------------------------------------------------------------------

    def begin(self, letters: Sequence[Letter], first: int | None = None) -> None:
        """Empty tables and SMTP server, deliver these, or the first of them, into a new mailbox."""
        self.gate.arm(0)
        [(tables,)] = self.rows(_TABLES)
        self.rows(f"TRUNCATE {tables} RESTART IDENTITY CASCADE; {_PEOPLE}")
        self.user = f"{type(self)(**self._blank()).user}"
        self.letters, self.most_attempts, self.vanished = (), 1, 0
        self.post_office.mails.clear()
        if folder := self.settings.get("big_files_dir"):
            for file in Path(folder).glob("*"):
                file.unlink()
        if self.people:
            self._know([one.sender for one in letters if one.sender.endswith("@acme.example")])
        self.deliver(b"Subject: was here before\r\n\r\nOld.\r\n", folder=TARGET)
        self.deliver_more(letters, len(letters) if first is None else first)

    def deliver_more(self, letters: Sequence[Letter], number: int) -> None:
        """Deliver of these what is not delivered yet, up to so many."""
        self.deliver(*(one.raw for one in letters[len(self.letters) : number]))
        self.letters = letters[:number]

    def _blank(self) -> dict[str, Any]:
        return {
            "dovecot": self.dovecot, "database": self.database,
            "post_office": self.post_office, "gate": self.gate,
        }  # fmt: skip

    def _know(self, addresses: Sequence[str]) -> None:
        for address in sorted(set(addresses)):
            self.rows(
                "INSERT INTO mailticket.person (name, email, org_id) SELECT %s, %s, id"
                " FROM mailticket.organization",
                address.partition("@")[0], address,
            )  # fmt: skip

    # -- passes -----------------------------------------------------------------------------------

    def killed(self, work: Callable[[], object], after: float | None = None) -> bool:
        """Work in a child of this warm process; tell whether it was killed, by gate or time."""
        child = os.fork()
        if child == 0:
            try:
                work()
                os._exit(0)
            except MailticketError as error:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(_PASSES if error.transient else _STAYS)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            told = os.WEXITSTATUS(status)
            assert told in {0, _PASSES, _STAYS}, "a pass ended in an error that is none of ours"
            self.passing = told == _PASSES
        self.kills += os.WIFSIGNALED(status)
        return os.WIFSIGNALED(status)

    def turns(self, work: Callable[[], object]) -> list[Turn]:
        """Do something without a fault; give its turns."""
        self.gate.arm(0)
        assert not self.killed(work)
        return list(self.gate.turns)

    def tasks(self, run: str) -> None:
        """Take each step in a process of its own; a killed one again, as Airflow does."""
        for step in STEPS:
            self.task(partial(self.steps, run, step))

    def task(self, work: Callable[[], object]) -> None:
        """Work in a process of its own, again while it is killed or something is in its way."""
        for _ in range(1000):
            if self.killed(work):
                self.require_order()
            elif not self.passing:
                return
            else:
                time.sleep(0.05)
        raise AssertionError("it dies for ever")

    def require_order(self) -> None:
        """At any time: what has left the mailbox is committed, and nothing is there twice."""
        assert not (found := astray(self)), f"{self.gate.met}: {found}"

    def finish(self) -> None:
        """Let the next runs do what is left, and ask every server what it all came to."""
        self.gate.disarm()
        self.require_order()
        for _ in range(8):
            self.lapse()
            self.rows("UPDATE mailticket.outbox SET not_before = now() WHERE status <> 'sent'")
            with suppress(MailticketError):
                self.run()
            if not (found := violations(self)):
                break
        assert not found, "\n".join([f"{self.gate.met}:", *found])

    def place(self, letter: Letter) -> str:
        """Say where a letter must lie in the end: ``INBOX``, ``TARGET`` or ``""``."""
        if letter.place == "settled":
            return {"keep": "INBOX", "move": TARGET, "delete": ""}[
                self._is("after_processing", "keep")
            ]
        if letter.place == "undesired":
            return ""
        if letter.place == "error":
            return "" if self._is("error_behavior", "keep") == "delete" else "INBOX"
        return "INBOX" if letter.place == "held" else ""

    def _is(self, name: str, default: str) -> str:
        return str(self.fields.get(name, default))


FIELDS: dict[str, Any] = {
    "address": "support@example.com",
    "forward_errors_to": OPS,
    "notify": ["acknowledgement", "agent_reply", "team"],
    "ticket_defaults": {"team_id": "Desk"},
    "undesired_subject_patterns": "/^Spam/",
    "undesired_behavior": "purge",
    "undesired_purge_delay": 0,
}
CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
INBOXES: dict[str, dict[str, Any]] = {
    "imap-delete": {**CREATES, "after_processing": "delete", "error_behavior": "delete"},
    "imap-move": {"after_processing": "move", "move_to": TARGET, "unknown_caller_reply": "Who?"},
    "imap-keep": {**CREATES, "error_behavior": "delete"},
    "pop3-delete": {
        **CREATES, "protocol": "pop3", "after_processing": "delete", "error_behavior": "delete",
    },
}  # fmt: skip
"""Inboxes of each kind; all with ``FIELDS``."""
