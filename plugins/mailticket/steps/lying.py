"""What lies in a mailbox, compared with our rows: what is new, what is gone, what is another one.

IMAP's UIDs ascend and are never given out again while the UIDVALIDITY stays. A UIDL (RFC 1939, 7)
tells nothing but that: broken servers number anew, or give a name out again once it is free.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailticket.mailboxes.base import Listed, Mailbox
from mailticket.passage import Passage
from mailticket.steps.arriving import is_the_same
from mailticket.store.intake import Epoch
from mailticket.store.postgres import Row


class Reused(Exception):
    """A name that we know names another message now: nothing that is known of names holds."""


def fresh(p: Passage, mailbox: Mailbox, epoch: Epoch, listed: Sequence[Listed]) -> list[Listed]:
    """Give what has no row yet, in its order; raises ``Reused``."""
    uids = [one.uid for one in listed]
    if mailbox.place.uidvalidity:
        known = p.intake.known_uids(epoch, uids)
        return [one for one in listed if one.uid not in known]
    places = {row["uid"]: row for row in p.intake.known_places(epoch, uids)}
    _look_at_doubtful(p, mailbox, [one for one in listed if one.uid in places], places)
    return [one for one in listed if one.uid not in places]


def _look_at_doubtful(
    p: Passage, mailbox: Mailbox, known: Sequence[Listed], places: dict[str, Row]
) -> None:
    """Look at those that should be gone, or had another size; and at the last one in any case.

    Where a server numbers anew, the last one is always another than before.
    """
    doubtful = [
        one.uid
        for one in known
        if one is known[-1] or places[one.uid]["left"] or places[one.uid]["size"] != one.size
    ]
    back = []
    for found in mailbox.headers(doubtful):
        p.keep_lease()
        place = places[found.uid]
        if not found.original:
            continue
        if not is_the_same(place["message_id"], bytes(place["header_hash"]), found.original):
            raise Reused(f"{mailbox.place.server} names another message {found.uid} now")
        if place["left"]:
            back.append(place["location"])
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
