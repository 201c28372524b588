"""Random kills over thousands of mails that go on arriving: only bin/test --long does it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import partial

import pytest

from mailticket.ingest import STEPS
from services.letters import Writer
from services.world import INBOXES, World

MakeWorld = Callable[..., World]
KILLS = int(os.environ.get("MAILTICKET_KILLS", "1000"))
MAILS = 5 * KILLS
TOLD = 50
"""Kills between two lines of progress, each of which looks whether all is in order."""


@pytest.mark.long
@pytest.mark.parametrize("kind", INBOXES)
def test_random_kills_over_thousands_of_mails(
    make_world: MakeWorld,
    chance: random.Random,
    kind: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailticket.ahead.TOGETHER", 3)  # passes of both kinds: some parse beside
    monkeypatch.setattr("mailticket.steps.fetch.BATCH_MESSAGES", 4)
    world = make_world(kind, unknown_caller_reply=None)
    letters = Writer(chance, people=200).many(MAILS // len(INBOXES))
    world.begin(letters, 0)
    assault = Assault(world, chance)
    began, kills = time.monotonic(), KILLS // len(INBOXES)
    while assault.kills < kills:
        world.deliver_more(letters, len(letters) * (assault.kills + 1) // kills)
        before = assault.kills
        assault.go_on()
        if assault.kills > before and assault.kills % TOLD == 0:
            world.require_order()
            with capsys.disabled():
                minutes = (time.monotonic() - began) / 60
                print(  # noqa: T201  it takes long
                    f"\n{kind}: {assault.kills} kills of {assault.tries} processes,"
                    f" {len(world.letters)} mails, {minutes:.1f} min", end="", flush=True,
                )  # fmt: skip
    world.deliver_more(letters, len(letters))
    world.finish()


class Assault:
    """Runs that are killed: tried again as they are, or left to the next one."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.kills = self.tries = self.runs = 0
        self.turns, self.seconds = 600, 1.0

    def go_on(self) -> None:
        """Take a pass, or a run of tasks, that may be killed at a turn or at a moment."""
        work = self._work()
        self.tries += 1
        after = self.chance.uniform(0.01, self.seconds) if self.chance.random() < 0.3 else None
        self.world.gate.arm(0 if after else self.chance.randint(1, self.turns))
        began = time.monotonic()
        if self.world.killed(work, after):
            self.kills += 1
            return
        self.turns = max(300, (self.turns + len(self.world.gate.turns)) // 2)
        self.seconds = 0.7 * self.seconds + 0.3 * (time.monotonic() - began)

    def _work(self) -> Callable[[], object]:
        if self.chance.random() < 0.4:
            self.runs += 1
            self.world.lapse()  # somebody else's turn
        name = f"run {self.runs}"
        if self.runs % 2:
            return partial(self.world.run, name)
        return partial(self.world.steps, name, *STEPS)
