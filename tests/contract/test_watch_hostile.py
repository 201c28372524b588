"""The watch against servers that are half dead, lie, or send too much."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import MailboxUnavailable
from mailticket.mailboxes.login import MailboxLogin
from mailticket.watching import imap_dial
from mailticket.watching.imap_client import Connection

Work = Callable[[Connection], Awaitable[None]]
USUAL = {
    "CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE\r\n{tag} OK\r\n",
    "LOGIN": b"{tag} OK\r\n",
    "EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n{tag} OK\r\n",
    "UID": b"* SEARCH 1\r\n{tag} OK\r\n",
    "IDLE": b"+ idling\r\n",
    "DONE": b"{idle} OK\r\n",
    "LOGOUT": b"* BYE\r\n{tag} OK\r\n",
}


def with_server(
    work: Work, answers: Mapping[str, bytes | list[bytes]], greeting: bytes = b"* OK hello\r\n"
) -> None:
    """Let a connection work with a server that says what it is told to; of a list, one a time."""
    said = {name: [a] if isinstance(a, bytes) else list(a) for name, a in answers.items()}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        idle = b""
        while line := await reader.readline():
            tag, _, rest = line.strip().partition(b" ")
            name = "DONE" if tag == b"DONE" else rest.split()[0].decode()
            idle = tag if name == "IDLE" else idle
            known = said.get(name, [USUAL[name]])
            answer = known.pop(0) if len(known) > 1 else known[0]
            writer.write(answer.replace(b"{tag}", tag).replace(b"{idle}", idle))
        writer.close()

    async def go() -> None:
        server = await asyncio.start_server(serve, LOOPBACK, 0)
        port = server.sockets[0].getsockname()[1]
        login = MailboxLogin(LOOPBACK, port, "ann", "secret", tls="none")
        connection = await Connection.open(login, "INBOX", lambda _: ssl.create_default_context())
        try:
            await work(connection)
        finally:
            connection.close()
            server.close()

    asyncio.run(go())


async def look(connection: Connection) -> None:
    await connection.place()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_dial, "COMMAND_SECONDS", 0.5)


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"* BYE too many connections\r\n", "turns us away: too many connections"),
        (b"220 smtp.example ESMTP\r\n", "220 smtp.example"),
        (b"\r\n", "did not answer"),
    ],
)
def test_what_does_not_greet_is_told(greeting: bytes, told: str) -> None:
    with pytest.raises(MailboxUnavailable, match=told):
        with_server(look, {}, greeting)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"* 1 EXISTS\r\n",
        b"A" * 9_000_000,
        b"\xff\x00\xfe\r\n{tag} OK\r\n" * 3,
        b"* 1 EXISTS\r\nZZ9 OK nobody asked\r\n",
        b"* X {99999999999}\r\n",
    ],
    ids=["silence", "no end", "endless line", "garbage", "another's tag", "huge literal"],
)
def test_no_answer_blocks_or_breaks_the_watch(answer: bytes) -> None:
    async def answered(connection: Connection) -> None:
        try:
            await connection.place()
        except MailboxUnavailable:
            return
        # What can be read as an answer is one; the next command then has none.
        with pytest.raises(MailboxUnavailable):
            await connection.uids(0)

    with_server(answered, {"EXAMINE": answer, "UID": b""})


def test_mail_that_is_told_of_while_uids_are_listed_is_listed_too() -> None:
    async def listed(connection: Connection) -> None:
        await connection.place()
        assert await connection.uids(0) == [1, 2]

    told = [b"* SEARCH 1\r\n* 2 EXISTS\r\n{tag} OK\r\n", b"* SEARCH 1 2\r\n{tag} OK\r\n"]
    with_server(listed, {"UID": told})


def test_mail_that_is_told_of_as_idle_ends_is_heeded() -> None:
    async def heeded(connection: Connection) -> None:
        await connection.place()
        await connection.uids(0)
        async with connection.idling():
            assert await connection.stirs(0.1, lambda: True) == "quiet"
        async with connection.idling():
            assert await connection.stirs(0.1, lambda: True) == "mail"

    with_server(heeded, {"DONE": b"* 2 EXISTS\r\n{idle} OK\r\n"})


def test_twenty_thousand_messages_that_go_at_once_wake_nobody() -> None:
    async def undisturbed(connection: Connection) -> None:
        await connection.place()
        await connection.uids(0)
        async with connection.idling():
            assert await connection.stirs(0.4, lambda: True) == "quiet"
        assert await connection.uids(0) == [1]

    with_server(undisturbed, {"IDLE": b"+ idling\r\n" + b"* 1 EXPUNGE\r\n" * 20_000})
