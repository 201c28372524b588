"""A mailbox in memory: what an IMAP server does, as far as ``Mailbox`` shows it, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from mailticket.errors import (
    FolderMissing,
    MailboxError,
    MailboxUnavailable,
    MessageGone,
    ReadOnlyFolder,
)
from mailticket.mailboxes.base import Fetched, Listed, Place, Settled, Settlement

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class MemoryFolder:
    """One folder: its messages by UID, in their order."""

    uidvalidity: int = 1
    uidnext: int = 1
    read_only: bool = False
    originals: dict[int, bytes] = field(default_factory=dict)
    received: dict[int, datetime] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)
    """UID to the reason why the server does not give it."""

    def add(self, original: bytes, received_at: datetime = _EPOCH) -> str:
        """Deliver one message; returns its UID."""
        uid = self.uidnext
        self.uidnext += 1
        self.originals[uid] = original
        self.received[uid] = received_at
        return str(uid)

    def take(self, uid: int) -> bytes:
        """Remove one message."""
        self.received.pop(uid, None)
        return self.originals.pop(uid)

    def renew(self) -> None:
        """Change UIDVALIDITY and number all messages anew, in their order."""
        kept = list(self.originals.items())
        received = dict(self.received)
        self.originals, self.received, self.uidnext = {}, {}, 1
        self.uidvalidity += 1
        for uid, original in kept:
            self.add(original, received.get(uid, _EPOCH))


@dataclass(slots=True)
class MemoryServer:
    """Folders that outlive the sessions on them."""

    folders: dict[str, MemoryFolder] = field(default_factory=lambda: {"INBOX": MemoryFolder()})
    name: str = "memory:0"
    login: str = "somebody"
    down: str = ""
    """Not empty: out of reach, for this reason."""

    def deliver(self, original: bytes, folder: str = "INBOX") -> str:
        """Put a mail into a folder, which is created when missing; returns its UID."""
        return self.folders.setdefault(folder, MemoryFolder()).add(original)

    def open(self, folder: str | None = None) -> MemoryMailbox:
        """Give a mailbox to be entered by ``with``."""
        return MemoryMailbox(self, folder or "INBOX")

    def find(self, folder: str) -> MemoryFolder:
        """Give a folder, INBOX in any case; raises ``FolderMissing``."""
        name = "INBOX" if folder.upper() == "INBOX" else folder
        if name not in self.folders:
            known = ", ".join(map(repr, self.folders))
            raise FolderMissing(f"there is no folder {folder!r} on {self.name}; there are {known}")
        return self.folders[name]


class MemoryMailbox:
    """A session on one folder of a ``MemoryServer``."""

    place: Place

    def __init__(self, server: MemoryServer, folder: str) -> None:
        self._server = server
        self._name = folder

    def __enter__(self) -> Self:
        self._require_up()
        folder = self._server.find(self._name)
        self._folder = folder
        self.place = Place(
            server=self._server.name,
            login=self._server.login,
            folder=self._name,
            uidvalidity=folder.uidvalidity,
            uidnext=folder.uidnext,
            exists=len(folder.originals),
            read_only=folder.read_only,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to sign out of."""

    def _require_up(self) -> None:
        if self._server.down:
            raise MailboxUnavailable(self._server.down)

    def listing(self, after: str | None = None) -> Iterator[Listed]:
        """List messages by rising UID."""
        self._require_up()
        for uid, original in list(self._folder.originals.items()):
            if uid > int(after or 0):
                yield Listed(str(uid), len(original), self._folder.received.get(uid))

    def present(self) -> set[str]:
        """Give all UIDs."""
        self._require_up()
        return set(map(str, self._folder.originals))

    def headers(self, uids: Sequence[str]) -> Iterator[Fetched]:
        """Fetch header sections, the empty line at their end included."""
        for fetched in map(self._fetch, uids):
            yield Fetched(fetched.uid, _header_section(fetched.original), fetched.error)

    def originals(self, listed: Iterable[Listed], batch_bytes: int) -> Iterator[Fetched]:
        """Fetch whole messages, in their order."""
        del batch_bytes
        for each in listed:
            yield self._fetch(each.uid)

    def _fetch(self, uid: str) -> Fetched:
        self._require_up()
        if why := self._folder.unreadable.get(int(uid)):
            return Fetched(uid, None, why)
        return Fetched(uid, self._folder.originals.get(int(uid)))

    def original_chunks(self, uid: str, chunk_bytes: int = 1024**2) -> Iterator[bytes]:
        """Stream one message."""
        fetched = self._fetch(uid)
        if fetched.error:
            raise MailboxError(fetched.error)
        if fetched.original is None:
            raise MessageGone(f"message {uid} is no longer in the folder {self._name!r}")
        for start in range(0, len(fetched.original), chunk_bytes):
            yield fetched.original[start : start + chunk_bytes]

    def settle(
        self, uids: Sequence[str], settlement: Settlement, move_to: str = ""
    ) -> Iterator[Settled]:
        """Delete or move exactly these messages."""
        self._require_up()
        target = self._server.find(move_to) if settlement is Settlement.MOVE else None
        if self._folder.read_only and settlement is not Settlement.KEEP:
            raise ReadOnlyFolder(f"the folder {self._name!r} is open for reading only")
        for uid in uids:
            yield self._settle(uid, settlement, target)

    def _settle(self, uid: str, settlement: Settlement, target: MemoryFolder | None) -> Settled:
        if settlement is Settlement.KEEP or target is self._folder:
            return Settled(uid, settlement)
        if int(uid) not in self._folder.originals:
            return Settled(uid, settlement, "it was no longer in the folder", gone=True)
        original = self._folder.take(int(uid))
        if target is not None:
            target.add(original)
        return Settled(uid, settlement)


def _header_section(original: bytes | None) -> bytes | None:
    if original is None:
        return None
    head, blank, _ = original.partition(b"\r\n\r\n")
    return head + blank
