"""Watching one maildrop: a look now and then, in one of a few threads that all watchers share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailticket.mailboxes import pop3_session
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.pop3_maildrop import maildrop
from mailticket.watching.imap_watch import Watched
from mailticket.watching.sights import by_name

_LISTED_ANYWAY = 20
"""Looks after which the UIDLs are asked for though number and size are as they were."""


@dataclass(frozen=True, slots=True)
class Drop:
    """What a maildrop held: how many messages of how many bytes, and their UIDLs if asked for."""

    volume: str
    uids: tuple[str, ...] | None


def look(login: MailboxLogin, known_volume: str) -> Drop:
    """Sign in, and list the UIDLs unless STAT says what it said before; deletes nothing."""
    wire = pop3_session.open_session(login)
    try:
        with pop3_session.translated("STAT", login):
            wire.begin()
            volume = wire.short("STAT")
            uids = None
            if volume != known_volume:
                _, numbers = maildrop(wire)
                uids = tuple(numbers)
            wire.begin()
            with contextlib.suppress(Exception):
                wire.short("QUIT")
    finally:
        wire.hang_up()
    return Drop(volume, uids)


async def watch_maildrop(
    once: Callable[[str], Awaitable[Drop]],
    login: MailboxLogin,
    watched: Watched,
    between: float,
    woken: asyncio.Event,
) -> None:
    """Look every ``between`` seconds, and when woken; raises ``MailboxError``.

    Returns when the configuration is another one.

    A maildrop is locked by whoever reads it: while a run was asked for or is at work, nobody looks.
    """
    place = Place(login.server, login.login, "INBOX", 0)
    volume, looks = "", 0
    while await watched.is_current():
        if not watched.is_waiting:
            drop = await once(volume if looks % _LISTED_ANYWAY else "")
            looks, volume = looks + 1, drop.volume
            if drop.uids is not None:
                watched.see(by_name(await watched.unknown(place, drop.uids)), "look")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(between):
                await woken.wait()
                volume = ""
        woken.clear()
