"""The watcher of one inbox: it looks at its mailbox, hears of the database, and rings."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailticket.config import Inbox
from mailticket.errors import (
    InsecureConnection,
    MailboxError,
    MailboxUnavailable,
    MailticketError,
    NotFound,
)
from mailticket.keeper import signed_in_apart
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.login import MailboxLogin
from mailticket.sanitise import storable
from mailticket.store.watching import Marks, Watching
from mailticket.watching.health import Health
from mailticket.watching.imap_client import Connection
from mailticket.watching.imap_watch import look_once, watch_folder
from mailticket.watching.pop3_watch import Drop, look, watch_maildrop
from mailticket.watching.reasons import Reasons
from mailticket.watching.shared import Shared
from mailticket.watching.sights import Sight

_REREAD = 480.0
"""Seconds after which a Connection that works is read again."""
_MENDED = 30.0
"""Seconds after which one that does not work is: somebody may have mended it."""
_AGAIN = 5.0
"""Seconds after which to think again whether to ring for what was not done yet."""
_IN_TURN = 0.5
"""Seconds between two looks at whether a run wants the mailbox's only session."""
_LOG = logging.getLogger("mailticket.watch")


@dataclass(slots=True)
class Watcher:
    """Rings when a run has something to do; nothing is kept that a restart would lose."""

    name: str
    shared: Shared
    health: Health = field(default_factory=Health)
    reasons: Reasons = field(default_factory=Reasons)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _look: asyncio.Event = field(default_factory=asyncio.Event)
    _connection: Connection | None = None
    _is_locked: bool = False
    """Its mailbox takes one session at a time."""
    _is_gone: bool = False
    """There is no such inbox."""
    _works_with: tuple[object, ...] = ()
    _reread_at: float = 0.0

    async def rings(self) -> AsyncGenerator[str, None]:
        """Give a reason each time a run is to be started, until it is cancelled."""
        self.shared.join(self)
        mailbox = asyncio.create_task(self._keep_watching(), name=f"mailbox of {self.name}")
        try:
            while True:
                self._stirred.clear()
                if not self._is_gone and (why := self.reasons.due(time.monotonic())):
                    yield why
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN if self.reasons.are_any else None):
                        await self._stirred.wait()
        finally:
            self.shared.leave(self)
            mailbox.cancel()
            with contextlib.suppress(asyncio.CancelledError, MailticketError):
                await mailbox

    # -- what the others tell ----------------------------------------------------------------------

    @property
    def is_waiting(self) -> bool:
        """Tell whether a run was asked for that has not come yet.

        Where a mailbox takes one session at a time, also whether a run is at work.
        """
        at_work = self._is_locked and self.reasons.marks.busy
        return at_work or self.reasons.is_fetch_awaited(time.monotonic())

    @property
    def wants_marks(self) -> bool:
        """Tell whether it matters how far the runs are."""
        awaited = self.reasons.is_end_awaited(time.monotonic())
        return self._is_locked or self.is_waiting or awaited

    def told(self, asks: Mapping[str, str], marks: Marks | None) -> None:
        """Take what the poll found; look at the mailbox again when a run has been there."""
        if marks is not None and marks != self.reasons.marks:
            fetched = marks.fetched != self.reasons.marks.fetched
            self.reasons.marks = marks
            if fetched:
                self._look_again()
            self._stirred.set()
        if asks != self.reasons.asks:
            self.reasons.asks = asks
            self._stirred.set()

    def _look_again(self) -> None:
        self._look.set()
        if self._connection:
            self._connection.wake()

    def see(self, sight: Sight, how: str) -> None:
        """Take what a look at the mailbox showed."""
        recovered = self.health.recovered()
        if recovered:
            _LOG.info("inbox %s: its mailbox is well again", self.name)
            self.reasons.health = "the mailbox is well again"
        self.shared.well(self.name, how, at_once=recovered)
        self.reasons.sight = sight
        self._stirred.set()

    async def cursor(self, place: Place) -> int:
        """Give the UID up to which all messages there have rows; the marks are as fresh."""

        def ask(db: Watching) -> tuple[Marks, int]:
            return db.marks([self.name])[self.name], db.cursor(self.name, place)

        self.reasons.marks, cursor = await self.shared.ask(ask)
        return cursor

    async def unknown(self, place: Place, uids: Sequence[str]) -> list[str]:
        """Give those of the UIDs that have no row; the marks are as fresh."""

        def ask(db: Watching) -> tuple[Marks, list[str]]:
            return db.marks([self.name])[self.name], db.unknown(self.name, place, uids)

        self.reasons.marks, unknown = await self.shared.ask(ask)
        return unknown

    # -- the mailbox -------------------------------------------------------------------------------

    async def _keep_watching(self) -> None:
        """Watch the mailbox, again and again: whatever fails, the next try comes."""
        self.health.told = await self.shared.ask(lambda db: db.was_told(self.name))
        while True:
            login: MailboxLogin | None = None
            try:
                folder, between, login = await self._configured()
                await self._watch(folder, between, login)
            except NotFound:
                await self._be_nothing()
            except MailticketError as error:
                if not await self._gives_way(error):
                    await self._failed(error, login)
            except Exception as error:  # noqa: BLE001  a bug must leave no inbox unwatched
                _LOG.exception("inbox %s", self.name)
                await self._failed(MailboxError(f"{type(error).__name__}: {error}"), login)

    async def _watch(self, folder: str, between: float, login: MailboxLogin) -> None:
        """Watch in the way that protocol and server allow, until something is to be begun anew."""
        self._is_locked = login.protocol == "pop3" or login.limits.of_login == 1
        if login.protocol == "pop3":
            await watch_maildrop(self._look_once(login), login, self, between, self._look)
        elif login.limits.of_server:
            await self._look_now_and_then(folder, between, login)
        elif self._is_locked:
            await self._watch_in_turn(folder, between, login)
        else:
            async with self._connected(folder, login) as connection:
                await watch_folder(connection, self, between)

    async def _look_now_and_then(self, folder: str, between: float, login: MailboxLogin) -> None:
        """Keep no connection: the server grants so many, and the runs need them."""
        while await self.is_current():
            if not self.is_waiting:
                async with self._connected(folder, login) as connection:
                    await look_once(connection, self)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(between):
                    await self._look.wait()
            self._look.clear()

    async def _watch_in_turn(self, folder: str, between: float, login: MailboxLogin) -> None:
        """Leave the mailbox's only session to a run while one was asked for or is at work."""
        while self.is_waiting:  # noqa: ASYNC110  time alone may end it
            await asyncio.sleep(_IN_TURN)
        async with self._connected(folder, login) as connection:
            watching = asyncio.create_task(watch_folder(connection, self, between))
            try:
                while not (watching.done() or self.is_waiting):
                    await asyncio.wait({watching}, timeout=_IN_TURN)
            finally:
                watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    @contextlib.asynccontextmanager
    async def _connected(self, folder: str, login: MailboxLogin) -> AsyncIterator[Connection]:
        """Sign in when the login's keeper and the others on this server let us."""

        async def opened(token: str) -> Connection:
            with_token = replace(login, token=token)
            return await Connection.open(with_token, folder, self.shared.context)

        async with self.shared.turn(login):
            connection = await signed_in_apart(login.keeper, login.token, opened)
        self._connection = connection
        try:
            yield connection
        finally:
            self._connection = None
            connection.close()

    def _look_once(self, login: MailboxLogin) -> Callable[[str], Awaitable[Drop]]:
        async def once(volume: str) -> Drop:
            async with self.shared.turn(login):
                return await self.shared.look(lambda: look(login, volume))

        return once

    async def _configured(self) -> tuple[str, float, MailboxLogin]:
        """Give folder, seconds between two looks, and login: a thousand keep no more than that."""
        inbox, login = found = await self.shared.configured(self.name)
        self._works_with, self._is_gone = _lasting(found), False
        self._reread_at = time.monotonic() + _REREAD
        return inbox.mailbox, float(inbox.periodicity), login

    async def is_current(self) -> bool:
        """Tell whether configuration and Connection are those that this watcher works with."""
        if time.monotonic() < self._reread_at:
            return True
        self._reread_at = time.monotonic() + _REREAD
        return _lasting(await self.shared.configured(self.name)) == self._works_with

    def removed(self) -> None:
        """Take that there is no such inbox any more: look what is configured."""
        self._reread_at = 0.0
        self._look_again()

    async def _be_nothing(self) -> None:
        """Watch nothing: the inbox was removed; Airflow keeps this trigger all the same."""
        if not self._is_gone:
            _LOG.info("inbox %s is not watched any more: it was removed", self.name)
            self._is_gone = True
            self.reasons.forget()
            self.shared.not_well(self.name)
            await self.shared.ask(lambda db: db.forget(self.name))
        await asyncio.sleep(_MENDED)

    async def _gives_way(self, error: MailticketError) -> bool:
        """Wait a while if a run has the mailbox's only session: that is no failure, nor told."""
        if not (self._is_locked and isinstance(error, MailboxUnavailable) and error.crowded):
            return False
        busy = await self.shared.ask(lambda db: db.marks([self.name])[self.name].busy)
        if busy:
            await asyncio.sleep(_AGAIN)
        return busy

    # -- failures ----------------------------------------------------------------------------------

    async def _failed(self, error: MailticketError, login: MailboxLogin | None) -> None:
        """Note it, tell of it when it is time, and wait."""
        wait, tell = self.health.failed(time.monotonic(), error)
        self.shared.not_well(self.name)
        if isinstance(error, InsecureConnection):
            self.shared.forget_contexts()
        if tell:
            _LOG.warning("inbox %s cannot be watched: %s", self.name, error)
            self.reasons.health = f"the mailbox cannot be watched: {error}"
            self._stirred.set()
        since = time.monotonic() - (self.health.failing_since or time.monotonic())
        await self.shared.ask(
            lambda db: db.failing(self.name, storable(str(error)), since, told=self.health.told)
        )
        await self._pause(wait * random.uniform(0.9, 1.1), login)  # noqa: S311

    async def _pause(self, seconds: float, login: MailboxLogin | None) -> None:
        """Wait; sooner there is only hope when somebody has changed configuration or Connection."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _MENDED))
            if login is None or left <= _MENDED:
                continue
            with contextlib.suppress(MailticketError):
                if _lasting(await self.shared.configured(self.name)) != self._works_with:
                    return


def _lasting(found: tuple[Inbox, MailboxLogin]) -> tuple[object, ...]:
    """Give what a change of which calls for another connection; a token is renewed all the time."""
    inbox, login = found
    return replace(login, token=""), inbox.mailbox, inbox.periodicity
