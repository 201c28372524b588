"""Clocks jump: the worker's, and that of the machine on which PostgreSQL runs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailticket.errors import Lapsed
from mailticket.ingest import STEPS
from services.letters import Writer
from services.world import World

MakeWorld = Callable[..., World]
HOME = Path(__file__).parents[2]
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
JUMPS = {"a day on": 1, "a day back": -1}


@pytest.fixture
def world(make_world: MakeWorld, chance: random.Random) -> World:
    world = make_world("imap-delete")
    world.begin(Writer(chance).every_kind())
    return world


# -- the clock of PostgreSQL's machine -----------------------------------------------------------


def jump(world: World, days: int) -> None:
    """Move every moment in the rows: as if ``now()`` had jumped by so many days."""
    columns = world.rows(
        "SELECT table_name, column_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE table_schema = 'mailticket' AND table_type = 'BASE TABLE'"
        " AND data_type = 'timestamp with time zone'"
    )
    for table, column in columns:
        world.rows(
            f'UPDATE mailticket."{table}" SET "{column}" = "{column}" - make_interval(days => %s)',
            days,
        )


@pytest.mark.parametrize("days", JUMPS.values(), ids=JUMPS)
def test_a_jump_of_the_databases_clock_between_two_tasks_changes_nothing(
    world: World, days: int
) -> None:
    for step in STEPS:
        world.steps("run", step)
        jump(world, days)
    jump(world, len(STEPS) + 1)  # what is to stay for a day stays for it: let it pass
    world.finish()


@pytest.mark.parametrize("days", JUMPS.values(), ids=JUMPS)
def test_a_jump_of_the_databases_clock_in_the_middle_of_a_pass_changes_nothing(
    world: World, chance: random.Random, days: int
) -> None:
    turns = [turn for turn in world.turns(world.run) if turn.begins]
    for turn in chance.sample(turns, 3):
        world.begin(world.letters)
        world.gate.meanwhile = lambda now, at=turn.number: (
            jump(world, days) if now.number == at else None
        )
        world.killed(world.run)
        world.gate.meanwhile = None
        jump(world, abs(days))  # what is to stay for a day stays for it: let it pass
        world.finish()


def test_a_lease_of_a_dead_pass_does_not_last_a_day_when_the_clock_goes_back(world: World) -> None:
    world.steps("dies", "fetch")
    with pytest.raises(Lapsed):
        world.steps("next", "fetch")
    jump(world, -1)
    world.steps("next", "fetch")


def test_a_claim_of_a_dead_pass_does_not_last_a_day_when_the_clock_goes_back(world: World) -> None:
    world.run()
    world.rows("UPDATE mailticket.outbox SET status = 'sending', raw = 'x', doubts = 1")
    jump(world, -1)
    world.rows("UPDATE mailticket.outbox SET not_before = now() + interval '25 hours'")
    world.run()
    statuses = {status for (status,) in world.rows("SELECT status FROM mailticket.outbox")}
    assert statuses == {"sent"}


# -- the clock of the worker ----------------------------------------------------------------------


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is missing (Debian: faketime)")
def test_jumps_of_the_workers_clock_change_nothing(
    world: World, chance: random.Random, tmp_path: Path
) -> None:
    """A fresh interpreter, all of whose libraries see the clock jump at some turns."""
    wrong, turns = tmp_path / "clock", len(world.turns(world.run))
    wrong.write_text("+0")
    jumps = dict(
        zip(chance.sample(range(turns), 6), ["+1d", "-1d", "+1d", "+0", "-1d", "+1d"], strict=True)
    )
    world.begin(world.letters)
    world.gate.meanwhile = lambda now: (
        _jump(wrong, jumps[now.number]) if now.number in jumps else None
    )
    environment = os.environ | {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(wrong),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(str(HOME / part) for part in ("plugins", "include", "tests")),
    }
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-m", "services.lone_pass"],
            input=json.dumps(world.as_told()),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # A jump while it connects is a timeout to libpq: it passes, and Airflow tries again.
        if "timeout expired" not in done.stderr:
            break
        world.lapse()
    world.gate.meanwhile = None
    assert done.returncode == 0, done.stderr
    clocks = {line[:10] for line in done.stdout.splitlines() if line[:2] == "20"}
    assert len(clocks) > 1, "no clock jumped"
    assert json.loads(done.stdout.splitlines()[-1])["create"] == 3
    world.finish()


def _jump(clock: Path, offset: str) -> None:
    fresh = clock.with_suffix(".new")
    fresh.write_text(offset)
    fresh.replace(clock)
