"""No question to the database takes longer because there are more rows (issue 5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from mailticket.store.queries import named, prepared
from services.database import Database, DatabaseServer
from services.filled import BIG, fill

FEW, MANY = 20_000, 1_000_000
"""Messages."""
_WHOLE = {
    "left_for_people": "once a day, it counts what waits in all inboxes: an index of that alone",
}
_PIECES = {"purge_originals", "purge_events", "unattached_files"}
"""What goes through a table in pieces of 5,000 rows: what a piece costs does not grow."""
_SCANS = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
_GIVEN_ROWS = re.compile(r"AS g \(([^)]+)\)")
Plan = Mapping[str, Any]


def _planned() -> list[str]:
    """Name the queries that look for something: COPY and inserts of given rows do not."""
    return [
        name
        for name, text in named().items()
        if not text.startswith(("COPY", "INSERT INTO"))
        and ("VALUES %s" not in text or _GIVEN_ROWS.search(text))
        and name not in ("complete_message", "add_contacts", "queue_mail")  # rows of given types
    ]


def _statement(name: str) -> str:
    """Write a named query as PostgreSQL plans it for any values."""
    text = re.sub(r"LIMIT %\(\w+\)s", "LIMIT 100", named()[name])
    if given := _GIVEN_ROWS.search(text):
        marks = ", ".join(["%s"] * len(given[1].split(",")))
        text = text.replace("VALUES %s", f"VALUES ({marks})")
    return prepared(text).prepare.split(" AS ", 1)[1]


def _plan(database: Database, name: str, *settings: str) -> Plan:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        for setting in settings:
            cursor.execute(setting)
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {_statement(name)}")
        found: Plan = cursor.fetchone()[0][0]["Plan"]
        return found


def _nodes(plan: Plan, *, limited: bool = False) -> Iterator[tuple[Plan, bool]]:
    """Give each node, and whether what is above it takes only the first rows of it."""
    yield plan, limited
    below = plan["Node Type"] not in ("Sort", "Aggregate", "Hash") and (
        limited or plan["Node Type"] == "Limit"
    )
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner, limited=below)


def _read_whole(plan: Plan, whole_indexes: set[str]) -> list[str]:
    """Say which tables that grow are read whole, or by a whole index that has all of their rows."""
    found = []
    for node, limited in _nodes(plan):
        table, kind = node.get("Relation Name", ""), node["Node Type"]
        if kind == "Seq Scan" and table in BIG:
            found.append(table)
        whole = kind in _SCANS and not limited and "Index Cond" not in node
        if whole and node["Index Name"] in whole_indexes:
            found.append(node["Index Name"])
    return found


def _whole_indexes(database: Database) -> set[str]:
    """Name the indexes that have each row of a table that grows."""
    rows = database.rows(
        "SELECT i.relname, t.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid"
        " JOIN pg_class t ON t.oid = x.indrelid WHERE x.indpred IS NULL"
    )
    return {index for index, table in rows if table in BIG}


@pytest.fixture(scope="module")
def used(postgres_server: DatabaseServer) -> Iterator[Database]:
    database = postgres_server.migrated()
    fill(database, FEW)
    yield database
    postgres_server.drop(database)


@pytest.mark.parametrize("name", _planned())
def test_there_is_an_index_for_what_a_query_looks_for(used: Database, name: str) -> None:
    # Of few rows all are read sooner than an index: not reading them is made dear.
    plan = _plan(used, name, "SET enable_seqscan = off", "SET enable_mergejoin = off")
    assert name in _WHOLE or not _read_whole(plan, _whole_indexes(used)), json.dumps(plan, indent=1)


@pytest.mark.long
def test_a_million_messages_are_never_read_whole(postgres_server: DatabaseServer) -> None:
    database = postgres_server.migrated()
    fill(database, MANY)
    indexes = _whole_indexes(database)
    plans = {name: _plan(database, name) for name in _planned() if name not in _WHOLE}
    read = {name: found for name, plan in plans.items() if (found := _read_whole(plan, indexes))}
    dear = {
        name: plan["Total Cost"]
        for name, plan in plans.items()
        if plan["Total Cost"] > MANY / (5 if name in _PIECES else 50)
    }
    postgres_server.drop(database)
    assert (read, dear) == ({}, {})
