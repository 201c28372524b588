"""A mail server that never ends its answer costs the triggerer, which all inboxes share, little."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import MailboxUnavailable
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.tls import context_for
from mailticket.watching.imap_client import Connection
from services.scripted_imap import ScriptedImap

MEGABYTE = 1024**2
ENDLESS = {
    "lines": b"* 1 EXISTS\r\n" * (2 * MEGABYTE),
    "a literal of 4 GB": b"* 1 FETCH (BODY[] {4294967296}\r\n" + b"x\r\n" * (14 * MEGABYTE),
    "a long line": b"* SEARCH" + b" 1" * (20 * MEGABYTE),
}


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with ScriptedImap(capabilities="IMAP4rev1 IDLE") as running:
        yield running


async def examined(server: ScriptedImap) -> Place:
    login = MailboxLogin(LOOPBACK, server.port, "ada", "secret", tls="none")
    connection = await Connection.open(login, "INBOX", context_for)
    try:
        return await connection.place()
    finally:
        connection.close()


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
def test_an_answer_without_an_end_ends_the_connection(answer: bytes, server: ScriptedImap) -> None:
    server.script.append(("EXAMINE .*", answer))
    with pytest.raises(MailboxUnavailable, match=r"more than was asked for|hung up"):
        asyncio.run(examined(server))


def test_a_long_answer_that_was_asked_for_is_read(server: ScriptedImap) -> None:
    numbers = b" ".join(b"%d" % uid for uid in range(10**6, 10**6 + 900_000))

    async def listed() -> list[int]:
        login = MailboxLogin(LOOPBACK, server.port, "ada", "secret", tls="none")
        connection = await Connection.open(login, "INBOX", context_for)
        try:
            await connection.place()
            return await connection.uids(0)
        finally:
            connection.close()

    server.script.append(("UID SEARCH .*", b"* SEARCH " + numbers + b"\r\nTAG OK done\r\n"))
    assert len(asyncio.run(listed())) == 900_000
