"""Opening a folder, and naming the nearest ones when it is not there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from mailticket.errors import FolderMissing, MailboxError, MailboxUnavailable, MailticketError
from mailticket.mailboxes import imap_faults, imap_wire, server_words
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.imap_answer import Folder, folder_on_wire
from mailticket.mailboxes.imap_session import Session

_NAMES_SHOWN = 5


def select(session: Session, folder: str) -> Place:
    """SELECT a folder (RFC 3501, 6.3.1); read-only is said, not raised."""
    wire = session.wire
    with imap_faults.translated("SELECT", session.login):
        wire.begin()
        try:
            session.box.folder.set(folder_on_wire(folder).encode())
        except imap_wire.readonly:
            pass  # imaplib's way to say READ-ONLY: the folder is open all the same
        except imap_wire.abort:
            raise
        except imap_faults.REFUSALS:
            raise not_opened(session, folder, imap_faults.last_words(wire)) from None
        return _place(session, folder)


def _place(session: Session, folder: str) -> Place:
    wire = session.wire
    permanent = wire.take("PERMANENTFLAGS")
    undeletable = bool(permanent) and rb"\deleted" not in (permanent[-1] or b"").lower()
    # Taken out, or imaplib would refuse every later command.
    read_only = bool(wire.take("READ-ONLY"))
    wire.is_readonly = read_only
    return Place(
        server=session.login.server,
        login=session.login.login,
        folder=folder,
        uidvalidity=_number(wire.take("UIDVALIDITY")) or 0,
        uidnext=_number(wire.take("UIDNEXT")) or None,
        highest_modseq=_number(wire.take("HIGHESTMODSEQ")),
        exists=_number(wire.take("EXISTS")) or 0,
        read_only=read_only or undeletable,
    )


def _number(lines: Sequence[bytes | None]) -> int | None:
    match = re.match(rb"\s*(\d{1,19})", (lines[-1] if lines else None) or b"")
    return int(match[1]) if match else None


def not_opened(session: Session, folder: str, words: str) -> MailboxError:
    """Say why a folder was not opened or not written to, with the nearest names."""
    login = session.login
    said = server_words.blanked(words, login)
    server_words.refuse_to_be_throttled(words, login)
    if server_words.is_passing(words):
        return MailboxUnavailable(f"{login.server} cannot open the folder {folder!r} now: {said}")
    try:
        listed = session.folders()
    except MailticketError:
        listed = []
    there = next((each for each in listed if each.name == folder), None)
    if there and there.selectable:
        return FolderMissing(
            f"{login.server} does not open the folder {folder!r} for {login.login}: {said}; "
            f"check the rights on it"
        )
    if there:
        return FolderMissing(f"{folder!r} only holds other folders, and no mail ({said})")
    names = nearest(folder, listed)
    hint = f"the nearest are {', '.join(map(repr, names))}" if names else "no name is near"
    return FolderMissing(
        f"there is no folder {folder!r} on {login.server} ({said}): {hint}"
        f"{_hierarchy(folder, listed)}"
    )


def nearest(folder: str, listed: Sequence[Folder]) -> list[str]:
    """Name the folders that may have been meant, the likeliest first."""
    keys = {each.name: _key(each.name, each.delimiter) for each in listed if each.selectable}
    wanted = _key(folder, "")
    same = [name for name, key in keys.items() if key == wanted]
    leaf = [name for name, key in keys.items() if key.split("/")[-1] == wanted.split("/")[-1]]
    close = difflib.get_close_matches(wanted, list(keys.values()), _NAMES_SHOWN, 0.5)
    alike = [name for key in close for name, each in keys.items() if each == key]
    return [server_words.readable(name) for name in dict.fromkeys([*same, *leaf, *alike])][
        :_NAMES_SHOWN
    ]


def _key(name: str, delimiter: str) -> str:
    """Reduce a name to what people compare: no case, one delimiter, no INBOX prefix."""
    parts = name.split(delimiter) if delimiter else re.split(r"[/.\\]", name)
    kept = [part.casefold().strip() for part in parts if part]
    return "/".join(kept[1:] if len(kept) > 1 and kept[0] == "inbox" else kept)


def _hierarchy(folder: str, listed: Sequence[Folder]) -> str:
    """Tell the server's delimiter to somebody who wrote another one."""
    delimiters = {each.delimiter for each in listed if each.delimiter}
    if len(delimiters) != 1 or not re.search(r"[/.\\]", folder) or delimiters & set(folder):
        return ""
    return f"; this server separates levels with {delimiters.pop()}"
