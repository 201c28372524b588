"""Two passes over one inbox at once, and a run that is cleared while another one works."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial

import pytest

from mailticket.errors import MailticketError
from mailticket.ingest import STEPS
from services.at_once import at_once
from services.letters import Writer
from services.world import World

MakeWorld = Callable[..., World]


@pytest.fixture(params=["imap-delete", "imap-move", "pop3-delete"])
def world(request: pytest.FixtureRequest, make_world: MakeWorld, chance: random.Random) -> World:
    world = make_world(request.param)
    world.begin(Writer(chance, strangers=world.people).many(25))
    return world


def test_two_passes_at_once_do_the_work_once(world: World) -> None:
    at_once(partial(world.run, "first"), partial(world.run, "second"))
    world.finish()


def test_a_pass_that_takes_over_from_one_that_still_works_doubles_nothing(
    world: World, chance: random.Random
) -> None:
    """The lease runs out under the first pass at some turns: another one begins beside it."""
    turns = [one.number for one in world.turns(partial(world.run, "counted")) if one.begins]
    for at in chance.sample(turns, 3):
        world.begin(world.letters)
        world.gate.arm(0)
        others: list[int] = []

        def take_over(now: object, at: int = at, others: list[int] = others) -> None:
            if not others and getattr(now, "number", 0) == at:
                others.append(1)
                world.lapse()
                others.append(os.fork() or _quit_after(partial(world.run, "other")))

        world.gate.meanwhile = take_over
        world.killed(partial(world.run, "first"))
        world.gate.meanwhile = None
        for child in others[1:]:
            os.waitpid(child, 0)
        world.finish()


def _quit_after(work: Callable[[], object]) -> int:
    """Do it in this process, which is a child, and end it."""
    try:
        work()
    except MailticketError:
        os._exit(3)
    finally:
        os._exit(0)


def test_a_run_that_is_cleared_while_another_one_works_and_both_are_killed(
    world: World, chance: random.Random
) -> None:
    """As Airflow has it: tasks in processes of their own, each tried again when it is killed."""
    letters = list(world.letters)
    world.begin(letters, 12)
    world.run("past")
    world.deliver_more(letters, len(letters))
    world.most_attempts = 2
    turns = len(world.turns(lambda: world.clear("past", "filter")))
    for clear_number, again in ((2, "filter"), (3, "parse")):
        world.most_attempts += 1
        world.gate.arm(chance.randint(1, 2 * turns))
        new = partial(world.tasks, f"new {clear_number}")
        cleared = partial(cleared_tasks, world, again, clear_number)
        at_once(new, cleared)
    world.finish()


def cleared_tasks(world: World, first: str, clear_number: int) -> None:
    names = list(STEPS)
    for step in names[names.index(first) :]:
        world.task(lambda step=step: world.steps("past", step, clear_number=clear_number))
