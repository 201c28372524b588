"""What tests of faults may ask for besides the servers of ``tests/conftest.py``."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.database import Database
from services.dovecot import Dovecot
from services.gate import Gate
from services.letters import SETTINGS
from services.post_office import PostOffice
from services.seeds import KILLS, SEED
from services.world import FIELDS, INBOXES, World


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """Give this test an SMTP server of its own, taking mail."""
    office = PostOffice()
    office.start()
    yield office
    office.stop()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give what decides where to fail; MAILTICKET_SEED repeats one. All seeds are told at the end.

    A worker of xdist has no terminal: what it would print itself is seen by nobody.
    """
    seed = int(os.environ.get(SEED, random.SystemRandom().randrange(10**6)))
    request.node.user_properties.append((SEED, seed))
    print(f"{SEED}={seed}")  # noqa: T201  and once more where the test fails
    return random.Random(seed)


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(
    dovecot: Dovecot,
    database: Database,
    post_office: PostOffice,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[MakeWorld]:
    """Give a world with an inbox of a kind (``INBOXES``), more fields and settings by keyword."""
    gates: list[Gate] = []
    worlds: list[World] = []

    def make(
        kind: str,
        settings: dict[str, Any] | None = None,
        *,
        database: Database = database,
        **fields: Any,
    ) -> World:
        servers = {"imap": dovecot.port, "pop3": dovecot.pop3_port, "smtp": post_office.port}
        gate = Gate({**servers, "postgres": database.server.port}, database)
        gates.append(gate.__enter__())
        chosen = INBOXES[kind]
        world = World(
            dovecot,
            database,
            fields={**FIELDS, **chosen, **fields},
            settings={**SETTINGS, "big_files_dir": str(tmp_path / "big"), **(settings or {})},
            post_office=post_office,
            gate=gate,
            people="unknown_caller" not in chosen,
        )
        worlds.append(world)
        return world

    yield make
    request.node.user_properties.append((KILLS, sum(world.kills for world in worlds)))
    for gate in gates:
        gate.__exit__()
