"""The script that makes the databases of docker-compose.yaml, run against a server of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg2  # noqa: TID251 -- a test looks at rows without our own store
import pytest

from demo.home import CLONE
from demo.ports import LOOPBACK
from demo.postgres import _binary
from services.database import DatabaseServer


def test_the_password_that_containers_know_opens_no_superuser_s_door() -> None:
    own = DatabaseServer.start()
    try:
        server = own.server
        environment = os.environ | {
            "PATH": f"{Path(_binary('psql')).parent}:{os.environ['PATH']}",
            "PGHOST": LOOPBACK,
            "PGPORT": str(server.port),
            "PGUSER": "postgres",
            "PGPASSWORD": server.password,
            "POSTGRES_PASSWORD": server.password,
        }
        script = CLONE / "include/docker/databases.sh"
        subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True)
        for name in ("airflow", "mailticket"):
            with psycopg2.connect(server.url(name, name)) as connection:
                cursor = connection.cursor()
                cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
                assert cursor.fetchall() == [(False,)]
                cursor.execute("CREATE SCHEMA ours")
            connection.close()
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(server.url("mailticket", "postgres"))
    finally:
        own.stop()
