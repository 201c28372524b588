"""The demo's databases: made once; later, what their rows say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2  # noqa: TID251 -- the demo looks at rows as a person with psql would
from psycopg2 import sql  # noqa: TID251 -- the same

from demo.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Database:
    """One database, reached with one role; both have the same name."""

    server: Postgres
    name: str

    def create(self) -> None:
        """Create role and database where they are missing; set the role's password."""
        admin = Database(self.server, "postgres")
        name, password = sql.Identifier(self.name), sql.Literal(self.server.password)
        if not admin.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", self.name):
            admin.rows(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        admin.rows(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, password))
        if not admin.rows("SELECT 1 FROM pg_database WHERE datname = %s", self.name):
            admin.rows(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))

    def rows(self, statement: str | sql.Composable, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; return the rows that it answers, if any."""
        with self._cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def is_empty(self, schema: str, table: str) -> bool:
        """Tell whether a table has no row."""
        name = sql.Identifier(schema, table)
        return not self.rows(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(name))

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection = psycopg2.connect(self.server.url(self.name, self.name))
        connection.autocommit = True  # CREATE DATABASE knows no transaction
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()
