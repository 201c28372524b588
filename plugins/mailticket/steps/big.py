"""Messages that were too big to be loaded: saved from the mailbox, and read again (SPEC 8.3)."""

from __future__ import annotations

from mailticket.big_files import file_name, read, save
from mailticket.errors import MailboxError, MessageGone, ServiceError
from mailticket.identity import content_hash
from mailticket.mailboxes.base import Mailbox
from mailticket.passage import Passage
from mailticket.sizes import CEILING
from mailticket.store.postgres import Row


def save_big(p: Passage) -> int:
    """Save to ``big_files_dir`` what was too big; what cannot be saved now waits for a next run."""
    directory = p.inbox.big_files_dir
    rows = p.intake.unsaved_big_messages(p.inbox.name) if directory else []
    if not rows or not directory:
        return 0
    with p.outside.mailbox(p.inbox) as mailbox:
        epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
        return sum(_save(p, mailbox, directory, row) for row in rows if row["epoch"] == epoch.id)


def _save(p: Passage, mailbox: Mailbox, directory: str, row: Row) -> bool:
    name = file_name(p.inbox.name, mailbox.place.uidvalidity, row["uid"])
    try:
        saved = save(directory, name, mailbox.original_chunks(row["uid"]))
    except (ServiceError, MessageGone) as error:
        if isinstance(error, MailboxError):
            raise
        p.log.error(f"message {row['message']} is not saved: {error}")
        return False
    p.intake.mark_saved(row["message"], saved)
    p.log.info(f"message {row['message']}: saved to {saved}")
    p.renew_lease()
    return True


def complete(p: Passage, message: int, saved_to: str | None) -> str:
    """Load the original of a message that may be loaded now; give why not, or ``""``."""
    raw = _from_mailbox(p, message) or (_from_file(p, saved_to) if saved_to else None)
    if raw is None:
        return "its original is neither in the mailbox nor where it was saved"
    p.intake.complete(message, raw, content_hash(raw))
    p.log.info(f"message {message}: read again, {len(raw):,} bytes")
    return ""


def _from_mailbox(p: Passage, message: int) -> bytes | None:
    places = p.intake.places_of(message)
    if not places:
        return None
    with p.outside.mailbox(p.inbox) as mailbox:
        epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
        uid = next((place["uid"] for place in places if place["epoch"] == epoch.id), None)
        try:
            return b"".join(mailbox.original_chunks(uid)) if uid else None
        except MessageGone:
            return None


def _from_file(p: Passage, saved_to: str) -> bytes | None:
    try:
        raw = bytearray()
        for chunk in read(saved_to):
            raw += chunk
            if len(raw) > CEILING:
                break
    except ServiceError as error:
        p.log.error(str(error))
        return None
    return bytes(raw)
