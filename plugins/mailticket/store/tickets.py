"""Carries out planned changes, and tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailticket.store.postgres import Database, Row, json_value, quoted
from mailticket.store.runs import Run
from mailticket.ticket import (
    AddContact,
    AppendLogEntry,
    AttachFile,
    ChangeStatus,
    CreatePerson,
    CreateTicket,
    TicketChange,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The ticket that a message came to, and the kind of event that it made of it."""

    ticket: int | None = None
    ref: str = ""
    event: str | None = None


@dataclass(slots=True)
class _Progress:
    """What the changes of one message have come to so far."""

    message: int
    attempt: int
    person: int | None = None
    ticket: int | None = None
    ref: str = ""
    log_entry: int | None = None
    reopened: bool = False


class Tickets:
    """Writes tickets; always inside the transaction of the message that calls for it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def apply(self, changes: Sequence[TicketChange], message: int, attempt: int) -> Applied:
        """Carry out the changes of one message, all of one ticket."""
        progress = _Progress(message, attempt)
        created = False
        for change in changes:
            match change:
                case CreatePerson():
                    progress.person = self._person(change.fields)
                case CreateTicket():
                    created = True
                    self._create(change, progress)
                case AppendLogEntry():
                    self._append(change, progress)
                case ChangeStatus():
                    self._change_status(change, progress)
        assert progress.ticket is not None
        self._attach([c for c in changes if isinstance(c, AttachFile)], progress)
        contacts = [(progress.ticket, c.person_id) for c in changes if isinstance(c, AddContact)]
        self._db.many_later("add_contacts", contacts)
        kind = "created" if created else "reopened" if progress.reopened else "updated"
        return Applied(progress.ticket, progress.ref, kind)

    def lock(self, ticket: int) -> None:
        """Keep others from changing a ticket until this transaction ends."""
        self._db.rows("lock_ticket", ticket_id=ticket)

    def _create(self, change: CreateTicket, progress: _Progress) -> None:
        fields = {**change.fields, "class": change.ticket_class}
        if progress.person is not None:
            fields["caller_id"] = progress.person
        columns = ", ".join(["ticket_id", *map(quoted, change.own)])
        # A scalar sub-select inside VALUES: each literal takes the type of its column.
        text = (
            f"WITH t AS ({_insertion('ticket', fields)} RETURNING id, ref) "  # noqa: S608
            f"INSERT INTO mailticket.{quoted(change.table)} ({columns}) "
            f"VALUES ((SELECT id FROM t){', %s' * len(change.own)}) "
            f"RETURNING ticket_id AS id, (SELECT ref FROM t) AS ref"
        )
        [row] = self._db.again(text, [*fields.values(), *change.own.values()])
        progress.ticket, progress.ref = row["id"], row["ref"]

    def _person(self, fields: Mapping[str, Any]) -> int:
        self._db.later("lock_sender", email=fields["email"])
        known = self._db.value("person_by_email", email=fields["email"])
        # Whoever wrote is in the organisation of person_defaults by no merit of their own.
        return int(known) if known else self._insert("person", {"by_mail": True, **fields})

    def _insert(self, table: str, fields: Mapping[str, Any]) -> int:
        text = f"{_insertion(table, fields)} RETURNING id"
        return int(self._db.again(text, list(fields.values()))[0]["id"])

    def _append(self, change: AppendLogEntry, progress: _Progress) -> None:
        [row] = self._db.rows(
            "append_log_entry",
            ticket_id=change.ticket_id,
            field=change.field,
            author_id=change.author_id or progress.person,
            author_name=change.author_name,
            html=change.html,
            text=change.text,
            cut_html=change.cut_html,
            cut_text=change.cut_text,
            message=progress.message,
            attempt=progress.attempt,
        )
        progress.ticket, progress.ref = change.ticket_id, row["ref"]
        progress.log_entry = row["id"]

    def _change_status(self, change: ChangeStatus, progress: _Progress) -> None:
        self._db.rows("change_status", ticket_id=change.ticket_id, status=change.status)
        progress.reopened = change.reopens

    def _attach(self, files: Sequence[AttachFile], progress: _Progress) -> None:
        if not files:
            return
        self._db.many_later(
            "attach_files",
            [
                (
                    progress.ticket,
                    progress.log_entry,
                    progress.message,
                    bytes.fromhex(file.sha256),
                    file.filename,
                    file.content_type,
                    file.content_id,
                    file.inline,
                )
                for file in files
            ],
        )

    def unannounced(self, run: Run) -> list[Row]:
        """Give the inbox's events that no asset event tells of yet, and mark them as begun."""
        rows = self._db.rows("unannounced", run=run.id, inbox=run.inbox)
        return sorted(rows, key=lambda row: row["id"])

    def mark_announced(self, run: Run) -> int:
        """Mark what an earlier task of this run announced."""
        return len(self._db.rows("mark_announced", run=run.id))

    def note_failed_delivery(
        self, ref: str, message: int, attempt: int, run: Run, detail: Mapping[str, Any]
    ) -> None:
        """Note on a ticket that a mail of ours about it did not arrive (SPEC 3.1)."""
        self._db.rows(
            "note_failed_delivery",
            ref=ref,
            message=message,
            attempt=attempt,
            run=run.id,
            detail=json_value(dict(detail)),
        )


def _names(fields: Mapping[str, Any]) -> str:
    return ", ".join(map(quoted, fields))


def _insertion(table: str, fields: Mapping[str, Any]) -> str:
    marks = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO mailticket.{quoted(table)} ({_names(fields)}) VALUES ({marks})"  # noqa: S608
