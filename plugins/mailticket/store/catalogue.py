"""Ticket classes as the database describes them, and the defaults of an inbox against them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from mailticket.config import Inbox
from mailticket.errors import ConfigurationError, Fault, RowRefused
from mailticket.planning import Ground
from mailticket.store.postgres import Database, Row, quoted
from mailticket.ticket import MAPPED_FIELDS, Field, TicketClass

_KEEPS_ITSELF = {
    "id",
    "ref",
    "class",
    "created_at",
    "updated_at",
    "closed_at",
    "ticket_id",
    "description_text",
}
_PERSON_KEEPS_ITSELF = {"id", "created_at"}
_FILLED = {"status"}
"""Mandatory for the table, filled by its trigger."""


class Catalogue:
    """What can be asked about ticket classes; needs the database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def class_names(self) -> tuple[str, ...]:
        """Give the names of all ticket classes."""
        return tuple(row["name"] for row in self._db.rows("ticket_class_names"))

    def ticket_class(self, inbox: Inbox) -> TicketClass:
        """Read the class of an inbox; raises ``ConfigurationError`` when there is none."""
        row = self._db.row("ticket_class", name=inbox.ticket_class)
        if row is None:
            raise ConfigurationError(_no_class(inbox, self.class_names()))
        statuses = self._db.rows("ticket_statuses", name=row["name"])
        fields = self._fields(row["name"], row["table_name"])
        if fields:
            values = tuple(s["value"] for s in statuses)
            fields["status"] = replace(fields["status"], values=values)
        initial = next((s["value"] for s in statuses if s["initial"]), "")
        reopened = next((s["value"] for s in statuses if s["reopened"]), initial)
        if not fields or not initial:
            what = f"its table {row['table_name']}" if not fields else "an initial status"
            fault = Fault(inbox.name, "ticket_class", inbox.ticket_class, f"it lacks {what}")
            raise ConfigurationError(fault)
        return TicketClass(
            row["name"],
            row["table_name"],
            row["prefix"],
            row["log_field"],
            tuple(row["log_fields"]),
            fields,
            tuple(s["value"] for s in statuses),
            frozenset(s["value"] for s in statuses if s["closed"]),
            initial,
            reopened,
        )

    def _fields(self, name: str, table: str) -> dict[str, Field]:
        own = [_field(row, own=True) for row in self._db.rows("columns", table=table)]
        if not own:
            return {}
        checks = {row["name"] for row in self._db.rows("mandatory_checks")}
        base = (
            _with_check(_field(row, own=False), name, checks)
            for row in self._db.rows("columns", table="ticket")
        )
        # A field of `ticket` is what the mail fills, whatever the class's table calls its own.
        fields = {f.name: f for f in own} | {f.name: f for f in base}
        return {key: field for key, field in fields.items() if key not in _KEEPS_ITSELF}

    def ground(self, inbox: Inbox) -> Ground:
        """Resolve what an inbox says about its class; raises ``ConfigurationError`` with faults."""
        ticket_class = self.ticket_class(inbox)
        faults: list[Fault] = []
        defaults = self._resolve(inbox, "ticket_defaults", ticket_class.fields, faults)
        persons = self._person_fields()
        person_defaults = self._resolve(inbox, "person_defaults", persons, faults)
        log_field = inbox.ticket_log.get(ticket_class.name, ticket_class.log_field)
        if log_field not in ticket_class.log_fields:
            allowed = f"one of {', '.join(ticket_class.log_fields)}"
            faults.append(Fault(inbox.name, f"ticket_log.{ticket_class.name}", log_field, allowed))
        faults += _status_faults(inbox, ticket_class)
        if faults:
            raise ConfigurationError(*faults)
        needed = tuple(field.name for field in persons.values() if field.mandatory)
        return Ground(ticket_class, log_field, defaults, person_defaults, needed)

    def _person_fields(self) -> dict[str, Field]:
        fields = (_field(row, own=False) for row in self._db.rows("columns", table="person"))
        return {field.name: field for field in fields if field.name not in _PERSON_KEEPS_ITSELF}

    def _resolve(
        self, inbox: Inbox, field: str, known: Mapping[str, Field], faults: list[Fault]
    ) -> dict[str, Any]:
        given: Mapping[str, Any] = getattr(inbox, field)
        resolved: dict[str, Any] = {}
        for name, value in given.items():
            try:
                resolved[name] = self._resolved(known, name, value)
            except (RowRefused, ValueError) as error:
                faults.append(Fault(inbox.name, f"{field}.{name}", repr(value), str(error)))
        return resolved

    def _resolved(self, known: Mapping[str, Field], name: str, value: Any) -> Any:
        if name not in known:
            raise ValueError(_nearest(name, known))
        field = known[name]
        if value is None:
            return None
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if field.refers_to:
            return self._key(field, text)
        if field.values and text not in field.values:
            raise ValueError(f"one of {', '.join(field.values)}")
        if field.max_characters and len(text) > field.max_characters:
            raise ValueError(f"at most {field.max_characters} characters")
        if not field.values:
            self._try_cast(field, text)
        return text

    def _try_cast(self, field: Field, text: str) -> None:
        """Let PostgreSQL itself say whether the text is one of the column's type."""
        try:
            self._tried(f"SELECT %s::{field.type.replace('%', '%%')}", text)
        except RowRefused as error:
            raise ValueError(f"a value of type {field.type}: {error}") from error

    def _tried(self, text: str, value: str) -> list[Row]:
        """Run a query that PostgreSQL may refuse, and leave the transaction usable."""
        with self._db.transaction(), self._db.savepoint():
            return self._db.execute(text, (value,))

    def _key(self, field: Field, text: str) -> Any:
        """Find the row that a number or a unique name stands for."""
        table, key = field.refers_to.replace("%", "%%"), quoted(field.refers_column)
        label = field.refers_to.rpartition(".")[2].strip('"')
        naming = self._db.value("naming_column", table=field.refers_to, key=field.refers_column)
        naming = naming or field.refers_column
        start = f"SELECT {key} AS key FROM {table} WHERE"  # noqa: S608
        may_be_key = text.isdecimal() or "int" not in field.type
        rows = self._by_key(f"{start} {key} = %s", text) if may_be_key else []
        if not rows:
            address = 'lower(email COLLATE "C") = lower(%s COLLATE "C")'
            column = address if naming == "email" else f"{quoted(naming)} = %s"
            rows = self._tried(f"{start} {column} LIMIT 2", text)
        if not rows:
            raise ValueError(f"the number or the {naming} of a row in {label}")
        if len(rows) > 1:
            raise ValueError(f"several rows of {label} have this {naming}: write the number")
        return rows[0]["key"]

    def _by_key(self, text: str, value: str) -> list[Row]:
        try:
            return self._tried(text, value)
        except RowRefused:
            return []  # no number, or one with more digits than the key has


def _field(row: Row, *, own: bool) -> Field:
    return Field(
        row["name"],
        row["type"],
        row["mandatory"] and row["name"] not in _FILLED,
        tuple(row["values"]),
        row["refers_to"] or "",
        own,
        row["max_characters"],
        row["refers_column"] or "id",
    )


def _with_check(field: Field, ticket_class: str, checks: Collection[str]) -> Field:
    # PostgreSQL keeps 63 bytes of a constraint's name.
    asked = f"mandatory__{ticket_class}__{field.name}"[:63] in checks
    return replace(field, mandatory=True) if asked else field


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    free = sorted(set(known) - set(MAPPED_FIELDS) - _KEEPS_ITSELF | ({"org_id"} & set(known)))
    meant = f"did you mean {near[0]}? " if near else ""
    return f"there is no such field; {meant}there are {', '.join(free)}"


def _no_class(inbox: Inbox, names: Collection[str]) -> Fault:
    near = difflib.get_close_matches(inbox.ticket_class, names, 1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Fault(
        inbox.name, "ticket_class", repr(inbox.ticket_class), f"one of {', '.join(names)}{hint}"
    )


def _status_faults(inbox: Inbox, ticket_class: TicketClass) -> list[Fault]:
    return [
        Fault(
            inbox.name,
            f"status_on_update.{before}",
            repr(after),
            f"statuses of {ticket_class.name}: {', '.join(ticket_class.statuses)}",
        )
        for before, after in inbox.status_on_update.items()
        if before not in ticket_class.statuses or after not in ticket_class.statuses
    ]
