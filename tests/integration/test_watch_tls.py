"""The watch, like a run, is not talked out of STARTTLS."""

from __future__ import annotations

import asyncio

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import InsecureConnection
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.tls import context_for
from mailticket.watching.imap_client import Connection
from services.scripted_imap import ScriptedImap


@pytest.mark.parametrize(
    ("greeting", "capabilities"),
    [
        (b"* OK ready\r\n", "IMAP4rev1 IDLE"),
        (b"* PREAUTH welcome\r\n", "IMAP4rev1 IDLE"),
        (b"* PREAUTH welcome\r\n", "IMAP4rev1 IDLE STARTTLS"),
    ],
)
def test_no_secret_and_no_folder_is_asked_for_in_clear(greeting: bytes, capabilities: str) -> None:
    with ScriptedImap(greeting=greeting, capabilities=capabilities) as server:
        login = MailboxLogin(LOOPBACK, server.port, "ada", "secret", tls="starttls")
        with pytest.raises(InsecureConnection, match="never read in clear"):
            asyncio.run(Connection.open(login, "INBOX", context_for))
        said = {command.partition(" ")[0] for command in server.commands}
    assert said <= {"CAPABILITY", "LOGOUT"}
