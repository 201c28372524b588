"""A connection is cut at any turn, or a server goes away or hangs in the middle of its dialogue."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mailticket.errors import MailticketError
from services.gate import Fault, Turn
from services.letters import Letter, Writer
from services.world import World

MakeWorld = Callable[..., World]
CASES: list[tuple[str, str, Fault]] = [
    ("imap-move", "postgres", "cut"),
    ("pop3-delete", "postgres", "cut"),
    ("imap-delete", "postgres", "terminate"),
    ("imap-move", "imap", "cut"),
    ("imap-delete", "imap", "gone"),
    ("pop3-delete", "pop3", "gone"),
    ("imap-move", "imap", "hang"),
    ("pop3-delete", "pop3", "hang"),
    ("imap-keep", "smtp", "cut"),
    ("imap-delete", "smtp", "gone"),
]
FAULTS = 5
"""In the ordinary mode, for each case."""


def test_a_pass_whose_connection_breaks_is_put_right_by_the_next(
    make_world: MakeWorld, chance: random.Random, case: tuple[str, str, Fault]
) -> None:
    world, letters, turns = began(make_world, chance, case)
    for turn in chance.sample(turns, FAULTS):
        broken_at(world, letters, turn, case[2])


@pytest.mark.long
def test_a_pass_whose_connection_breaks_at_any_turn_is_put_right_by_the_next(
    make_world: MakeWorld, chance: random.Random, case: tuple[str, str, Fault]
) -> None:
    world, letters, turns = began(make_world, chance, case)
    for turn in [t for t in turns if t.asks or t.commits or t.server != "postgres"]:
        broken_at(world, letters, turn, case[2])


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str, Fault]:
    return request.param  # type: ignore[no-any-return]


def began(
    make_world: MakeWorld, chance: random.Random, case: tuple[str, str, Fault]
) -> tuple[World, list[Letter], list[Turn]]:
    world = make_world(case[0])
    world.timeout = 0.5 if case[2] == "hang" else world.timeout
    letters = Writer(chance, strangers=world.people).every_kind()
    world.begin(letters)
    turns = [turn for turn in world.turns(world.run) if turn.server == case[1]]
    assert len(turns) > 20
    return world, letters, turns


def broken_at(world: World, letters: list[Letter], turn: Turn, fault: Fault) -> None:
    broken: list[MailticketError] = []
    # On a machine that halts, the pass may give a server up before its turn has come.
    for _ in range(3):
        world.begin(letters)
        world.gate.arm(turn.number, fault)
        broken.clear()
        try:
            world.run("breaks")
        except MailticketError as error:
            broken.append(error)
        if world.gate.met:
            break
    # Airflow tries again by itself: nobody has to be called for a cable.
    assert all(error.transient for error in broken), f"{turn}: {broken}"
    assert world.gate.met, turn
    assert not world.gate.outlasted, turn
    world.finish()
