"""Rows from a file: what the tables know already, and writing what is new or different."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailticket.csv_table import CsvFault
from mailticket.errors import RowRefused, StoreOutdated
from mailticket.import_plan import ImportColumn, Kind, Lookups, PlannedRow
from mailticket.store.postgres import Database, Row, json_value, quoted

_KEEPS_ITSELF = ("id", "created_at", "by_mail")
_VOUCHED_FOR: Mapping[str, Mapping[str, Any]] = {"person": {"by_mail": False}}
"""What a file says of each row that it names, beside its columns."""
_BATCH = 1000
_NAMES_FOR_HINTS = 1000
_HINTS = 50
Told = Callable[[int, int], None]
"""Called with (rows written, of how many)."""


@dataclass(slots=True)
class Outcome:
    """What an import came to; with faults it has to be rolled back."""

    added: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    faults: list[CsvFault] = field(default_factory=list)


class Importing:
    """One kind of rows in the database; used inside one transaction."""

    def __init__(self, db: Database, kind: Kind) -> None:
        self._db = db
        self._kind = kind
        self._target = f"mailticket.{quoted(kind.table)}"

    def columns(self) -> tuple[ImportColumn, ...]:
        """Read the columns that a file may fill."""
        rows = self._db.rows("columns", table=self._kind.table)
        if not rows:
            raise StoreOutdated(f"there is no table {self._target}: run bin/mailticket migrate")
        strict = {r["name"] for r in self._db.rows("not_null_columns", table=self._kind.table)}
        return tuple(
            _column(row, not_null=row["name"] in strict)
            for row in rows
            if row["name"] not in _KEEPS_ITSELF
        )

    def lock(self) -> None:
        """Keep others from adding the same rows until the transaction ends; reading goes on."""
        self._db.execute(f"LOCK TABLE {self._target} IN SHARE ROW EXCLUSIVE MODE")

    def lookups(self, wanted: Mapping[str, Collection[str]]) -> Lookups:
        """Look up all names of a file; the names of the kind's own rows stand under ``""``."""
        keys = {table: self._numbers(table, names) for table, names in wanted.items() if table}
        existing = self._named(self._kind.table, wanted[""])
        return Lookups(keys, existing, _Hints(self._db).near)

    def _numbers(self, table: str, names: Collection[str]) -> Mapping[str, list[int]]:
        found = self._named(table, names)
        # Eighteen digits fit into a bigint; longer ones are the number of nothing.
        others = [name for name in names if name not in found and name.isdecimal()]
        numbers = {int(name): name for name in others if len(name) <= 18}  # noqa: PLR2004
        text = f"SELECT id FROM mailticket.{quoted(table)} WHERE id = ANY (%s)"  # noqa: S608
        for row in self._db.execute(text, (list(numbers),)) if numbers else ():
            found[numbers[row["id"]]].append(row["id"])
        return found

    def _named(self, table: str, names: Collection[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        if table == "person":
            rows = self._db.rows("persons_by_address", names=list(names))
        else:
            text = f"SELECT id, name FROM mailticket.{quoted(table)} WHERE name = ANY (%s)"  # noqa: S608
            rows = self._db.execute(text, (list(names),))
        for row in rows:
            found[row["name"]].append(row["id"])
        return found

    def write(self, rows: Sequence[PlannedRow], told: Told) -> Outcome:
        """Add and change rows; what the database refuses is a fault with its line."""
        outcome = Outcome()
        done = 0
        for batch in _alike(rows):
            self._write(batch, outcome)
            done += len(batch)
            told(done, len(rows))
        if not outcome.faults:
            self._set_members([row for row in rows if row.members is not None], outcome)
        return outcome

    def _write(self, batch: Sequence[PlannedRow], outcome: Outcome) -> None:
        """Write rows that fill the same columns; halves again and again find the refused ones."""
        try:
            with self._db.savepoint():
                numbers = self._added(batch) if batch[0].id is None else self._changed(batch)
        except RowRefused as error:
            if len(batch) == 1:
                outcome.faults.append(CsvFault(batch[0].line, "", "", f"PostgreSQL: {error}"))
                return
            middle = len(batch) // 2
            self._write(batch[:middle], outcome)
            self._write(batch[middle:], outcome)
            return
        (outcome.added if batch[0].id is None else outcome.changed).update(numbers)

    def _added(self, batch: Sequence[PlannedRow]) -> Iterator[int]:
        columns = ", ".join(map(quoted, batch[0].values))
        text = (
            f"INSERT INTO {self._target} ({columns}) SELECT {columns} "  # noqa: S608
            f"FROM jsonb_populate_recordset(NULL::{self._target}, %s) RETURNING id"
        )
        values = json_value([dict(row.values) for row in batch])
        return (row["id"] for row in self._db.execute(text, (values,)))

    def _changed(self, batch: Sequence[PlannedRow]) -> Iterator[int]:
        vouched = _VOUCHED_FOR.get(self._kind.table, {})
        names = [quoted(name) for name in (*batch[0].values, *vouched)]
        sets = ", ".join(f"{name} = given.{name}" for name in names)
        old, new = (", ".join(f"{of}.{name}" for name in names) for of in ("old", "given"))
        text = (
            f"UPDATE {self._target} AS old SET {sets} "  # noqa: S608
            f"FROM jsonb_populate_recordset(NULL::{self._target}, %s) AS given "
            f"WHERE old.id = given.id AND ROW({old}) IS DISTINCT FROM ROW({new}) RETURNING old.id"
        )
        values = json_value([{"id": row.id, **row.values, **vouched} for row in batch])
        return (row["id"] for row in self._db.execute(text, (values,)))

    def _set_members(self, rows: Sequence[PlannedRow], outcome: Outcome) -> None:
        if not rows:
            return
        numbers = self._named(self._kind.table, [row.key for row in rows])
        pairs = [(numbers[row.key][0], person) for row in rows for person in row.members or ()]
        changed = self._db.rows(
            "replace_members",
            teams=[team for team, _ in pairs],
            persons=[person for _, person in pairs],
            named=[numbers[row.key][0] for row in rows],
        )
        outcome.changed |= {row["team_id"] for row in changed} - outcome.added


class _Hints:
    """Nearest names, for so many faults as a person reads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._names: dict[str, list[str]] = {}
        self._given: dict[tuple[str, str], str] = {}

    def near(self, table: str, named: str) -> str:
        """Give the nearest name, or ``""``."""
        if (table, named) not in self._given and len(self._given) < _HINTS:
            found = difflib.get_close_matches(named, self._known(table), 1)
            self._given[table, named] = next(iter(found), "")
        return self._given.get((table, named), "")

    def _known(self, table: str) -> list[str]:
        if table not in self._names:
            column = 'lower(email COLLATE "C")' if table == "person" else "name"
            text = (
                f"SELECT {column} AS name FROM mailticket.{quoted(table)} "  # noqa: S608
                f"WHERE {column} <> '' ORDER BY id LIMIT {_NAMES_FOR_HINTS}"
            )
            self._names[table] = [row["name"] for row in self._db.execute(text)]
        return self._names[table]


def _column(row: Row, *, not_null: bool) -> ImportColumn:
    return ImportColumn(
        row["name"],
        row["type"],
        not_null,
        row["mandatory"],
        (row["refers_to"] or "").rpartition(".")[2].strip('"'),
        tuple(row["values"]),
        row["max_characters"],
    )


def _alike(rows: Sequence[PlannedRow]) -> Iterator[Sequence[PlannedRow]]:
    """Group rows that are added, or changed, with the same columns; in batches."""
    groups: dict[tuple[bool, tuple[str, ...]], list[PlannedRow]] = defaultdict(list)
    for row in rows:
        groups[row.id is None, tuple(row.values)].append(row)
    for group in groups.values():
        for start in range(0, len(group), _BATCH):
            yield group[start : start + _BATCH]
