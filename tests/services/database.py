"""PostgreSQL for tests: one server a session, a migrated template, a copy of it for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import psycopg2  # noqa: TID251 -- a test looks at rows without our own store
import sqlalchemy

from demo.ports import free_ports
from demo.postgres import Postgres

MIGRATIONS = Path(__file__).parents[2] / "include" / "migrations"
TEMPLATE = "mailticket_template"
# What is lost in a crash of the machine is no loss to a test.
_QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the test server."""

    name: str
    server: Postgres

    @property
    def url(self) -> str:
        """``postgresql://user:password@host:port/name``: for psycopg2 and for Connections."""
        return self.server.url(self.name)

    def connect(self) -> Any:
        """Open a psycopg2 connection, autocommit on."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        return connection

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; return the rows that it answers, if any."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return [] if cursor.description is None else cursor.fetchall()
        finally:
            connection.close()


@dataclass(slots=True)
class DatabaseServer:
    """A PostgreSQL of the session's own, in a short-lived folder."""

    server: Postgres
    _folder: Path
    _numbers: count[int] = field(default_factory=count)
    _migrated: bool = False

    @classmethod
    def start(
        cls, settings: Mapping[str, str] = _QUICK, folder: Path | None = None
    ) -> DatabaseServer:
        """Start it (0.5 s), with these settings beside those that make it quick."""
        folder = folder or Path(tempfile.mkdtemp(prefix="postgres-"))
        folder.chmod(0o711)
        server = Postgres(folder, free_ports(1)[0], "secret", _QUICK | dict(settings))
        server.start()
        return cls(server, folder)

    def stop(self) -> None:
        """Stop it and remove its files."""
        self.server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def empty(self) -> Database:
        """Create a database with nothing in it."""
        return self._create("template0")

    def migrated(self) -> Database:
        """Create a database with mailticket's tables and nothing in them."""
        if not self._migrated:
            self._make_template()
        return self._create(TEMPLATE)

    def drop(self, database: Database) -> None:
        """Drop a database, open connections or not."""
        self._maintenance.rows(f'DROP DATABASE "{database.name}" WITH (FORCE)')

    @property
    def _maintenance(self) -> Database:
        return Database("postgres", self.server)

    def _create(self, template: str, name: str = "") -> Database:
        name = name or f"test_{next(self._numbers)}"
        self._maintenance.rows(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return Database(name, self.server)

    def _make_template(self) -> None:
        migrate(self._create("template0", TEMPLATE))
        self._migrated = True


def migrate(database: Database) -> None:
    """Apply all migrations."""
    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    url = database.server.url(database.name, scheme="postgresql+psycopg2")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        configuration.attributes["connection"] = connection
        alembic.command.upgrade(configuration, "head")
