"""The watch of an inbox against real mail servers and the real database; Airflow is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from mailticket.watching import imap_watch, shared, watcher
from mailticket.watching.shared import Shared
from mailticket.watching.watcher import Watcher
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot

QUIET = 1.0
"""Seconds in which no bell is expected; a bell that is expected comes within ``SOON``."""
SOON = 20.0


class Bells:
    """The bells of one inbox, as Airflow would receive them."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.shared = Shared(arena.access)
        self.watcher = Watcher(arena.name, self.shared)
        self.rung: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> Bells:
        self._task = asyncio.create_task(self._listen())
        return self

    async def _listen(self) -> None:
        async with aclosing(self.watcher.rings()) as rings:
            async for why in rings:
                self.rung.put_nowait(why)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.shared.close()

    async def next(self, seconds: float = SOON) -> str:
        async with asyncio.timeout(seconds):
            return await self.rung.get()

    async def none(self, seconds: float = QUIET) -> None:
        await asyncio.sleep(seconds)
        assert self.rung.empty(), self.rung.get_nowait()

    async def settled(self) -> None:
        """Wait until the mailbox was looked at and all is quiet."""
        while not self.shared._well:
            self.raise_if_over()
            await asyncio.sleep(0.01)

    def raise_if_over(self) -> None:
        if self._task.done():
            self._task.result()

    async def run(self) -> Any:
        return await asyncio.to_thread(self.arena.run)


def watched(test: Callable[[Bells], Awaitable[None]], arena: Arena) -> None:
    async def go() -> None:
        async with Bells(arena) as bells:
            await test(bells)

    asyncio.run(go())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "POLL", 0.1)
    monkeypatch.setattr(shared, "UNDECIDED_POLL", 0.2)


def test_mail_rings_at_once_and_the_same_mail_only_once(make_arena: MakeArena) -> None:
    arena = make_arena()

    async def test(bells: Bells) -> None:
        await bells.settled()
        await bells.none(0.3)
        arena.deliver(mail())
        assert await bells.next() == "1 new message"
        await bells.none()
        await bells.run()
        await bells.none()
        arena.deliver(mail())
        assert await bells.next() == "1 new message"

    watched(test, arena)
