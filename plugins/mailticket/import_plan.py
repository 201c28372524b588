"""What the cells of an imported row mean: values for columns, or faults (SPEC 6.8)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailticket.csv_table import CsvFault, CsvRow, CsvTable, names
from mailticket.message import folded

_TEXTS = ("text", "character varying")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "off"})
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@[^\s@<>()\[\],;:\"\\]{1,253}")
_SEPARATORS = re.compile(r"[;|,]")


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be imported: its table, and the column by which a row is known again."""

    name: str
    table: str
    key: str

    def key_of(self, cell: str) -> str:
        """Give what a row is known by: addresses differ not by case."""
        return folded(cell) if self.key == "email" else cell


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("organizations", "organization", "name"),
        Kind("persons", "person", "email"),
        Kind("services", "service", "name"),
        Kind("teams", "team", "name"),
    )
}


@dataclass(frozen=True, slots=True)
class ImportColumn:
    """A column that a row may give a value."""

    name: str
    type: str
    """As PostgreSQL writes it in full: ``boolean``, ``character varying``."""
    not_null: bool
    mandatory: bool
    """NOT NULL, and the database has no default for it."""
    refers_to: str = ""
    """The table that it is a key to, without its schema."""
    values: tuple[str, ...] = ()
    """Of an enum."""
    max_characters: int | None = None


MEMBERS = ImportColumn("members", "addresses", not_null=False, mandatory=False)
"""No column of ``team``: the addresses of persons, for ``team_member``."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the database knows of the names in the file."""

    keys: Mapping[str, Mapping[str, Sequence[int]]]
    """Table → name (of persons: address in lower case) or number → rows."""
    existing: Mapping[str, Sequence[int]]
    """Key of the imported kind → rows that have it already."""
    near: Callable[[str, str], str]
    """Give the name in a table that is nearest to one that it does not have, or ``""``."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row, ready to be written."""

    line: int
    key: str
    id: int | None
    """Of the row that it changes; None: it is added."""
    values: Mapping[str, Any]
    """Columns that are absent keep their value, or take their default."""
    members: tuple[int, ...] | None = None
    """Of a team, where the file names them."""


@dataclass(slots=True)
class ImportPlan:
    """The columns of one file matched to those of its table; collects faults as it reads."""

    kind: Kind
    table: CsvTable
    columns: tuple[ImportColumn | None, ...]
    """For each cell of a row; None: its column is at fault."""
    faults: list[CsvFault] = field(default_factory=list)

    def wanted(self) -> Mapping[str, set[str]]:
        """Say which names have to be looked up, by table; the kind's own keys under ``""``."""
        found: dict[str, set[str]] = {"": set()}
        for row in self.table.rows:
            for column, cell in zip(self.columns, row.cells, strict=True):
                if column and column.refers_to and cell:
                    found.setdefault(column.refers_to, set()).add(name_in(column.refers_to, cell))
                elif column is MEMBERS:
                    found.setdefault("person", set()).update(addresses(cell))
                if column and column.name == self.kind.key and cell:
                    found[""].add(self.kind.key_of(cell))
        return found

    def rows(self, lookups: Lookups) -> list[PlannedRow]:
        """Give what is to be written; complete only while there are no faults."""
        seen: dict[str, int] = {}
        planned = [self._row(row, lookups, seen) for row in self.table.rows]
        return [row for row in planned if row]

    @property
    def _titles(self) -> tuple[str, ...]:
        return self.table.header.cells

    def _row(self, row: CsvRow, lookups: Lookups, seen: dict[str, int]) -> PlannedRow | None:
        reader = _Cells(self.kind, row.line, lookups, seen)
        before = len(self.faults)
        for title, column, cell in zip(self._titles, self.columns, row.cells, strict=True):
            try:
                reader.read(column, cell)
            except ValueError as error:
                self.faults.append(CsvFault(row.line, title, cell, str(error)))
        return None if len(self.faults) > before else reader.planned()


@dataclass(slots=True)
class _Cells:
    """One row being read, cell by cell."""

    kind: Kind
    line: int
    lookups: Lookups
    seen: dict[str, int]
    """Keys of the lines before, with their lines."""
    key: str = ""
    id: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    members: tuple[int, ...] | None = None

    def read(self, column: ImportColumn | None, cell: str) -> None:
        """Take one cell; raises ``ValueError`` that says what is allowed."""
        if column is None:
            return
        if column is MEMBERS:
            self.members = _members(cell, self.lookups)
            return
        if column.name == self.kind.key:
            self._recognise(cell)
        if cell or not _keeps_default(column):
            self.values[column.name] = _value(column, cell, self.lookups)

    def _recognise(self, cell: str) -> None:
        if not cell:
            raise ValueError(f"needed: by {self.kind.key} a row is known again")
        self.key = self.kind.key_of(cell)
        if self.key in self.seen:
            raise ValueError(f"line {self.seen[self.key]} has the same; give it once")
        self.seen[self.key] = self.line
        ids = self.lookups.existing.get(self.key, ())
        if len(ids) > 1:
            numbers = ", ".join(map(str, ids))
            raise ValueError(f"rows {numbers} of {self.kind.table} have it; which one is meant?")
        self.id = next(iter(ids), None)

    def planned(self) -> PlannedRow:
        return PlannedRow(self.line, self.key, self.id, self.values, self.members)


def match_columns(kind: Kind, table: CsvTable, known: Sequence[ImportColumn]) -> ImportPlan:
    """Find the column for each cell of the header row; a table it refers to is a name for a key."""
    allowed = (*known, MEMBERS) if kind.table == "team" else tuple(known)
    by_name = {column.refers_to: column for column in allowed if column.refers_to}
    by_name |= {column.name: column for column in allowed}
    faults = list(table.faults)
    taken: dict[str, str] = {}
    found: list[ImportColumn | None] = []
    for title, name in zip(table.header.cells, names(table.header.cells), strict=True):
        column = by_name.get(name)
        wrong = _wrong(name, column, allowed, taken)
        if wrong:
            faults.append(CsvFault(table.header.line, "column", title, wrong))
        found.append(None if wrong else column)
        taken.setdefault(column.name if column else name, title)
    if table.header.cells:
        missing = [c.name for c in known if _is_needed(kind, c) and c.name not in taken]
        told = (f"the column {name} is needed" for name in missing)
        faults += [CsvFault(table.header.line, "", "", one) for one in told]
    return ImportPlan(kind, table, tuple(found), faults)


def _wrong(
    name: str,
    column: ImportColumn | None,
    allowed: Sequence[ImportColumn],
    taken: Mapping[str, str],
) -> str:
    if column is None:
        known = [one.name for one in allowed]
        near = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        return f"no such column; {meant}there are {', '.join(known)}"
    if column.name in taken:
        return f"the same column as {taken[column.name]}; give it once"
    return ""


def _is_needed(kind: Kind, column: ImportColumn) -> bool:
    return column.mandatory or column.name == kind.key


def _keeps_default(column: ImportColumn) -> bool:
    """Tell whether an empty cell stands for the column's default."""
    return column.not_null and not column.mandatory and column.type not in _TEXTS


def _value(column: ImportColumn, cell: str, lookups: Lookups) -> Any:
    """Read a cell; raises ``ValueError`` that says what is allowed."""
    if not cell:
        if column.mandatory:
            raise ValueError("a value is needed")
        return "" if column.not_null else None
    if "\0" in cell:
        raise ValueError("a NUL character cannot be stored")
    if column.refers_to:
        return _one(lookups, column.refers_to, cell)
    if column.type == "boolean":
        return _truth(cell)
    if column.values and cell not in column.values:
        raise ValueError(f"one of {', '.join(column.values)}")
    if column.max_characters and len(cell) > column.max_characters:
        raise ValueError(f"{len(cell)} characters, at most {column.max_characters} fit")
    if column.name == "email":
        return address(cell)
    return cell


def _truth(cell: str) -> bool:
    word = cell.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("true or false (also yes, no, 1, 0)")
    return word in _TRUE


def address(cell: str) -> str:
    """Check one bare e-mail address; raises ``ValueError``."""
    if not _ADDRESS.fullmatch(cell):
        raise ValueError("an e-mail address without its name, as in ada@example.org")
    return cell


def addresses(cell: str) -> list[str]:
    """Split a list of addresses, lower case."""
    return [folded(part.strip()) for part in _SEPARATORS.split(cell) if part.strip()]


def _members(cell: str, lookups: Lookups) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_one(lookups, "person", one) for one in addresses(cell)))


def name_in(table: str, named: str) -> str:
    """Give the name by which a row of a table is looked up."""
    return folded(named) if table == "person" else named


def _one(lookups: Lookups, table: str, named: str) -> int:
    ids = lookups.keys.get(table, {}).get(name_in(table, named), ())
    if len(ids) == 1:
        return ids[0]
    if ids:
        numbers = ", ".join(map(str, ids))
        raise ValueError(f"rows {numbers} of {table} have this name: give the number")
    called = "address" if table == "person" else "name or number"
    near = lookups.near(table, named)
    hint = f"; did you mean {near}?" if near else ""
    raise ValueError(f"no {table} has the {called} {named}{hint}")
