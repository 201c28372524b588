"""Is a message in the target folder already? Asked before a COPY that may be a repeated one.

Without MOVE, a session that dies between COPY and EXPUNGE is settled again by the next run; a
second copy each time has filled disks elsewhere (osTicket #5645). Message-ID finds the candidates;
only one with the same header section and size is the same message: machines repeat Message-IDs.
"""

from __future__ import annotations

import email.parser

from mailticket.errors import MailboxUnavailable
from mailticket.mailboxes import imap_answer, imap_folders
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.imap_session import Session

_Twin = tuple[bytes, int]
"""Header section and RFC822.SIZE."""
_ITEMS = "(UID RFC822.SIZE BODY.PEEK[HEADER])"
_CANDIDATES = 20
_ID_LENGTH = 900
"""Longer ones are not searched for: a command line has 1,000 octets (RFC 2683, 3.2.1.5)."""


def already_there(session: Session, place: Place, uids: set[int], target: str) -> set[int]:
    """Tell which of these UIDs have a twin in the target folder."""
    wanted = _twins(session, uids)
    try:
        if not _open_target(session, target):
            return set()
        return {uid for uid, twin in wanted.items() if twin in _candidates(session, twin)}
    finally:
        _return_to(session, place)


def _twins(session: Session, uids: set[int]) -> dict[int, _Twin]:
    """Fetch header sections and sizes."""
    answer = session.uid("FETCH", imap_answer.uid_set(uids), _ITEMS)
    twins = {}
    for uid, about in imap_answer.fetched(answer.lines).items():
        header = imap_answer.text(about.get(b"BODY[HEADER]"))
        size = imap_answer.number(about.get(b"RFC822.SIZE"))
        if uid in uids and header is not None and size is not None:
            twins[uid] = (header, size)
    return twins


def _open_target(session: Session, target: str) -> bool:
    """EXAMINE the target; False when it cannot be read or holds nothing."""
    answer = session.command("EXAMINE", target)
    exists = session.wire.take("EXISTS")
    session.wire.take("READ-ONLY")  # as asked for; imaplib would refuse the next command
    return answer.ok and exists[-1:] != [b"0"]


def _candidates(session: Session, twin: _Twin) -> set[_Twin]:
    found = _search_message_id(session, _message_id(twin[0]))
    return set(_twins(session, set(found[-_CANDIDATES:])).values()) if found else set()


def _search_message_id(session: Session, message_id: str) -> list[int]:
    if not message_id:
        return []
    answer = session.uid("SEARCH", f"HEADER Message-ID {imap_answer.quoted(message_id)}")
    return imap_answer.searched(answer.lines) if answer.ok else []


def _message_id(header: bytes) -> str:
    """Read the Message-ID, if it can be searched for: printable ASCII, without line breaks."""
    fields = email.parser.BytesHeaderParser().parsebytes(header[:1_000_000])
    written = "".join(str(fields.get("Message-ID", "")).split())
    searchable = written.isascii() and written.isprintable() and len(written) <= _ID_LENGTH
    return written if searchable else ""


def _return_to(session: Session, place: Place) -> None:
    """Open the folder of before again; its UIDs must still mean the same."""
    again = imap_folders.select(session, place.folder)
    if again.uidvalidity != place.uidvalidity:
        raise MailboxUnavailable(f"the folder {place.folder!r} was made anew while it was settled")
