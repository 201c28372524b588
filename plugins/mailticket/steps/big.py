"""Messages that were not loaded: too big ones are saved, and read again later (SPEC 8.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailticket.big_files import file_name, read, save
from mailticket.errors import MailboxError, MailboxUnavailable, MessageGone, ServiceError
from mailticket.mailboxes.base import Listed, Mailbox
from mailticket.passage import Passage
from mailticket.seats import mailbox_of
from mailticket.sizes import CEILING
from mailticket.steps.arriving import arrival
from mailticket.store.postgres import Row

_ATTEMPTS = 2
_TRUSTED = 0.9
"""Exchange only estimates RFC822.SIZE; a stream that is much shorter than that broke off."""


def save_big(p: Passage) -> int:
    """Save to ``big_files_dir`` what was too big; what cannot be saved now waits for a next run."""
    directory = p.inbox.big_files_dir
    rows = p.intake.unsaved_big_messages(p.inbox.name) if directory else []
    if not rows or not directory:
        return 0
    try:
        with mailbox_of(p) as mailbox:
            epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
            here = [row for row in rows if row["epoch"] == epoch.id]
            return sum(_save(p, mailbox, directory, row) for row in here)
    except MailboxError as error:
        # What was decided is written: it must not wait for a file.
        p.log.warning(f"{len(rows)} messages that are too big wait to be saved: {error}")
        return 0


def _save(p: Passage, mailbox: Mailbox, directory: str, row: Row) -> bool:
    name = file_name(p.inbox.name, row["message"], mailbox.place.uidvalidity, row["uid"])
    try:
        chunks = _whole(mailbox.original_chunks(row["uid"]), row["size"])
        saved = save(directory, name, _kept_alive(p, chunks))
    except (MailboxUnavailable, MessageGone, ServiceError) as error:
        p.log.warning(f"message {row['message']} is not saved: {error}")
        if isinstance(error, MailboxUnavailable):
            raise
        return False
    p.intake.mark_saved(row["message"], saved)
    p.log.info(f"message {row['message']}: saved to {saved}")
    return True


def _whole(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pass chunks on; raise where they end much too early, so that half a file is never kept."""
    length = 0
    for chunk in chunks:
        length += len(chunk)
        yield chunk
    if length < size * _TRUSTED:
        raise MailboxError(f"the server gave {length:,} of {size:,} bytes")


def _kept_alive(p: Passage, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        p.keep_lease()
        yield chunk


def complete(p: Passage, row: Row) -> str:
    """Load the original of a message that may be loaded now; give why not, or ``""``.

    Raises ``MailboxError`` where the mailbox cannot be opened: no fault of the message.
    """
    try:
        raw, why = _from_mailbox(p, row)
    except MailboxError:
        if not row["saved_to"]:
            raise
        raw, why = None, ""
    if raw is None and row["saved_to"]:
        raw, why = _from_file(row["saved_to"])
    if raw is None:
        return f"its original cannot be read: {why}"
    # Above maximum_email_size where a site's own too_big, or none, let it pass by its size.
    if len(raw) > min(CEILING, max(p.inbox.maximum_email_size, row["size"])):
        return f"its original is too big after all: {len(raw):,} bytes"
    found = arrival(Listed("", row["size"], None), raw, whole=True)
    p.intake.complete(p.inbox.name, row["message"], found)
    p.log.info(f"message {row['message']}: read again, {len(raw):,} bytes")
    return ""


def _from_mailbox(p: Passage, row: Row) -> tuple[bytes | None, str]:
    """Ask the server twice: a session may break by itself, or each time on this message."""
    places = {place["epoch"]: place["uid"] for place in p.intake.places_of(row["message"])}
    if not places:
        return None, "it has left the mailbox"
    why = ""
    for _ in range(_ATTEMPTS):
        with mailbox_of(p) as mailbox:
            epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
            uid = places.get(epoch.id)
            if uid is None:
                return None, "it is not in the mailbox as it is now"
            raw, why, is_certain = _asked(p, mailbox, uid, row["size"])
        if is_certain or epoch.gives_up(uid):
            break
    return raw, why


def _asked(p: Passage, mailbox: Mailbox, uid: str, size: int) -> tuple[bytes | None, str, bool]:
    """Give the original or why it is not had, and whether that is the server's last word."""
    try:
        chunks = _whole(mailbox.original_chunks(uid), size)
        return _joined(_kept_alive(p, chunks)), "", True
    except MailboxUnavailable as error:
        if error.retry_after is not None:
            raise  # the server asks us to come later: nothing is wrong with the message
        return None, str(error), False
    except (MailboxError, MessageGone) as error:
        return None, str(error), True


def _from_file(saved_to: str) -> tuple[bytes | None, str]:
    try:
        return _joined(read(saved_to)), ""
    except ServiceError as error:
        return None, str(error)


def _joined(chunks: Iterable[bytes]) -> bytes:
    """Join chunks, one more than the largest mail that is ever loaded at the most."""
    raw = bytearray()
    for chunk in chunks:
        raw += chunk
        if len(raw) > CEILING:
            break
    return bytes(raw)
