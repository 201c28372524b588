"""Ticket classes as the database describes them, and the defaults of an inbox against them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
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
}
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
        asked = self._mandatory_by_check(name)
        base = (_field(row, own=False) for row in self._db.rows("columns", table="ticket"))
        fields = {f.name: f for f in base} | {f.name: f for f in own}
        return {
            key: _with_check(field, asked)
            for key, field in fields.items()
            if key not in _KEEPS_ITSELF
        }

    def _mandatory_by_check(self, name: str) -> set[str]:
        start = f"mandatory__{name}__"
        checks = (row["name"] for row in self._db.rows("mandatory_checks"))
        return {check.removeprefix(start) for check in checks if check.startswith(start)}

    def ground(self, inbox: Inbox) -> Ground:
        """Resolve what an inbox says about its class; raises ``ConfigurationError`` with faults."""
        ticket_class = self.ticket_class(inbox)
        faults: list[Fault] = []
        defaults = self._resolve(inbox, "ticket_defaults", ticket_class.fields, faults)
        persons = {f.name: f for f in map(_plain_field, self._db.rows("columns", table="person"))}
        person_defaults = self._resolve(inbox, "person_defaults", persons, faults)
        log_field = inbox.ticket_log.get(ticket_class.name, ticket_class.log_field)
        if log_field not in ticket_class.log_fields:
            allowed = f"one of {', '.join(ticket_class.log_fields)}"
            faults.append(Fault(inbox.name, f"ticket_log.{ticket_class.name}", log_field, allowed))
        faults += _status_faults(inbox, ticket_class)
        if faults:
            raise ConfigurationError(*faults)
        return Ground(ticket_class, log_field, defaults, person_defaults)

    def _resolve(
        self, inbox: Inbox, field: str, known: Mapping[str, Field], faults: list[Fault]
    ) -> dict[str, Any]:
        given: Mapping[str, Any] = getattr(inbox, field)
        resolved: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                faults.append(
                    Fault(inbox.name, f"{field}.{name}", repr(value), _nearest(name, known))
                )
                continue
            try:
                resolved[name] = self._resolved(known[name], value)
            except (RowRefused, ValueError) as error:
                faults.append(Fault(inbox.name, f"{field}.{name}", repr(value), str(error)))
        return resolved

    def _resolved(self, field: Field, value: Any) -> Any:
        if field.refers_to:
            return self._key(field, value)
        if field.values and value not in field.values:
            raise ValueError(f"one of {', '.join(field.values)}")
        if field.name == "status" or value is None:
            return value
        # PostgreSQL itself says whether the text is one of the column's type.
        text = str(value).lower() if isinstance(value, bool) else str(value)
        self._db.execute(
            f"SELECT %s::{quoted(field.type)}" if not field.values else "SELECT %s", (text,)
        )
        return text

    def _key(self, field: Field, value: Any) -> int:
        table = field.refers_to.rpartition(".")[2]
        names = "email" if table == "person" else "name"
        text = str(value)
        column, given = ("id", int(text)) if text.isdecimal() else (names, text)
        match = f"lower({column}) = lower(%s)" if column == "email" else f"{quoted(column)} = %s"
        rows = self._db.execute(
            f"SELECT id FROM mailticket.{quoted(table)} WHERE {match} ORDER BY id", (given,)
        )  # noqa: S608
        if not rows:
            raise ValueError(f"the number or the {names} of a row in {table}")
        return int(rows[0]["id"])


def _field(row: Row, *, own: bool) -> Field:
    return Field(
        row["name"],
        row["type"],
        row["mandatory"] and row["name"] not in _FILLED,
        tuple(row["values"]),
        row["refers_to"] or "",
        own,
        row["max_characters"],
    )


def _plain_field(row: Row) -> Field:
    return _field(row, own=False)


def _with_check(field: Field, asked: Collection[str]) -> Field:
    if field.name not in asked:
        return field
    return Field(
        field.name, field.type, True, field.values, field.refers_to, field.own, field.max_characters
    )


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    free = sorted(set(known) - set(MAPPED_FIELDS) - _KEEPS_ITSELF)
    return f"no such field; did you mean {near[0]}?" if near else f"one of {', '.join(free)}"


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
