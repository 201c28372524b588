"""What a mailbox can do, whatever its protocol. The steps in ``ingest.py`` know only this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self


class Settlement(StrEnum):
    """What becomes of a message in its mailbox once its fate is committed (SPEC 8)."""

    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Place:
    """An opened folder: who serves it, and under which UIDVALIDITY (RFC 3501, 2.3.1.1)."""

    server: str
    """Host name and port, lower case: ``mail.example:993``."""
    login: str
    folder: str
    """As the operator wrote it, decoded (not modified UTF-7)."""
    uidvalidity: int
    """0 where the server has none (POP3, broken IMAP)."""
    uidnext: int | None = None
    highest_modseq: int | None = None
    exists: int = 0
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One message as a listing shows it, before anything of it was downloaded."""

    uid: str
    """IMAP: the UID in decimal digits; POP3: the UIDL."""
    size: int
    """RFC822.SIZE or the LIST size, in bytes."""
    received_at: datetime | None
    """INTERNALDATE, aware; ``None`` where the server has none."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The original of one message, or why it could not be had."""

    uid: str
    original: bytes | None
    error: str = ""
    """Why ``original`` is None; ``""`` with None: it vanished."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the server did with one message."""

    uid: str
    outcome: Settlement | None
    """``None``: it was not done, and has to be tried again; ``detail`` says why."""
    detail: str = ""
    gone: bool = False
    """True when it was no longer there: somebody else removed it."""


class Mailbox(Protocol):
    """An open session on one folder. Made by a context manager; closing it signs out.

    Raises ``errors.MailboxError`` and kin only; no protocol library's error leaves an adapter.
    Nothing here changes a flag by reading (SPEC 2.4), nothing uses sequence numbers.
    """

    place: Place

    def listing(self, after: str | None = None) -> Iterator[Listed]:
        """List messages in mailbox order, oldest first.

        ``after``: with IMAP only UIDs above it (``None``: all); POP3 lists all, always.
        """
        ...

    def present(self) -> set[str]:
        """Give the UIDs of all that lies there now: one command, whatever their number."""
        ...

    def headers(self, uids: Sequence[str]) -> Iterator[Fetched]:
        """Fetch header sections only (``original`` is the raw header section)."""
        ...

    def originals(self, listed: Iterable[Listed], batch_bytes: int) -> Iterator[Fetched]:
        """Fetch whole messages, at most ``batch_bytes`` of them in memory at a time."""
        ...

    def original_chunks(self, uid: str, chunk_bytes: int = 1024**2) -> Iterator[bytes]:
        """Stream one message in chunks; raises ``MessageGone``."""
        ...

    def settle(
        self, uids: Sequence[str], settlement: Settlement, move_to: str = ""
    ) -> Iterator[Settled]:
        """Remove or move exactly these messages (SPEC 8.4), each answered by one ``Settled``."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
