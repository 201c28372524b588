"""A POP3 maildrop as a ``Mailbox``: by UIDL, one message at a time, deleted by QUIT (SPEC 8.4).

POP3 numbers messages anew in each session, so every number is looked up by its UIDL in the session
that uses it. Deletions count once QUIT was answered; a connection that is lost takes them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from mailticket.errors import (
    ConfigurationError,
    Fault,
    MailboxError,
    MailboxUnavailable,
    MessageGone,
)
from mailticket.mailboxes import pop3_session, pop3_wire, server_words
from mailticket.mailboxes.base import Fetched, Listed, Place, Settled, Settlement
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.pop3_maildrop import maildrop
from mailticket.mailboxes.pop3_wire import Wire

_SLACK = 16 * 1024**2
_ATTEMPTS = 2
_BREAKS = 6
_GONE = "it was no longer in the mailbox"


def open_pop3(login: MailboxLogin) -> Pop3Mailbox:
    """Give a mailbox to be entered by ``with``: that connects and signs in."""
    return Pop3Mailbox(login)


class Pop3Mailbox:
    """One maildrop; after ``settle`` it signs in again when more is asked of it."""

    place: Place

    def __init__(self, login: MailboxLogin) -> None:
        self._login = login
        self._wire: Wire | None = None
        self._numbers: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._breaks = 0

    def __enter__(self) -> Self:
        self._live()
        self.place = Place(
            server=self._login.server,
            login=self._login.login,
            folder="INBOX",
            uidvalidity=0,
            exists=len(self._numbers),
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wire, self._wire = self._wire, None
        if wire is None:
            return
        try:
            if kind is None and not wire.busy:
                wire.begin()
                wire.short("QUIT")
        except (pop3_wire.error, pop3_wire.BrokenOff, OSError):
            pass  # nothing was deleted in this session
        finally:
            wire.hang_up()

    # -- the session ---------------------------------------------------------------------------

    def _live(self) -> Wire:
        """Give a session that can be spoken to, a new one if need be."""
        if self._wire and not self._wire.busy:
            return self._wire
        self._drop()
        wire = pop3_session.open_session(self._login)
        self._wire = wire
        try:
            with pop3_session.translated("listing", self._login):
                wire.begin()
                self._sizes, self._numbers = maildrop(wire)
        except BaseException:
            self._drop()  # or the server keeps the maildrop locked for it
            raise
        return wire

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire:
            wire.hang_up()

    # -- reading -------------------------------------------------------------------------------

    def listing(self, after: str | None = None) -> Iterator[Listed]:
        """List all messages in the maildrop's order; POP3 knows no date of arrival."""
        del after
        self._live()
        for uid, size in list(self._sizes.items()):
            yield Listed(uid, size, None)

    def present(self) -> set[str]:
        """Give all UIDLs: those that this session listed."""
        self._live()
        return set(self._numbers)

    def headers(self, uids: Sequence[str]) -> Iterator[Fetched]:
        """Fetch header sections by TOP (RFC 1939, 7), the empty line at their end included."""
        for uid in uids:
            fetched = self._fetch(uid, "TOP {} 0", _SLACK)
            yield Fetched(uid, _header_section(fetched.original), fetched.error)

    def originals(self, listed: Iterable[Listed], batch_bytes: int) -> Iterator[Fetched]:
        """Fetch whole messages, in their order, one in memory at a time."""
        del batch_bytes
        for each in listed:
            yield self._fetch(each.uid, "RETR {}", 2 * each.size + _SLACK)

    def _fetch(self, uid: str, command: str, allowance: int) -> Fetched:
        why = ""
        for _ in range(_ATTEMPTS):
            try:
                self._live()  # a server that is out of reach is no fault of this message
            except MailboxUnavailable as error:
                # Yet it may be: a server that hangs on it keeps the maildrop locked meanwhile.
                error.suspect = uid if why else ""
                raise
            try:
                return self._ask(uid, command, allowance)
            except MailboxUnavailable as error:
                self._breaks += 1
                if error.retry_after is not None or self._breaks > _BREAKS:
                    raise
                why = str(error)
                self._drop()
        return Fetched(uid, None, f"the session broke on it each time: {why}")

    def _ask(self, uid: str, command: str, allowance: int) -> Fetched:
        wire = self._live()
        number = self._numbers.get(uid)
        if number is None:
            return Fetched(uid, None)
        with pop3_session.translated(command.partition(" ")[0], self._login):
            try:
                wire.begin(allowance)
                original = b"".join(wire.pieces(command.format(number)))
            except pop3_wire.error as error:
                return Fetched(uid, None, f"the server does not give it: {self._refusal(error)}")
        self._breaks = 0
        return Fetched(uid, original)

    def original_chunks(self, uid: str, chunk_bytes: int = 1024**2) -> Iterator[bytes]:
        """Stream one message; a stream that is left early costs a new session."""
        wire = self._live()
        number = self._numbers.get(uid)
        if number is None:
            raise MessageGone(f"message {uid} is no longer in the mailbox")
        held = b""
        with pop3_session.translated("RETR", self._login):
            wire.begin(4 * self._sizes[uid] + _SLACK)
            for piece in self._pieces(wire, number):
                held += piece
                while len(held) >= chunk_bytes:
                    yield held[:chunk_bytes]
                    held = held[chunk_bytes:]
        if held:
            yield held

    def _pieces(self, wire: Wire, number: int) -> Iterator[bytes]:
        try:
            yield from wire.pieces(f"RETR {number}")
        except pop3_wire.error as error:
            said = self._refusal(error)
            raise MailboxError(f"{self._login.server} does not give a message: {said}") from None

    def _refusal(self, error: pop3_wire.error) -> str:
        """Give the words of an -ERR; raises ``MailboxUnavailable`` where it asks us to wait."""
        said = pop3_session.words_of(error, self._login)
        server_words.refuse_to_be_throttled(said, self._login)
        return said

    # -- settling ------------------------------------------------------------------------------

    def settle(
        self, uids: Sequence[str], settlement: Settlement, move_to: str = ""
    ) -> Iterator[Settled]:
        """Delete exactly these messages; answered once QUIT is."""
        if settlement is Settlement.KEEP:
            yield from (Settled(uid, settlement) for uid in uids)
            return
        if settlement is Settlement.MOVE:
            allowed = "keep or delete: POP3 knows no folders"
            raise ConfigurationError(Fault("", "after_processing", f"move to {move_to}", allowed))
        yield from self._deleted(list(dict.fromkeys(uids)))

    def _deleted(self, uids: list[str]) -> list[Settled]:
        wire = self._live()
        with pop3_session.translated("DELE", self._login):
            settled = [self._delete(wire, uid) for uid in uids]
            refusal = self._quit(wire)
        if not refusal:
            return settled
        return [self._after_refusal(each, refusal) for each in settled]

    def _delete(self, wire: Wire, uid: str) -> Settled:
        number = self._numbers.get(uid)
        if number is None:
            return Settled(uid, Settlement.DELETE, _GONE, gone=True)
        try:
            wire.begin()
            wire.short(f"DELE {number}")
        except pop3_wire.error as error:
            return Settled(uid, None, f"the server refuses: {self._refusal(error)}")
        return Settled(uid, Settlement.DELETE)

    def _quit(self, wire: Wire) -> str:
        """End the session, which makes deletions true; gives the server's refusal, or ``""``."""
        try:
            wire.begin()
            wire.short("QUIT")
        except pop3_wire.error as error:
            return pop3_session.words_of(error, self._login) or "without a reason"
        finally:
            self._drop()
        return ""

    def _after_refusal(self, settled: Settled, refusal: str) -> Settled:
        """QUIT may delete some and refuse others (RFC 1939, 6): look again which."""
        self._live()
        if settled.outcome is None or settled.uid not in self._numbers:
            return settled
        return Settled(settled.uid, None, f"the server did not delete it at the end: {refusal}")


def _header_section(section: bytes | None) -> bytes | None:
    """End a header section with one empty line, whatever TOP sent after it."""
    if section is None:
        return None
    head, blank, _ = section.partition(b"\r\n\r\n")
    return head + blank if blank else section
