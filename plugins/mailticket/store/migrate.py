"""Brings the schema ``mailticket`` to the version of the code (Alembic)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError

from mailticket.errors import StoreOutdated, StoreUnavailable

T = TypeVar("T")
MIGRATIONS = Path(__file__).resolve().parents[3] / "include" / "migrations"


def _url(parameters: dict[str, Any]) -> URL:
    return URL.create(
        "postgresql+psycopg2",
        username=parameters.get("user"),
        password=parameters.get("password"),
        host=parameters.get("host"),
        port=parameters.get("port"),
        database=parameters.get("dbname"),
    )


def _connected(parameters: dict[str, Any], use: Callable[[Any], T]) -> T:
    named = ("user", "password", "host", "port", "dbname")
    more = {name: value for name, value in parameters.items() if name not in named}
    engine = create_engine(_url(parameters), connect_args={"connect_timeout": 10, **more})
    try:
        with engine.connect() as connection:
            return use(connection)
    except OperationalError as error:
        first = str(error.orig).strip().split("\n", 1)[0]
        raise StoreUnavailable(f"PostgreSQL: {first}") from error
    finally:
        engine.dispose()


def migrate(parameters: dict[str, Any]) -> tuple[str, str]:
    """Apply what is missing; give the revision before (``""``: none) and after."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    def upgrade(connection: Any) -> tuple[str, str]:
        before = _revision(connection)
        connection.rollback()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        return before, _revision(connection)

    return _connected(parameters, upgrade)


def check_revision(parameters: dict[str, Any]) -> None:
    """Raise ``StoreOutdated`` unless the schema is that of the code."""
    found = _connected(parameters, _revision)
    wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if found != wanted:
        raise StoreOutdated(
            f"the schema mailticket is at revision {found or 'none'}, the code needs {wanted}: "
            "run bin/mailticket migrate"
        )


def _revision(connection: Any) -> str:
    context = MigrationContext.configure(
        connection, opts={"version_table": "alembic_version", "version_table_schema": "mailticket"}
    )
    return context.get_current_revision() or ""
