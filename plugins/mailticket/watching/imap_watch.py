"""Watching one IMAP folder: pushed by IDLE where the server has it, else by a look now and then."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from mailticket.mailboxes.base import Place
from mailticket.watching.imap_client import Connection
from mailticket.watching.sights import NOTHING_NEW, Sight, by_name, by_uid
from mailticket.watching.trust import Trust


class Watched(Protocol):
    """Who wants to know, and what he knows."""

    async def cursor(self, place: Place) -> int:
        """Give the UID up to which all messages there have rows."""
        ...

    async def unknown(self, place: Place, uids: Sequence[str]) -> list[str]:
        """Give those of the UIDs that have no row."""
        ...

    def see(self, sight: Sight, how: str) -> None:
        """Take what a look showed; ``how`` is ``push`` or ``look``."""
        ...

    @property
    def is_waiting(self) -> bool:
        """A run was asked for that has not come yet: it will look itself."""
        ...

    async def is_current(self) -> bool:
        """Tell whether configuration and Connection are still those of this connection."""
        ...


async def watch_folder(connection: Connection, watched: Watched, between: float) -> None:
    """Look at a folder and be told of it; raises ``MailboxError`` when the connection fails.

    Returns when the configuration is another one. ``between``: seconds between two looks where the
    server cannot push.
    """
    trust, sight, ended = Trust(between), NOTHING_NEW, ""
    while await watched.is_current():
        place = await connection.place()
        before, sight = sight, await _sight(connection, watched, place)
        if ended == "quiet":
            trust.judge(missed=sight.key not in {None, before.key})
        watched.see(sight, connection.manner)
        if connection.can_push:
            sight, ended = await _told(connection, watched, place, sight, trust)
        else:
            await connection.stirs(between, lambda: False)


async def look_once(connection: Connection, watched: Watched) -> None:
    """Look at a folder on a connection that is not kept."""
    watched.see(await _sight(connection, watched, await connection.place()), "look")


async def _told(
    connection: Connection, watched: Watched, place: Place, sight: Sight, trust: Trust
) -> tuple[Sight, str]:
    """Look again each time something is pushed; give what was seen last, and why that ended."""
    loop = asyncio.get_running_loop()
    end = loop.time() + trust.seconds * random.uniform(0.9, 1.0)  # noqa: S311
    place = replace(place, uidnext=None)  # it is out of date from now on
    while (left := end - loop.time()) > 0:
        async with connection.idling():
            ended = await connection.stirs(left, lambda: not watched.is_waiting)
        if ended != "mail":
            return sight, ended
        trust.restore()
        sight = await _sight(connection, watched, place)
        watched.see(sight, connection.manner)
    return sight, "mail"


async def _sight(connection: Connection, watched: Watched, place: Place) -> Sight:
    if not place.uidvalidity:
        uids = [str(uid) for uid in await connection.uids(0)]
        return by_name(await watched.unknown(place, uids))
    cursor = await watched.cursor(place)
    if place.uidnext is not None and place.uidnext <= cursor:
        return Sight(f"{place.uidvalidity}:anew:{place.uidnext}", "the folder was made anew")
    return by_uid(place.uidvalidity, cursor, await connection.uids(cursor))
