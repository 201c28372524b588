"""PostgreSQL: connections, transactions, named queries. The only file that imports psycopg2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Self

import psycopg2  # noqa: TID251
import psycopg2.errors  # noqa: TID251
import psycopg2.extras  # noqa: TID251

from mailticket.errors import RowRefused, StoreOutdated, StoreUnavailable
from mailticket.store.copying import Copied, Value, copied_rows
from mailticket.store.queries import may_be_planned_once, named, prepared

Row = dict[str, Any]
_PIECE = 256 * 1024
"""Bytes that COPY moves at once."""
_OFTEN = 3
"""So many times a session plans a query anew, before it keeps a plan of it."""
_GROWN = 4
"""Plans are made anew when a session used so many times as many: the tables have grown meanwhile.

A plan for an empty table reads all of it, and autovacuum takes a minute to see that it is not.
"""

_NOTICED = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""That a server's host is gone is noticed within a minute; Linux would wait for two hours."""

# Of this row only, though PostgreSQL counts some of it among its own troubles: a key too long for
# its index, a trigger of the site's that objects.
_OF_THE_ROW = (
    psycopg2.IntegrityError,
    psycopg2.DataError,
    psycopg2.errors.ProgramLimitExceeded,
    psycopg2.errors.RaiseException,
)
_PASSING = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.ReadOnlySqlTransaction,
)
_OUTDATED = (
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
    psycopg2.errors.InvalidSchemaName,
)


class Database:
    """One connection, opened when it is first needed; every error leaves it translated."""

    def __init__(self, **parameters: Any) -> None:
        self._parameters = {
            "connect_timeout": 10,
            "application_name": "mailticket",
            **_NOTICED,
            **parameters,
        }
        self._connection: Any = None
        self._depth = 0
        self._open = False
        self._unsent: list[bytes] = []
        self._keeps_plans = False
        self._asked: Counter[str] = Counter()
        self._planned: set[str] = set()
        self._used, self._replan_at = 0, 64

    @property
    def in_transaction(self) -> bool:
        """Tell whether what is written now would be committed with something else."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside, or nothing of it. Nested ones join the outer one."""
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self._commit()
        except BaseException:
            if self._depth == 1:
                self._roll_back()
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo only what happens inside when PostgreSQL refuses a row there."""
        self.execute("SAVEPOINT inside")
        try:
            yield
        except RowRefused:
            self.execute("ROLLBACK TO SAVEPOINT inside")
            raise
        self._unsent.append(b"RELEASE SAVEPOINT inside")

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Run a named query and give all rows; outside a transaction it commits at once."""
        return self.again(named()[name], values)

    def later(self, name: str, /, **values: Any) -> None:
        """Run a named query whose answer nobody needs: it goes along with what comes next.

        What PostgreSQL refuses of it is raised there, at the latest by the commit.
        """
        with self.transaction(), _translated(), self._cursor() as cursor:
            self._unsent.append(self._written(cursor, named()[name], values))

    def row(self, name: str, /, **values: Any) -> Row | None:
        """Give the first row, or None."""
        return next(iter(self.rows(name, **values)), None)

    def value(self, name: str, /, **values: Any) -> Any:
        """Give the first column of the first row, or None."""
        row = self.row(name, **values)
        return next(iter(row.values())) if row else None

    def many(self, name: str, tuples: Sequence[Sequence[Any]], /, **values: Any) -> list[Row]:
        """Run a query whose ``%s`` after VALUES takes many small rows in one round trip."""
        if not tuples:
            return []
        with _translated(), self._cursor() as cursor:
            return self._answer(cursor, _with_rows(cursor, named()[name], tuples, values))

    def many_later(self, name: str, tuples: Sequence[Sequence[Any]]) -> None:
        """Do what ``many`` does, as ``later`` does."""
        if tuples:
            with self.transaction(), _translated(), self._cursor() as cursor:
                self._unsent.append(_with_rows(cursor, named()[name], tuples, {}))

    def each(self, name: str, tuples: Iterable[Mapping[str, Any]]) -> None:
        """Run a query once for each row: for big values, which are in memory one by one."""
        with self.transaction(), _translated(), self._cursor() as cursor:
            for values in tuples:
                self._answer(cursor, cursor.mogrify(named()[name], values))

    def copy(self, name: str, rows: Iterable[Sequence[Value]]) -> None:
        """Write rows by a query that is ``COPY … FROM STDIN``: each value goes as it is."""
        with _translated(), self._cursor() as cursor:
            self._send(cursor)
            cursor.copy_expert(named()[name], Copied(rows), _PIECE)

    def copied(self, name: str, /, **values: Any) -> list[tuple[bytes | None, ...]]:
        """Read the rows of a query, each value as PostgreSQL sends it in binary form."""
        out = BytesIO()
        with _translated(), self._cursor() as cursor:
            self._send(cursor)
            query = cursor.mogrify(named()[name], values).decode()
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", out, _PIECE)
        return list(copied_rows(out.getbuffer()))

    def execute(self, text: str, values: Any = None) -> list[Row]:
        """Run SQL that was composed from the catalogue (column names of ticket classes)."""
        with _translated(), self._cursor() as cursor:
            written = text.encode() if values is None else cursor.mogrify(text, values)
            return self._answer(cursor, written)

    def again(self, text: str, values: Any) -> list[Row]:
        """Run composed SQL that comes again and again with other values."""
        with _translated(), self._cursor() as cursor:
            return self._answer(cursor, self._written(cursor, text, values))

    def _written(self, cursor: Any, text: str, values: Any) -> bytes:
        """Write a query with its values; one that is asked often is planned once a session."""
        statement = text
        if self._keeps_plans and may_be_planned_once(text):
            self._asked[text] += 1
            if self._asked[text] >= _OFTEN:
                statement = prepared(text).execute
                self._plan(cursor, text)
                self._used += 1
                if self._used == self._replan_at:
                    self._replan_at *= _GROWN
                    cursor.execute("DISCARD PLANS")
        written: bytes = cursor.mogrify(statement, values)
        return written

    def _plan(self, cursor: Any, text: str) -> None:
        if text not in self._planned:
            cursor.execute(prepared(text).prepare)
            self._planned.add(text)  # a transaction that is rolled back leaves it prepared

    def _answer(self, cursor: Any, statement: bytes) -> list[Row]:
        self._send(cursor, statement)
        if not cursor.description:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _send(self, cursor: Any, *statements: bytes) -> None:
        """Send these after what waits, and what begins a transaction before that: all at once."""
        begin = (b"BEGIN",) if self._depth and not self._open else ()
        together = (*begin, *self._unsent, *statements)
        self._open, self._unsent = self._depth > 0, []
        if together:
            cursor.execute(b";\n".join(together))

    def _commit(self) -> None:
        if not (self._open or self._unsent):
            return
        with _translated(), self._cursor() as cursor:
            self._send(cursor, b"COMMIT")
        self._open = False

    def another(self) -> Self:
        """Give the same database by a connection of its own, for another process."""
        return type(self)(**self._parameters)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._open, self._unsent = False, []

    def _cursor(self) -> Any:
        if self._connection is None or self._connection.closed:
            if self._open:  # another connection would take the second half for the whole
                raise psycopg2.InterfaceError("the connection was lost within a transaction")
            self._connection = psycopg2.connect(**self._parameters)
            self._connection.autocommit = True  # transactions begin and end by our own words
            psycopg2.extras.register_default_jsonb(self._connection)
            self._planned.clear()
            self._keeps_plans = _has_session_of_its_own(self._connection)
        return self._connection.cursor()

    def _roll_back(self) -> None:
        is_open, self._open, self._unsent = self._open, False, []
        try:
            if is_open and self._connection is not None:
                with self._connection.cursor() as cursor:
                    cursor.execute("ROLLBACK")
        except psycopg2.Error:
            self._connection = None


def _with_rows(
    cursor: Any, text: str, tuples: Sequence[Sequence[Any]], values: Mapping[str, Any]
) -> bytes:
    marks = f"({', '.join(['%s'] * len(tuples[0]))})"
    before, after = (cursor.mogrify(part, values) for part in text.split("%s", 1))
    written: bytes = before + b",".join(cursor.mogrify(marks, one) for one in tuples) + after
    return written


def _has_session_of_its_own(connection: Any) -> bool:
    """Tell whether plans may be kept; if so, they are made for any values.

    Behind a pooler each transaction may meet another session, which knows none of the plans. The
    process that a pooler claims to be on connecting is never the one that answers.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        its_own: bool = cursor.fetchone()[0] == connection.info.backend_pid
        if its_own:
            cursor.execute("SET plan_cache_mode = force_generic_plan")
    return its_own


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _OF_THE_ROW as error:
        raise RowRefused(_first_line(error), error.diag.constraint_name or "") from error
    except _PASSING as error:
        raise StoreUnavailable(f"PostgreSQL: {_first_line(error)}") from error
    except _OUTDATED as error:
        raise StoreOutdated(f"{_first_line(error)}: run bin/mailticket migrate") from error
    except psycopg2.errors.InsufficientPrivilege as error:
        raise StoreOutdated(f"{_first_line(error)}: grant it to the database's user") from error


def _first_line(error: Exception) -> str:
    # PostgreSQL repeats the refused values in DETAIL: a stranger's text stays out of the logs.
    return str(error).strip().split("\n", 1)[0].replace("\0", "")


def json_value(value: Any) -> Any:
    """Wrap a value for a jsonb column."""
    return psycopg2.extras.Json(value)


def binary(value: bytes) -> Any:
    """Wrap bytes for a bytea column."""
    return psycopg2.Binary(value)


def quoted(identifier: str) -> str:
    """Quote a name that the catalogue gave, for SQL that is executed with values."""
    return '"' + identifier.replace('"', '""').replace("%", "%%") + '"'
