"""What all tests may ask for; the servers themselves are in ``tests/services``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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
