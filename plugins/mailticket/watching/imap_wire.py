"""aioimaplib, bounded: what a hostile or half-dead server sends ends the connection, not us."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable
from typing import Any

from aioimaplib import aioimaplib

# It would log what is sent, passwords in one of their spellings, and each unasked line.
logging.getLogger(aioimaplib.__name__).setLevel(logging.WARNING)

SELECTED = aioimaplib.SELECTED
COMPLAINTS: tuple[type[Exception], ...] = (
    aioimaplib.AioImapException,
    OSError,
    UnicodeError,
    ValueError,
    RecursionError,
    AttributeError,
)
"""What the library raises when an answer is none."""
LOST: list[bytes] = []
"""Stands among what the server pushes, for: the connection is gone."""
WOKEN: list[bytes] = []
"""Stands there for: somebody of ours wants another look."""
_LINES_AT_ONCE = 50
"""The library goes one call deeper for each line of a packet."""
_LONGEST_LINE = 16 * 1024**2
"""Bytes: a SEARCH over two million messages, the first look at a large folder."""
_LONGEST_ANSWER = 32 * 1024**2
"""Bytes until we say or take something again: a SEARCH over three million messages."""
_LINE_COSTS = 50
"""Bytes of memory beside its own."""
_EXISTS = re.compile(rb"\* \d{1,19} EXISTS\s*", re.IGNORECASE)


class Unwelcome(Exception):
    """The first line is no greeting."""

    def __init__(self, line: bytes) -> None:
        super().__init__(line)
        self.line = line


class Wire(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]  # it has no types
    """The protocol of one connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, self._lost)
        self.is_lost: BaseException | None = None
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.stirred = False
        """The server told of mail since this was last set to False."""
        self.answer: Callable[[bytes], bytes] | None = None
        """Answers the server's questions while signing in."""
        self._unheeded = 0
        """Bytes since we last said or took something: the library keeps them all."""

    def data_received(self, data: bytes) -> None:
        """Pass on a few lines at a time."""
        self._unheeded += len(data) + _LINE_COSTS * data.count(b"\n")
        if self._unheeded > _LONGEST_ANSWER:
            self.is_lost = ConnectionError("it sends more than was asked for")
            self.transport.abort()
            return
        if len(self.incomplete_line) + len(data) > _LONGEST_LINE and b"\n" not in data:
            self.transport.abort()
            return
        lines = data.splitlines(keepends=True) if data.count(b"\n") > _LINES_AT_ONCE else [data]
        for start in range(0, len(lines), _LINES_AT_ONCE):
            super().data_received(b"".join(lines[start : start + _LINES_AT_ONCE]))

    def _lost(self, error: BaseException | None) -> None:
        """Wake whoever waits: the library itself would let them wait for ever."""
        self.is_lost = self.is_lost or error or ConnectionError("the server hung up")
        self.idle_queue.put_nowait(LOST)
        self._have_greeted(ConnectionError(str(self.is_lost)))
        pending = [self.pending_sync_command, *self.pending_async_commands.values()]
        for command in pending:
            if command is not None:
                command._exception = aioimaplib.Abort(str(self.is_lost))  # noqa: SLF001
                command._timer.cancel()  # noqa: SLF001
                command._event.set()  # noqa: SLF001

    def heed(self) -> None:
        """Let the server say as much as an answer may be long, from now on."""
        self._unheeded = 0

    def send(self, line: str, scrub: str | None = None) -> None:
        """Say something; what is answered is counted from here."""
        self.heed()
        super().send(line, scrub)

    async def welcome(self, command: bytes) -> None:
        """Read the greeting; ``greeted`` says how it went."""
        try:
            if b"PREAUTH" in command.upper():
                self.state = aioimaplib.AUTH
            elif b" OK" in command.upper():
                self.state = aioimaplib.NONAUTH
            else:
                self._have_greeted(Unwelcome(bytes(command)))
                return
            await self.capability()
            self._have_greeted(None)
        except Exception as error:  # noqa: BLE001  told by whoever waits for the greeting
            self._have_greeted(error)

    def _have_greeted(self, error: Exception | None) -> None:
        if self.greeted.done():
            return
        if error is None:
            self.greeted.set_result(None)
        else:
            self.greeted.set_exception(error)
            self.greeted.exception()  # nobody may be waiting any more

    async def capability(self) -> None:
        """Ask for the capabilities, whose case means nothing."""
        response = await self.execute(self._command("CAPABILITY"))
        told = b" ".join(bytes(line) for line in response.lines[:-1])
        self.capabilities = set(told.decode("ascii", "replace").upper().split())

    def _untagged_response(self, line: bytes) -> Any:
        """Notice new mail wherever it is told: the library drops what no command asked for."""
        if _EXISTS.fullmatch(line):
            self.stirred = True
        return super()._untagged_response(line)

    def _continuation(self, line: bytes) -> None:
        command = self.pending_sync_command
        if command is None or command.name != "AUTHENTICATE" or self.answer is None:
            super()._continuation(line)
            return
        said = base64.b64encode(self.answer(_challenge(line)))
        self.transport.write(said + b"\r\n")

    # -- commands that the library does not have ---------------------------------------------------

    async def authenticate(self, mechanism: str, answer: Callable[[bytes], bytes]) -> Any:
        """AUTHENTICATE (RFC 3501, 6.2.2), each answer on a line of its own."""
        self.answer = answer
        try:
            response = await self.execute(self._command("AUTHENTICATE", mechanism))
        finally:
            self.answer = None
        if response.result == "OK":
            self.state = aioimaplib.AUTH
        return response

    async def starttls(self) -> Any:
        """Ask for STARTTLS; what the server said in clear after its OK is forgotten."""
        response = await self.execute(self._command("STARTTLS"))
        self.incomplete_line = b""
        return response

    async def examine(self, folder: str) -> Any:
        """Open a folder without touching it: no message stops being recent (RFC 3501, 6.3.2)."""
        self.state = aioimaplib.AUTH if self.state == SELECTED else self.state
        response = await self.execute(self._command("EXAMINE", folder))
        if response.result == "OK":
            self.state = SELECTED
        return response

    async def uid_search(self, *criteria: str) -> Any:
        """UID SEARCH without a charset, which some servers refuse."""
        return await self.search(*criteria, by_uid=True, charset=None)

    def _command(self, name: str, *arguments: str) -> Any:
        return aioimaplib.Command(name, self.new_tag(), *arguments, loop=self.loop)


class Client(aioimaplib.IMAP4):  # type: ignore[misc]  # it has no types
    """The library's client on a connection that we have made."""

    def __init__(self, wire: Wire) -> None:
        self.given = wire
        super().__init__(loop=wire.loop)

    def create_client(self, *_: Any, **__: Any) -> None:
        """Take the connection that is there."""
        self.protocol = self.given


def _challenge(line: bytes) -> bytes:
    try:
        return base64.b64decode(line.removeprefix(b"+").strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
