"""Watching one IMAP folder: pushed by IDLE where the server has it, else by a look now and then."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from mailticket.mailboxes.base import Place
from mailticket.watching.imap_client import Connection
from mailticket.watching.sights import Sight, by_name, by_uid

RENEWAL = 540.0
"""Seconds of one IDLE: servers end it after 30 minutes, a silent line has to be noticed sooner."""


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
    while await watched.is_current():
        place = await connection.place()
        watched.see(await _sight(connection, watched, place), connection.manner)
        if connection.can_push:
            await _told(connection, watched, place, RENEWAL * random.uniform(0.8, 1.0))  # noqa: S311
        else:
            await connection.stirs(between, lambda: False)


async def look_once(connection: Connection, watched: Watched) -> None:
    """Look at a folder on a connection that is not kept."""
    watched.see(await _sight(connection, watched, await connection.place()), "look")


async def _told(connection: Connection, watched: Watched, place: Place, seconds: float) -> None:
    """Look again each time something is pushed, until the IDLE is to be renewed or we are woken."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    place = replace(place, uidnext=None)  # it is out of date from now on
    while (left := end - loop.time()) > 0:
        async with connection.idling():
            stirred = await connection.stirs(left, lambda: not watched.is_waiting)
        if not stirred:
            return
        watched.see(await _sight(connection, watched, place), connection.manner)


async def _sight(connection: Connection, watched: Watched, place: Place) -> Sight:
    if not place.uidvalidity:
        uids = [str(uid) for uid in await connection.uids(0)]
        return by_name(await watched.unknown(place, uids))
    cursor = await watched.cursor(place)
    if place.uidnext is not None and place.uidnext <= cursor:
        return Sight(f"{place.uidvalidity}:anew:{place.uidnext}", "the folder was made anew")
    return by_uid(place.uidvalidity, cursor, await connection.uids(cursor))
