"""What lies in a mailbox, compared with our rows: what is new, what is gone, what is another one.

IMAP's UIDs ascend and are never given out again while the UIDVALIDITY stays. A UIDL (RFC 1939, 7)
tells nothing but that: broken servers number anew, or give a name out again once it is free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from mailticket.mailboxes.base import Listed, Mailbox
from mailticket.passage import Passage
from mailticket.steps.arriving import is_the_same
from mailticket.store.intake import Epoch
from mailticket.store.postgres import Row


class Reused(Exception):
    """A name that we know names another message now: nothing that is known of names holds."""


def fingerprint(mailbox: Mailbox) -> bytes:
    """Give what tells a listing from another one; ``b""`` where the server's cursor does that."""
    if mailbox.place.uidvalidity:
        return b""
    lines = "".join(f"{one.size} {one.uid}\n" for one in mailbox.listing())
    return hashlib.sha256(lines.encode()).digest()


def is_as_before(p: Passage, mailbox: Mailbox, epoch: Epoch, listing: bytes) -> bool:
    """Tell whether all that is listed was compared with our rows before; raises ``Reused``."""
    last = p.intake.last_listed(epoch, listing, mailbox.place.exists)
    if last is None:
        return False
    _look_at(p, mailbox, {last["uid"]: last})
    return True


def fresh(p: Passage, mailbox: Mailbox, epoch: Epoch, listed: Sequence[Listed]) -> list[Listed]:
    """Give what has no row yet, in its order; raises ``Reused``."""
    if mailbox.place.uidvalidity:
        known = p.intake.known_uids(epoch, [one.uid for one in listed])
        return [one for one in listed if one.uid not in known]
    rows = p.intake.unlike_rows(epoch, listed)
    _look_at(p, mailbox, {row["uid"]: row for row in rows if row["location"]})
    new = {row["uid"] for row in rows if not row["location"]}
    return [one for one in listed if one.uid in new] if new else []


def _look_at(p: Passage, mailbox: Mailbox, doubtful: Mapping[str, Row]) -> None:
    """Look at those that should be gone, or had another size; and at the last one in any case.

    Where a server numbers anew, the last one is always another than before.
    """
    back = []
    for found in mailbox.headers(list(doubtful)):
        p.keep_lease()
        row = doubtful[found.uid]
        if not found.original:
            continue
        if not is_the_same(row["message_id"], bytes(row["header_hash"]), found.original):
            raise Reused(f"{mailbox.place.server} names another message {found.uid} now")
        if row["left"]:
            back.append(row["location"])
    if back:
        p.log.warning(f"{len(back)} messages lie there again: the server took their removal back")
        p.intake.lie_again(back)


def none_is_known(p: Passage, mailbox: Mailbox, epoch: Epoch) -> None:
    """Say what it means where no name is known: raises ``Reused`` if some should have been.

    A POP3 server that was exchanged, or set up to write its UIDLs in another way, names each
    message anew: then they are known again by their header sections.
    """
    if not mailbox.place.uidvalidity and p.intake.expects(epoch):
        raise Reused(f"{mailbox.place.server} shows none of the names that it gave before")


def note_what_is_gone(p: Passage, mailbox: Mailbox, epoch: Epoch) -> int:
    """Mark what somebody removed, once EXISTS says that something is; daily in any case."""
    place = mailbox.place
    if not p.intake.may_be_gone(epoch, place.exists):
        return 0
    present = mailbox.present()
    if len(present) < place.exists:
        return 0  # an answer that contradicts EXISTS proves nothing
    gone = p.intake.mark_gone(epoch, present)
    if gone:
        p.log.info(f"{gone} messages are no longer in {place.folder}: somebody removed them")
    return gone
