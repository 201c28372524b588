"""An IMAP folder as a ``Mailbox``: by UID, flags untouched, memory bounded (SPEC 2.1-2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from mailticket.errors import MailboxError, MailboxUnavailable, MessageGone
from mailticket.mailboxes import imap_answer, imap_fetch, imap_folders, imap_settle
from mailticket.mailboxes.base import Fetched, Listed, Place, Settled, Settlement
from mailticket.mailboxes.imap_session import Session
from mailticket.mailboxes.imap_sign_in import open_session
from mailticket.mailboxes.login import MailboxLogin

_LISTED_AT_A_TIME = 800
_LISTING_BREAKS = 40
"""Three messages that break each session are found by halves; beyond, the server is at fault."""
_HEADERS_AT_A_TIME = 200
_HEADER_BYTES = 64 * 1024
"""What a header section is expected to be; much more is fetched alone."""


def open_imap(login: MailboxLogin, folder: str | None = None) -> ImapMailbox:
    """Give a mailbox to be entered by ``with``: that connects, signs in and opens the folder."""
    return ImapMailbox(login, folder or "INBOX")


class ImapMailbox:
    """One session on one folder; ``place`` is known once it is entered."""

    place: Place
    session: Session

    def __init__(self, login: MailboxLogin, folder: str) -> None:
        self._login = login
        self._folder = folder
        self._breaks = 0

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    def _open(self) -> None:
        self.session = open_session(self._login)
        try:
            self.place = imap_folders.select(self.session, self._folder)
        except BaseException:
            self.session.close()
            raise

    def reopen(self) -> None:
        """Connect again after a break; another UIDVALIDITY means that all UIDs are void."""
        before = self.place
        self.session.drop()
        self._open()
        if self.place.uidvalidity != before.uidvalidity:
            raise MailboxUnavailable(
                f"the folder {self._folder!r} was made anew while it was read "
                f"(UIDVALIDITY {before.uidvalidity}, now {self.place.uidvalidity})"
            )

    # -- reading -------------------------------------------------------------------------------

    def listing(self, after: str | None = None) -> Iterator[Listed]:
        """List messages by rising UID; asks nothing where UIDNEXT shows that nothing is new."""
        above = int(after or 0)
        place = self.place
        if not place.exists or (place.uidnext is not None and place.uidnext <= above + 1):
            return
        uids = self._uids(above)
        for start in range(0, len(uids), _LISTED_AT_A_TIME):
            yield from self._listed(uids[start : start + _LISTED_AT_A_TIME])

    def _uids(self, above: int) -> list[int]:
        """Search UIDs above one; ``n:*`` also names the last message when it lies below n."""
        criteria = f"UID {above + 1}:*" if above else "ALL"
        answer = self.session.uid("SEARCH", criteria)
        if not answer.ok:
            raise MailboxUnavailable(f"{self._login.server} does not search: {answer.words}")
        return [uid for uid in imap_answer.searched(answer.lines) if uid > above]

    def present(self) -> set[str]:
        """Give all UIDs, by one SEARCH."""
        return set(map(str, self._uids(0)))

    def _listed(self, uids: list[int]) -> Iterator[Listed]:
        found = self._sizes_in_parts(uids)
        missing = [uid for uid in uids if b"RFC822.SIZE" not in found.get(uid, {})]
        present = imap_fetch.search_uids(self.session, missing)
        for uid in missing:
            if uid in present:
                found |= self._sizes_in_parts([uid])
        for uid in uids:
            about = found.get(uid, {})
            if about or uid in present:
                size = imap_answer.number(about.get(b"RFC822.SIZE")) or 0
                yield Listed(str(uid), size, imap_answer.internal_date(about.get(b"INTERNALDATE")))

    def _sizes_in_parts(self, uids: list[int]) -> dict[int, dict[bytes, imap_answer.Token]]:
        """Ask again in halves where the session breaks: it may break on one message only."""
        try:
            return self._sizes(uids)
        except MailboxUnavailable as error:
            self._breaks += 1
            if error.retry_after is not None or self._breaks > _LISTING_BREAKS:
                raise
        self.reopen()
        if len(uids) == 1:
            return {}
        half = len(uids) // 2
        return self._sizes_in_parts(uids[:half]) | self._sizes_in_parts(uids[half:])

    def _sizes(self, uids: list[int]) -> dict[int, dict[bytes, imap_answer.Token]]:
        items = "(UID RFC822.SIZE INTERNALDATE)"
        answer = self.session.uid("FETCH", imap_answer.uid_set(uids), items)
        return imap_answer.fetched(answer.lines)

    def headers(self, uids: Sequence[str]) -> Iterator[Fetched]:
        """Fetch header sections, the empty line at their end included."""
        fetcher = imap_fetch.Fetcher(self, "BODY.PEEK[HEADER]")
        for start in range(0, len(uids), _HEADERS_AT_A_TIME):
            batch = uids[start : start + _HEADERS_AT_A_TIME]
            yield from fetcher.batch({int(uid): _HEADER_BYTES for uid in batch})

    def originals(self, listed: Iterable[Listed], batch_bytes: int) -> Iterator[Fetched]:
        """Fetch whole messages, in their order; a batch that fails is fetched one by one."""
        fetcher = imap_fetch.Fetcher(self, "BODY.PEEK[]")
        for batch in imap_fetch.batches(listed, batch_bytes):
            yield from fetcher.batch(batch)

    def original_chunks(self, uid: str, chunk_bytes: int = 1024**2) -> Iterator[bytes]:
        """Stream one message by partial fetches (RFC 3501, 6.4.5)."""
        offset = 0
        while chunk := self._chunk(int(uid), offset, chunk_bytes):
            yield chunk
            offset += len(chunk)
            if len(chunk) < chunk_bytes:
                return

    def _chunk(self, uid: int, offset: int, length: int) -> bytes:
        answer = self.session.uid(
            "FETCH",
            str(uid),
            f"(UID BODY.PEEK[]<{offset}.{length}>)",
            allowance=2 * length + 1024**2,
        )
        chunk = imap_answer.text(imap_answer.fetched(answer.lines).get(uid, {}).get(b"BODY[]"))
        if chunk is not None:
            return chunk
        if not imap_fetch.search_uids(self.session, [uid]):
            raise MessageGone(f"message {uid} is no longer in the folder {self._folder!r}")
        if answer.ok and offset:
            return b""  # past its end some servers say NIL
        raise MailboxError(f"{self._login.server} does not give message {uid}: {answer.words}")

    # -- settling ------------------------------------------------------------------------------

    def settle(
        self, uids: Sequence[str], settlement: Settlement, move_to: str = ""
    ) -> Iterator[Settled]:
        """Delete or move exactly these messages (SPEC 8.4)."""
        return imap_settle.settle(self.session, self.place, uids, settlement, move_to)
