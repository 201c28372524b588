"""What all tests may ask for; the servers themselves are in ``tests/services``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from demo.home import Home
from services import seeds
from services.airflow_stack import AirflowStack
from services.arena import Arena
from services.database import Database, DatabaseServer
from services.dovecot import Dovecot


@pytest.fixture(scope="session")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """One Dovecot for the session, with TLS offered: take a user name of your own."""
    server = Dovecot(tmp_path_factory.mktemp("dovecot"), tls=True)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def make_dovecot(tmp_path: Path) -> Iterator[Callable[..., Dovecot]]:
    """Start Dovecots of this test's own, with the options of ``Dovecot``."""
    started: list[Dovecot] = []

    def make(**options: Any) -> Dovecot:
        server = Dovecot(tmp_path / f"dovecot-{len(started)}", **options)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DatabaseServer]:
    """One PostgreSQL for the session (with xdist: for each worker)."""
    server = DatabaseServer.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def database(
    postgres_server: DatabaseServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Database]:
    """Give this test a database of its own, with mailticket's tables and nothing in them.

    Every second test keeps plans from the first use on: a kept plan has the types of its values
    from the query alone, and most tests ask nothing often enough to meet one.
    """
    if crc32(request.node.nodeid.encode()) % 2:
        monkeypatch.setattr("mailticket.store.postgres._OFTEN", 1)
    made = postgres_server.migrated()
    yield made
    postgres_server.drop(made)


@pytest.fixture
def empty_database(postgres_server: DatabaseServer) -> Iterator[Database]:
    """Give this test a database of its own, with nothing in it."""
    made = postgres_server.empty()
    yield made
    postgres_server.drop(made)


@pytest.fixture
def make_arena(dovecot: Dovecot, database: Database) -> Callable[..., Arena]:
    """Give inboxes of this test's own, in one database: fields and settings by keyword."""

    def make(settings: dict[str, Any] | None = None, **fields: Any) -> Arena:
        database.rows(
            "INSERT INTO mailticket.organization (name) VALUES ('Acme') ON CONFLICT DO NOTHING"
        )
        return Arena(dovecot, database, fields=fields, settings=settings or {})

    return make


@pytest.fixture(scope="session")
def airflow_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """One whole Airflow for the session; most inboxes run when a test asks for it."""
    home = Home(tmp_path_factory.mktemp("airflow"))
    person = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
    inboxes = {
        "support": {"periodicity": 5, **person},
        "incidents": {"ticket_class": "Incident", "active": False},
        "changes": {"ticket_class": "Change", "active": False},
        "storm": {"active": False, "cap_tickets_per_sender": []},
        "nowhere": {"periodicity": 3600},
        "locked": {"periodicity": 3600},
    }
    with home.open():
        servers = AirflowStack(home, inboxes)
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seeds of the tests of faults, which workers of xdist cannot."""
    seeds.tell(terminalreporter)
