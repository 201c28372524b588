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
            "keepalives_idle": 30,
            **parameters,
        }
        self._connection: Any = None
        self._depth = 0
        self._keeps_plans = False
        self._asked: Counter[str] = Counter()
        self._planned: set[str] = set()

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
            if self._depth == 1 and self._connection is not None:
                with _translated():
                    self._connection.commit()
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
        self.execute("RELEASE SAVEPOINT inside")

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Run a named query and give all rows; outside a transaction it commits at once."""
        with self.transaction(), _translated(), self._cursor() as cursor:
            self._run(cursor, named()[name], values)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

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
        with self.transaction(), _translated(), self._cursor() as cursor:
            # execute_values looks for one %s: what other values bring in must not look like it.
            around = (
                cursor.mogrify(part, values).decode().replace("%", "%%")
                for part in named()[name].split("%s", 1)
            )
            psycopg2.extras.execute_values(cursor, "%s".join(around), tuples, page_size=len(tuples))
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def each(self, name: str, tuples: Iterable[Mapping[str, Any]]) -> None:
        """Run a query once for each row: for big values, which execute_values would copy."""
        with self.transaction(), _translated(), self._cursor() as cursor:
            for values in tuples:
                cursor.execute(named()[name], values)

    def copy(self, name: str, rows: Iterable[Sequence[Value]]) -> None:
        """Write rows by a query that is ``COPY … FROM STDIN``: each value goes as it is."""
        with self.transaction(), _translated(), self._cursor() as cursor:
            cursor.copy_expert(named()[name], Copied(rows), _PIECE)

    def copied(self, name: str, /, **values: Any) -> list[tuple[bytes | None, ...]]:
        """Read the rows of a query, each value as PostgreSQL sends it in binary form."""
        out = BytesIO()
        with self.transaction(), _translated(), self._cursor() as cursor:
            query = cursor.mogrify(named()[name], values).decode()
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", out, _PIECE)
        return list(copied_rows(out.getbuffer()))

    def execute(self, text: str, values: Any = None) -> list[Row]:
        """Run SQL that was composed from the catalogue (column names of ticket classes)."""
        with self.transaction(), _translated(), self._cursor() as cursor:
            cursor.execute(text, values)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def again(self, text: str, values: Sequence[Any]) -> list[Row]:
        """Run composed SQL that comes again and again with other values."""
        with self.transaction(), _translated(), self._cursor() as cursor:
            self._run(cursor, text, values)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def _run(self, cursor: Any, text: str, values: Any) -> None:
        """Run a query; one that is asked often is planned once for the whole session."""
        if not self._keeps_plans or not may_be_planned_once(text):
            cursor.execute(text, values)
            return
        statement = prepared(text)
        self._asked[text] += 1
        if self._asked[text] < _OFTEN:
            cursor.execute(text, values)
            return
        if text not in self._planned:
            cursor.execute(statement.prepare)
            self._planned.add(text)  # a transaction that is rolled back leaves it prepared
        cursor.execute(statement.execute, values)

    def another(self) -> Self:
        """Give the same database by a connection of its own, for another process."""
        return type(self)(**self._parameters)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _cursor(self) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg2.connect(**self._parameters)
            psycopg2.extras.register_default_jsonb(self._connection)
            self._planned.clear()
            self._keeps_plans = _has_session_of_its_own(self._connection)
        return self._connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except psycopg2.Error:
            self._connection = None


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
    connection.commit()
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
