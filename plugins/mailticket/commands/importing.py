"""import: organisations, persons, services, teams from CSV, all or nothing (SPEC 6.8)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mailticket.airflow_access import in_shell
from mailticket.csv_table import MOST_BYTES, CsvTable, read_csv
from mailticket.errors import FileRefused, NotFound
from mailticket.import_plan import KINDS, Kind, match_columns
from mailticket.store.importing import Importing, Outcome, Told
from mailticket.store.migrate import check_revision
from mailticket.store.postgres import Database

_WRONG = 2
_SHOWN = 1000
"""Faults in one report."""


def import_rows(options: argparse.Namespace) -> int:
    """Add and change rows; with a fault nothing is written and the exit status is 2."""
    kind = KINDS[options.kind]
    table = read_csv(_octets(options.file))
    access = in_shell()
    check_revision(access.database_parameters())
    try:
        with _progress(kind.name) as told:
            outcome = import_table(access.database(), kind, table, told)
    except FileRefused as refused:
        _print_faults(options.file, refused.faults)
        return _WRONG
    added, changed = len(outcome.added), len(outcome.changed)
    unchanged = len(table.rows) - added - changed
    print(f"{kind.name}: {added} added, {changed} changed, {unchanged} unchanged")
    return 0


def _octets(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}") from error


def import_table(db: Database, kind: Kind, table: CsvTable, told: Told) -> Outcome:
    """Write a table's rows in one transaction; raises ``FileRefused`` with every fault."""
    importing = Importing(db, kind)
    with db.transaction():
        importing.lock()
        plan = match_columns(kind, table, importing.columns())
        rows = plan.rows(importing.lookups(plan.wanted()))
        if plan.faults:
            raise FileRefused(*sorted(plan.faults, key=lambda fault: fault.line))
        outcome = importing.write(rows, told)
        if outcome.faults:
            raise FileRefused(*sorted(outcome.faults, key=lambda fault: fault.line))
    return outcome


def _print_faults(file: str, faults: tuple[object, ...]) -> None:
    for fault in faults[:_SHOWN]:
        print(f"mailticket: {file}, {fault}", file=sys.stderr)
    more = len(faults) - _SHOWN
    rest = f" ({more:,} more are not shown)" if more > 0 else ""
    count = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
    print(f"mailticket: {file}: {count}{rest}; nothing was written", file=sys.stderr)


@contextmanager
def _progress(name: str) -> Iterator[Told]:
    """Show a bar; on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, disable=not sys.stdout.isatty()) as bars:
        task = bars.add_task(name, total=None)

        def told(done: int, of: int) -> None:
            bars.update(task, completed=done, total=of)

        yield told
