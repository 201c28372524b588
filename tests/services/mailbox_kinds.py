"""Mailboxes of every kind, and what a test does to them from outside, by another client."""

from __future__ import annotations

import imaplib  # noqa: TID251 - the other client, beside ours
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from mailticket.mailboxes.base import Mailbox
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.memory import MemoryFolder, MemoryServer
from mailticket.mailboxes.opening import open_mailbox


class Kind(Protocol):
    """What the tests do to a mailbox from outside."""

    def open(self, folder: str | None = None) -> AbstractContextManager[Mailbox]: ...
    def deliver(self, original: bytes) -> None: ...
    def create(self, folder: str) -> None: ...
    def remove(self, uid: str) -> None: ...
    def flags(self) -> set[bytes]: ...


@dataclass
class InMemory:
    server: MemoryServer = field(default_factory=MemoryServer)

    def open(self, folder: str | None = None) -> AbstractContextManager[Mailbox]:
        return self.server.open(folder)

    def deliver(self, original: bytes) -> None:
        self.server.deliver(original)

    def create(self, folder: str) -> None:
        self.server.folders[folder] = MemoryFolder()

    def remove(self, uid: str) -> None:
        self.server.folders["INBOX"].take(int(uid))

    def flags(self) -> set[bytes]:
        return set()


@dataclass
class OverImap:
    login: MailboxLogin

    def open(self, folder: str | None = None) -> AbstractContextManager[Mailbox]:
        return open_mailbox(self.login, folder)

    def deliver(self, original: bytes) -> None:
        with self._client() as client:
            assert client.append("INBOX", None, None, original)[0] == "OK"

    def create(self, folder: str) -> None:
        with self._client() as client:
            assert client.create(f'"{folder}"')[0] == "OK"

    def remove(self, uid: str) -> None:
        with self._client() as client:
            client.select()
            client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
            client.uid("EXPUNGE", uid)

    def flags(self) -> set[bytes]:
        with self._client() as client:
            client.select(readonly=True)
            lines = client.uid("FETCH", "1:*", "(FLAGS)")[1]
            found = {flag for line in lines for flag in imaplib.ParseFlags(line)}
            return found - {rb"\Recent"}

    def _client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4(self.login.host, self.login.port)
        client.login(self.login.login, self.login.password)
        return client


@dataclass
class OverPop3(OverImap):
    """A maildrop of Dovecot or Cyrus: read by POP3, looked at from outside by IMAP."""

    pop3_port: int = 0

    def open(self, folder: str | None = None) -> AbstractContextManager[Mailbox]:
        return open_mailbox(replace(self.login, port=self.pop3_port, protocol="pop3"), folder)

    def remove(self, uid: str) -> None:
        # Dovecot's UIDL begins with the UID in hex, Cyrus's ends with it.
        super().remove(uid.rpartition(".")[2] if "." in uid else str(int(uid[:8], 16)))
