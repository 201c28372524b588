"""Downloading by UID: in batches, alone where a batch fails, gone and unreadable told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from mailticket.errors import MailboxUnavailable
from mailticket.mailboxes import imap_answer
from mailticket.mailboxes.base import Fetched, Listed
from mailticket.mailboxes.imap_session import Answer, Session

BATCH_MESSAGES = 250
_SLACK = 16 * 1024**2
"""Bytes by which a message may exceed its RFC822.SIZE (Exchange only estimates it)."""
_ATTEMPTS = 2
_BREAKS = 6
"""So many broken sessions without one message in between: the server is at fault."""


class Reopening(Protocol):
    """A mailbox whose session can be made anew on the same UIDVALIDITY."""

    session: Session

    def reopen(self) -> None:
        """Connect again after a break; raises ``MailboxUnavailable``."""
        ...


class Fetcher:
    """Fetches one section (``BODY.PEEK[]``, ``BODY.PEEK[HEADER]``) of many messages."""

    def __init__(self, mailbox: Reopening, section: str) -> None:
        self._mailbox = mailbox
        self._section = section
        self._key = section.replace(".PEEK", "").encode()
        self._breaks = 0

    def batch(self, sizes: Mapping[int, int]) -> Iterator[Fetched]:
        """Fetch these UIDs (with their sizes in bytes), in their order."""
        found = self._together(sizes)
        missing = [uid for uid in sizes if uid not in found]
        present = search_uids(self._mailbox.session, missing) if missing else set()
        for uid, size in sizes.items():
            original = found.pop(uid, None)
            if original is not None:
                yield Fetched(str(uid), original)
            elif uid in present:
                yield self._alone(uid, size)
            else:
                yield Fetched(str(uid), None)

    def _together(self, sizes: Mapping[int, int]) -> dict[int, bytes]:
        """Fetch what comes of one command; a session that breaks on it is made anew."""
        try:
            answer = self._ask(imap_answer.uid_set(sizes), 2 * sum(sizes.values()) + _SLACK)
        except MailboxUnavailable as error:
            self._recover(error)
            return {}
        return self._contents(answer)

    def _alone(self, uid: int, size: int) -> Fetched:
        why = ""
        for _ in range(_ATTEMPTS):
            try:
                return self._asked_alone(uid, size)
            except MailboxUnavailable as error:
                why = str(error)
                self._recover(error)
        return Fetched(str(uid), None, f"the session broke on it each time: {why}")

    def _asked_alone(self, uid: int, size: int) -> Fetched:
        answer = self._ask(str(uid), 4 * size + _SLACK)
        original = self._contents(answer).get(uid)
        if original is not None:
            return Fetched(str(uid), original)
        if uid not in search_uids(self._mailbox.session, [uid]):
            return Fetched(str(uid), None)
        if answer.ok:
            return Fetched(str(uid), None, "the server answers without its content")
        return Fetched(str(uid), None, f"the server does not give it: {answer.words}")

    def _ask(self, uids: str, allowance: int) -> Answer:
        items = f"(UID {self._section})"
        return self._mailbox.session.uid("FETCH", uids, items, allowance=allowance)

    def _contents(self, answer: Answer) -> dict[int, bytes]:
        found = imap_answer.fetched(answer.lines)
        contents = {uid: imap_answer.text(each.get(self._key)) for uid, each in found.items()}
        kept = {uid: content for uid, content in contents.items() if content is not None}
        if kept:
            self._breaks = 0
        return kept

    def _recover(self, error: MailboxUnavailable) -> None:
        """Make the session anew, unless the server asked to wait or breaks all the time."""
        self._breaks += 1
        if error.retry_after is not None or self._breaks > _BREAKS:
            raise error
        self._mailbox.reopen()


def search_uids(session: Session, uids: Iterable[int]) -> set[int]:
    """Tell which of these UIDs are in the folder."""
    wanted = set(uids)
    if not wanted:
        return set()
    answer = session.uid("SEARCH", f"UID {imap_answer.uid_set(wanted)}")
    if not answer.ok:
        raise MailboxUnavailable(f"{session.login.server} does not search: {answer.words}")
    return wanted & set(imap_answer.searched(answer.lines))


def batches(listed: Iterable[Listed], batch_bytes: int) -> Iterator[dict[int, int]]:
    """Cut a listing into batches of at most ``batch_bytes``, or one message that is bigger."""
    batch: dict[int, int] = {}
    held = 0
    for each in listed:
        if batch and (held + each.size > batch_bytes or len(batch) >= BATCH_MESSAGES):
            yield batch
            batch, held = {}, 0
        batch[int(each.uid)] = each.size
        held += each.size
    if batch:
        yield batch
