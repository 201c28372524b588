"""Killed among mapped tasks, in a storm that is held; and mail that vanishes on the way."""

from __future__ import annotations

import imaplib  # noqa: TID251 -- it plays another client
import random
from collections.abc import Callable
from functools import partial

import pytest

from mailticket.steps import filter as filtering
from services.at_once import at_once
from services.gate import chosen
from services.invariants import number_of
from services.letters import Writer
from services.world import World

MakeWorld = Callable[..., World]


def test_killed_among_tasks_that_share_a_step_the_run_comes_to_the_same(
    make_world: MakeWorld, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "PARSED_MESSAGES", 5)
    world = make_world("imap-delete")
    letters = Writer(chance).many(30)
    for _ in range(3):
        world.begin(letters)
        world.task(partial(world.steps, "run", "fetch"))
        world.task(partial(world.steps, "run", "filter"))
        [(batches,)] = world.rows("SELECT max(batch) FROM mailticket.attempt")
        assert batches > 2
        world.gate.arm(chance.randint(1, 200))
        shares = (partial(world.steps, "run", "parse", batch=n + 1) for n in range(batches))
        at_once(*(partial(world.task, share) for share in shares))
        world.gate.arm(chance.randint(1, 400))
        for step in ("upsert_ticket", "forward_errors", "cleanup", "report"):
            world.task(partial(world.steps, "run", step))
        undecided = world.rows("SELECT count(*) FROM mailticket.attempt WHERE status = 'new'")
        assert undecided == [(0,)], world.gate.met
        world.finish()


def test_killed_in_a_storm_as_many_tickets_are_made_as_may_be_and_it_is_told_once(
    make_world: MakeWorld, chance: random.Random
) -> None:
    world = make_world("imap-delete", {"cap_tickets_per_sender": ["3/120"]})
    writer = Writer(chance, people=40)
    for number in range(6):
        writer.loud(held=number > 2)
        writer.new()
    world.begin(writer.letters)
    turns = world.turns(world.run)
    for turn in chosen(turns, most=6, pick=chance.sample):
        world.begin(writer.letters)
        world.gate.arm(turn.number)
        world.killed(world.run)
        world.finish()


def test_a_mail_that_another_client_deletes_at_any_turn_is_handled_or_none(
    make_world: MakeWorld, chance: random.Random
) -> None:
    world = make_world("imap-delete")
    writer = Writer(chance)
    letters = writer.every_kind()
    writer.new()
    last = letters[-1].number
    world.begin(letters)
    turns = [turn for turn in world.turns(world.run) if turn.server == "imap" and turn.asks]
    for turn in chance.sample(turns, 6):
        world.begin(letters)
        world.gate.meanwhile = lambda now, at=turn.number: (
            delete(world, last) if now.number == at else None
        )
        world.run()
        world.gate.meanwhile = None
        known = [number_of(raw) for (raw,) in world.rows("SELECT raw FROM mailticket.original")]
        world.letters = [one for one in letters if one.number != last or last in known]
        world.vanished = last
        world.finish()


def delete(world: World, number: int) -> None:
    """Expunge one mail as another client does, beside the gate."""
    with imaplib.IMAP4(world.dovecot.host, world.dovecot.port) as client:
        client.login(world.user, world.dovecot.password)
        client.select()
        client.uid("STORE", str(number), "+FLAGS", r"(\Deleted)")
        client.uid("EXPUNGE", str(number))
