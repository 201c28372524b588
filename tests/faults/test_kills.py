"""The process is killed at any turn of its talk with the servers; nothing lost, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mailticket.beside import has_room
from services.gate import Turn, chosen
from services.letters import Letter, Writer
from services.world import INBOXES, World

MakeWorld = Callable[..., World]
KILLS = 20
"""In the ordinary mode, for each kind of inbox."""


@pytest.fixture(params=INBOXES)
def world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    return make_world(request.param)


def backlog(world: World, chance: random.Random) -> list[Letter]:
    return Writer(chance, strangers=world.people).every_kind()


def test_without_a_fault_the_world_is_as_it_should_be(world: World, chance: random.Random) -> None:
    world.begin(backlog(world, chance))
    world.run()
    world.finish()
    assert len({one.verdict for one in world.letters}) == 6


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pass over few mails do what one over many does: parse beside, batch by batch."""
    monkeypatch.setattr("mailticket.ahead.TOGETHER", 1)
    monkeypatch.setattr("mailticket.steps.fetch.BATCH_MESSAGES", 4)


def points(turns: list[Turn], chance: random.Random) -> list[Turn]:
    """Choose what an ordinary test fails at: sends, settles and commits first."""
    return chosen(turns, most=KILLS, pick=chance.sample)


def test_killed_at_sends_settles_commits_and_others_nothing_is_lost_or_doubled(
    world: World, chance: random.Random
) -> None:
    letters = backlog(world, chance)
    world.begin(letters)
    turns = world.turns(world.run)
    assert {turn.server for turn in turns} == {
        world.fields.get("protocol", "imap"),
        "smtp",
        "postgres",
    }
    for point in points(turns, chance):
        killed_at(world, letters, point.number)
    assert world.kills > KILLS // 2, "it met hardly any of its turns"


@pytest.mark.skipif(not has_room(), reason="one core: the steps come one by one")
@pytest.mark.parametrize("kind", ["imap-move", "pop3-delete"])
def test_killed_while_it_parses_beside_nothing_is_lost_or_doubled(
    make_world: MakeWorld, chance: random.Random, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As a large pass does it; the one that dies may be either of the two processes."""
    world = make_world(kind)
    letters = backlog(world, chance)
    world.begin(letters)
    at_once(monkeypatch)
    for point in points(world.turns(world.run), chance):
        killed_at(world, letters, point.number)
    assert world.kills > KILLS // 2, "it met hardly any of its turns"


@pytest.mark.long
def test_killed_at_every_commit_send_and_settle_nothing_is_lost_or_doubled(
    world: World, chance: random.Random
) -> None:
    letters = backlog(world, chance)
    world.begin(letters)
    # In a transaction, all turns up to its COMMIT come to the same.
    for turn in [t for t in world.turns(world.run) if t.commits or t.server != "postgres"]:
        killed_at(world, letters, turn.number)


def killed_at(world: World, letters: list[Letter], number: int) -> None:
    world.begin(letters)
    world.gate.arm(number)
    world.killed(world.run)
    world.finish()


def test_a_task_that_is_killed_and_tried_again_gives_the_same_run(
    world: World, chance: random.Random
) -> None:
    """As Airflow does it: each step in a process of its own, tried again under the same run."""
    letters = backlog(world, chance)
    world.begin(letters)
    turns = world.turns(lambda: world.steps("run"))
    for point in chosen(turns, most=4, pick=chance.sample):
        world.begin(letters)
        world.gate.arm(point.number)
        world.tasks("run")
        decided = world.rows("SELECT count(*) FROM mailticket.attempt WHERE status <> 'new'")
        assert decided == [(len(letters),)], world.gate.met
        world.finish()


def test_killed_again_and_again_at_any_moment(world: World, chance: random.Random) -> None:
    letters = Writer(chance, strangers=world.people).many(40)
    world.begin(letters)
    for n in range(6):
        world.killed(lambda n=n: world.run(f"dies {n}"), chance.uniform(0.02, 0.6))
        world.require_order()
        world.lapse()
    world.finish()


def test_runs_that_die_leave_the_next_one_no_more_than_a_run_may_take(
    make_world: MakeWorld, chance: random.Random
) -> None:
    """Else the pile grows with each death, and with it the time in which the next one can die."""
    world = make_world("imap-delete", {"max_messages_per_run": 4})
    world.begin(Writer(chance).every_kind())
    for n in range(3):
        counts = world.steps(f"dies {n}", "fetch")
        assert counts["fetched"] + counts["adopted"] == 4
        assert counts["more"] is True
        world.lapse()
    world.finish()
