"""An IMAP connection of the triggerer's event loop: signed in, one folder examined, waiting."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, Self

from mailticket.errors import (
    FolderMissing,
    InsecureConnection,
    MailboxUnavailable,
    MailticketError,
    SignInRefused,
)
from mailticket.mailboxes import sasl, server_words
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.imap_answer import folder_on_wire, quoted
from mailticket.mailboxes.login import MailboxLogin
from mailticket.watching.imap_dial import Contexts, connected, secured, translated
from mailticket.watching.imap_wire import LOST, WOKEN, Client, Unwelcome, Wire

_NUMBER = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d{1,19})\]", re.IGNORECASE)
_EXISTS = re.compile(rb"(\d{1,19}) EXISTS", re.IGNORECASE)


class Connection:
    """One signed-in connection; every error that leaves it is one of ours."""

    def __init__(self, login: MailboxLogin, folder: str, wire: Wire) -> None:
        self._login, self._folder = login, folder
        self._wire, self._client = wire, Client(wire)

    # -- commands ----------------------------------------------------------------------------------

    async def place(self) -> Place:
        """Examine the folder anew, and say what it is now."""
        answer = await self._do("EXAMINE", self._wire.examine(folder_on_wire(self._folder)))
        if answer.result != "OK":
            raise self._unopened(_words(answer))
        told = b"\n".join(line for line in answer.lines if isinstance(line, bytes))
        numbers = {name.upper(): int(number) for name, number in _NUMBER.findall(told)}
        exists = _EXISTS.findall(told)
        return Place(
            server=self._login.server,
            login=self._login.login,
            folder=self._folder,
            uidvalidity=numbers.get(b"UIDVALIDITY", 0),
            uidnext=numbers.get(b"UIDNEXT") or None,
            exists=int(exists[-1]) if exists else 0,
        )

    async def uids(self, above: int) -> list[int]:
        """List the UIDs above one, with those that come while they are listed."""
        self._wire.stirred = False
        found = await self._search(above)
        if self._wire.stirred:
            self._wire.stirred = False
            found = await self._search(above)
        return found

    async def _search(self, above: int) -> list[int]:
        # n:* also names the last message when it lies below n.
        criteria = ("UID", f"{above + 1}:*") if above else ("ALL",)
        answer = await self._do("SEARCH", self._wire.uid_search(*criteria))
        if answer.result != "OK":
            raise MailboxUnavailable(f"{self._login.server} does not search: {_words(answer)}")
        numbers = (int(word) for line in answer.lines[:-1] for word in _digits(line))
        return sorted(uid for uid in numbers if uid > above)

    @property
    def can_push(self) -> bool:
        """Tell whether the server has IDLE (RFC 2177)."""
        return bool(self._client.has_capability("IDLE"))

    @property
    def manner(self) -> str:
        """Say how new mail is noticed."""
        return "push" if self.can_push else "look"

    @contextlib.asynccontextmanager
    async def idling(self) -> AsyncIterator[None]:
        """Be told what happens in the folder while this lasts."""
        command = await self._do("IDLE", self._client.idle_start(timeout=10**6))
        command.add_done_callback(_heard)
        yield
        # After an error nothing more is said here: the connection is given up.
        await self._end_of_idle()

    async def _end_of_idle(self) -> None:
        command = self._wire.pending_sync_command
        self._client.idle_done()
        if command is not None:
            await self._do("DONE", command.wait())

    async def stirs(
        self, seconds: float, heeded: Callable[[], bool]
    ) -> Literal["mail", "woken", "quiet"]:
        """Wait until new mail is told of, somebody wakes us, or the time is over.

        ``heeded`` says whether to heed what the server tells now. Raises when the line is lost.
        """
        try:
            async with asyncio.timeout(seconds):
                while not (self._wire.stirred and heeded()):
                    told = await self._wire.idle_queue.get()
                    self._wire.heed()
                    if told is LOST or self._wire.is_lost is not None:
                        raise MailboxUnavailable(
                            f"{self._login.server} hung up: {self._wire.is_lost}"
                        )
                    if told is WOKEN:
                        return "woken"
        except TimeoutError:
            return "woken" if self._wire.stirred else "quiet"
        return "mail"

    def wake(self) -> None:
        """Let ``stirs`` return now."""
        self._wire.idle_queue.put_nowait(WOKEN)

    def close(self) -> None:
        """Say good-bye without waiting for an answer, and hang up."""
        if self._client._idle_waiter is not None:  # noqa: SLF001
            self._client._idle_waiter.cancel()  # noqa: SLF001
        transport = self._wire.transport
        if transport is None or transport.is_closing():
            return
        if self._wire.is_lost is None:
            idle = self._wire.has_pending_idle_command()
            transport.write(b"DONE\r\n" * idle + b"bye LOGOUT\r\n")
        transport.close()
        self._wire.loop.call_later(5, transport.abort)

    async def _do(self, step: str, work: Awaitable[Any]) -> Any:
        async with translated(step, self._login):
            return await work

    # -- refusals ----------------------------------------------------------------------------------

    def _unopened(self, words: str) -> MailticketError:
        said = server_words.blanked(words, self._login)
        server_words.refuse_to_be_throttled(words, self._login)
        told = f"{self._login.server} does not open the folder {self._folder!r}: {said}"
        passing = server_words.is_passing(words)
        return MailboxUnavailable(told) if passing else FolderMissing(told)

    # -- connecting --------------------------------------------------------------------------------

    @classmethod
    async def open(cls, login: MailboxLogin, folder: str, contexts: Contexts) -> Self:
        """Connect, encrypt and sign in; whether it is the time, the login's keeper knows."""
        wire = await connected(login, contexts)
        connection = cls(login, folder, wire)
        try:
            await connection._greeted()
            if login.tls == "starttls":
                await connection._encrypt(contexts(login))
            await connection._sign_in()
        except BaseException:
            wire.transport.abort()
            raise
        return connection

    async def _greeted(self) -> None:
        try:
            async with translated("greeting", self._login, self._login.timeout):
                await self._wire.greeted
        except Unwelcome as error:
            said = server_words.readable(error.line).removeprefix("* BYE").strip()
            told = f"{self._login.server} turns us away: {said}"
            raise MailboxUnavailable(told, server_words.backoff(said)) from None

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        # PREAUTH in clear would skip STARTTLS: somebody in between may have said it.
        if not self._client.has_capability("STARTTLS") or self._wire.state != "NONAUTH":
            raise InsecureConnection(
                f"{self._login.server} does not offer STARTTLS, and mail is never read in clear "
                f"instead: use tls = implicit and its port"
            )
        answer = await self._do("STARTTLS", self._wire.starttls())
        if answer.result != "OK":
            raise MailboxUnavailable(f"{self._login.server} refuses STARTTLS: {_words(answer)}")
        self._wire.transport = await secured(self._login, self._wire, context)
        await self._do("CAPABILITY", self._wire.capability())

    async def _sign_in(self) -> None:
        if self._wire.state == "NONAUTH":
            answer, fault = await self._authenticated()
            if answer.result != "OK":
                words = _words(answer)
                server_words.refuse_to_be_throttled(words, self._login)
                raise server_words.sign_in_fault(words + fault, self._login)
        await self._do("CAPABILITY", self._wire.capability())

    async def _authenticated(self) -> tuple[Any, str]:
        login, wire = self._login, self._wire
        mechanism = self._mechanism()
        if mechanism == "password":
            work = wire.login(quoted(login.login), login.password)
            return await self._do("sign-in", work), ""
        answerer = sasl.answerer(mechanism, login)
        answer = await self._do("sign-in", wire.authenticate(mechanism, answerer.answer))
        return answer, answerer.fault

    def _mechanism(self) -> str:
        login, offered = self._login, self._wire.capabilities
        if login.auth == "XOAUTH2" and not login.token:
            raise SignInRefused(f"there is no token to sign {login.login} in with XOAUTH2")
        if login.auth != "password":
            return login.auth
        plain = f"{login.login}{login.password}".isascii()
        if "LOGINDISABLED" not in offered and (plain or "AUTH=PLAIN" not in offered):
            return "password"
        if "AUTH=PLAIN" in offered:
            return "PLAIN"
        raise SignInRefused(f"{login.server} accepts no password on this connection")


def _heard(command: asyncio.Future[Any]) -> None:
    """Know of a failure that ``stirs`` tells."""
    if not command.cancelled():
        command.exception()


def _words(answer: Any) -> str:
    return server_words.readable(bytes(answer.lines[-1]) if answer.lines else b"")


def _digits(line: object) -> list[bytes]:
    words = bytes(line).split() if isinstance(line, bytes | bytearray) else []
    return [word for word in words if word.isdigit() and len(word) < 20]  # noqa: PLR2004
