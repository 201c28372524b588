"""What all watchers of one triggerer share: threads, the database, TLS contexts, one poll."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from mailticket.airflow_access import Access
from mailticket.airflow_metrics import give_out
from mailticket.config import Inbox
from mailticket.errors import (
    ConfigurationError,
    ConnectionMissing,
    MailticketError,
    StoreOutdated,
    StoreUnavailable,
)
from mailticket.mailboxes import tls
from mailticket.mailboxes.login import MailboxLogin
from mailticket.store.measuring import Measuring
from mailticket.store.postgres import Database
from mailticket.store.watching import Marks, Watching
from mailticket.watching.variables import Variables

T = TypeVar("T")
Asks = dict[str, dict[str, str]]
POLL = 2.0
"""Seconds between two looks at the database."""
UNDECIDED_POLL = 10.0
_WELL_NOTED = 60.0
"""Seconds after which it is noted again that a mailbox is well."""
_FIGURES = 60.0
"""Seconds between two times at which metrics are told how things stand."""
_WITHOUT_DATABASE = 5.0
_AWAY = (StoreUnavailable, StoreOutdated, ConnectionMissing, ConfigurationError)
NAMES_POLL = 30.0
"""Seconds between two looks at which inboxes there are."""
_SIGN_INS = 6
"""At a time, to one server."""
_LOOKS = 8
"""Threads for mailboxes whose protocol is spoken in threads."""
_LOG = logging.getLogger("mailticket.watch")


class Member(Protocol):
    """A watcher, as the poll knows it."""

    name: str

    @property
    def wants_marks(self) -> bool:
        """It rang, and wants to know of runs."""
        ...

    def told(self, asks: Mapping[str, str], marks: Marks | None) -> None:
        """Take what waits in the database, and how far the runs are if that was asked for."""
        ...

    def removed(self) -> None:
        """Take that there is no such inbox any more."""
        ...


class Shared:
    """Made once for a process; works while at least one watcher is registered."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access
        self._variables = Variables()
        self._members: dict[int, Member] = {}
        self._contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_SIGN_INS)
        )
        self._well: dict[str, str] = {}
        self._clerk = ThreadPoolExecutor(1, "mailticket-clerk")
        self._readers = ThreadPoolExecutor(2, "mailticket-reader")
        self._lookers = ThreadPoolExecutor(_LOOKS, "mailticket-look")
        self._db: Database | None = None
        self._poll: asyncio.Task[None] | None = None
        self._here = asyncio.Event()
        """Set unless the database is known to be away."""
        self._here.set()
        self._names_at = time.monotonic() + NAMES_POLL
        self._undecided: Asks = {}
        self._undecided_at = self._note_at = self._figures_at = 0.0

    # -- who is here -------------------------------------------------------------------------------

    def join(self, member: Member) -> None:
        """Tell a watcher from now on what happens in the database."""
        self._members[id(member)] = member
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._polling(), name="mailticket database")

    def leave(self, member: Member) -> None:
        """Tell it nothing any more; the last one puts out the light."""
        self._members.pop(id(member), None)
        self._well.pop(member.name, None)
        if not self._members and self._poll:
            self._poll.cancel()
            self._poll = None

    # -- Airflow -----------------------------------------------------------------------------------

    async def configured(self, name: str) -> tuple[Inbox, MailboxLogin]:
        """Read an inbox and its Connection as they are now."""

        def read() -> tuple[Inbox, MailboxLogin]:
            access = self._access()
            inbox = self._variables.inbox(access, name)
            return inbox, access.mailbox_login(inbox)

        return await self._in(self._readers, read)

    async def _look_for_removed(self) -> None:
        """Tell watchers whose inbox is gone: Airflow keeps the trigger of a DAG that went away."""
        if time.monotonic() < self._names_at:
            return
        self._names_at = time.monotonic() + NAMES_POLL
        try:
            names = await self._in(self._readers, lambda: self._variables.names(self._access()))
        except Exception:  # noqa: BLE001  nobody is removed because Airflow did not answer
            return
        for member in list(self._members.values()):
            if member.name not in names:
                member.removed()

    # -- the database ------------------------------------------------------------------------------

    async def ask(self, question: Callable[[Watching], T]) -> T:
        """Ask the database; waits while it is out of reach, or its schema is not that of the code.

        Only the poll tries then: a thousand watchers would stand in its way.
        """
        while True:
            await self._here.wait()
            try:
                return await self._in(self._clerk, lambda: question(self._watching()))
            except _AWAY:
                self._here.clear()

    def _watching(self) -> Watching:
        if self._db is None:
            self._db = self._access().database()
        return Watching(self._db)

    def _drop(self) -> None:
        """Read the database's Connection anew with the next question."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def well(self, name: str, how: str, *, at_once: bool = False) -> None:
        """Have it noted that a mailbox is well."""
        self._well[name] = how
        if at_once:
            self._note_at = 0.0

    def not_well(self, name: str) -> None:
        """Have it noted no longer."""
        self._well.pop(name, None)

    async def _polling(self) -> None:
        away = False
        while True:
            try:
                await self._tell()
                self._here.set()
                await self._note_well()
                await self._give_figures()
                if away:
                    _LOG.info("the database is back")
                away = False
            except MailticketError as error:
                if not away:
                    _LOG.warning("inboxes cannot be compared with their rows: %s", error)
                away = True
                await self._in(self._clerk, self._drop)
            except Exception:  # noqa: BLE001  the poll serves all: a bug must not end it
                _LOG.exception("the database is not asked")
            await self._look_for_removed()
            await asyncio.sleep(_WITHOUT_DATABASE if away else POLL)

    async def _tell(self) -> None:
        members = list(self._members.values())
        asks, marks = await self._in(
            self._clerk, lambda: self._look({m.name for m in members if m.wants_marks})
        )
        for member in members:
            member.told(asks.get(member.name, {}), marks.get(member.name))

    def _look(self, waiting: set[str]) -> tuple[Asks, dict[str, Marks]]:
        watching = self._watching()
        if time.monotonic() >= self._undecided_at:
            self._undecided = watching.undecided()
            self._undecided_at = time.monotonic() + UNDECIDED_POLL
        asks = watching.asks()
        for inbox, keys in self._undecided.items():
            asks[inbox] = asks.get(inbox, {}) | keys
        interested = waiting | asks.keys()
        return asks, watching.marks(interested) if interested else {}

    async def _note_well(self) -> None:
        if not self._well or time.monotonic() < self._note_at:
            return
        self._note_at = time.monotonic() + _WELL_NOTED
        well = list(self._well.items())
        await self._in(self._clerk, lambda: self._watching().well(well))

    async def _give_figures(self) -> None:
        """Tell metrics how things stand, also while no run starts: then they matter most."""
        if time.monotonic() < self._figures_at:
            return
        self._figures_at = time.monotonic() + _FIGURES
        names = [member.name for member in self._members.values()]
        await self._in(self._clerk, lambda: give_out(Measuring(self._watching().db).levels(names)))

    # -- servers -----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def turn(self, login: MailboxLogin) -> AsyncIterator[None]:
        """Wait for one's turn to sign in: a thousand at once would lock everybody out."""
        async with self._gates[login.server]:
            yield

    async def look(self, work: Callable[[], T]) -> T:
        """Work in one of the threads for mailboxes."""
        return await self._in(self._lookers, work)

    def context(self, login: MailboxLogin) -> ssl.SSLContext:
        """Give the TLS context of a login: the same for all that trust the same."""
        key = (login.verify, login.ca, login.client_cert, login.client_key)
        if key not in self._contexts:
            self._contexts[key] = tls.context_for(login)
        return self._contexts[key]

    def forget_contexts(self) -> None:
        """Read certificates anew: one was not trusted, and may have been replaced meanwhile."""
        self._contexts.clear()

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def close(self) -> None:
        """Give threads and connection back."""
        await self._in(self._clerk, self._drop)
        for threads in (self._clerk, self._readers, self._lookers):
            threads.shutdown(wait=False)


_OF_LOOP: dict[Any, Shared] = {}


def shared(access: Callable[[], Access]) -> Shared:
    """Give what the watchers of this event loop share."""
    loop = asyncio.get_running_loop()
    for other in [each for each in _OF_LOOP if each.is_closed()]:
        del _OF_LOOP[other]
    if loop not in _OF_LOOP:
        _OF_LOOP[loop] = Shared(access)
    return _OF_LOOP[loop]
