"""The daily maintenance is killed at any turn; its next try, as Airflow makes it, does the rest."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mailticket.ingest import STEPS
from mailticket.maintenance import maintain
from mailticket.purging import purge
from services.gate import Turn, chosen
from services.letters import Writer
from services.world import World

MakeWorld = Callable[..., World]
KILLS = 6
"""In the ordinary mode."""
_OLD = """
INSERT INTO mailticket.blob (sha256, size, content, stored_at)
SELECT sha256(n::text::bytea), 1, 'x', now() - interval '3 days' FROM generate_series(1, 20) n;
INSERT INTO mailticket.run (inbox, name, configuration, started_at)
SELECT inbox, 'old ' || n, configuration, now() - interval '90 days'
  FROM mailticket.run, generate_series(1, 20) n;
INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, created_at, announced_at)
SELECT 1, 'R-1', 'UserRequest', 'updated', now() - interval '900 days', now()
  FROM generate_series(1, 20);
"""


@pytest.fixture
def world(make_world: MakeWorld, chance: random.Random) -> World:
    world = make_world("imap-delete")
    world.letters = Writer(chance).every_kind()
    return world


def begin(world: World) -> None:
    """Leave a mailbox that is not settled, and rows that are old."""
    world.begin(world.letters)
    world.steps("run", *list(STEPS)[: list(STEPS).index("cleanup")])
    world.lapse()
    world.rows(_OLD)


def maintenance(world: World) -> None:
    access = world.access()
    db = access.database()
    try:
        inbox = access.inbox(world.name)
        list(maintain(db, [inbox], "maintenance", lambda _: access.outside()))
        purge(db, access.configuration()[0])
    finally:
        db.close()


def turns(world: World) -> list[Turn]:
    begin(world)
    return world.turns(lambda: maintenance(world))


def killed_at(world: World, turn: Turn) -> None:
    begin(world)
    world.gate.arm(turn.number)
    world.task(lambda: maintenance(world))
    assert world.gate.met, turn
    old = world.rows(
        "SELECT (SELECT count(*) FROM mailticket.run WHERE name LIKE 'old %%'),"
        " (SELECT count(*) FROM mailticket.ticket_event WHERE ref = 'R-1'),"
        " (SELECT count(*) FROM mailticket.blob WHERE size = 1)"
    )
    assert old == [(0, 0, 0)], turn
    world.finish()


def test_a_maintenance_that_is_killed_is_done_by_its_next_try(
    world: World, chance: random.Random
) -> None:
    for turn in chosen(turns(world), most=KILLS, pick=chance.sample):
        killed_at(world, turn)


@pytest.mark.long
def test_a_maintenance_that_is_killed_at_any_turn_is_done_by_its_next_try(world: World) -> None:
    for turn in [t for t in turns(world) if t.asks or t.settles]:
        killed_at(world, turn)
