"""reconcile: what a mailbox holds, compared with what the rows say (SPEC 9.3).

What is safe is repaired here or by the next run; what is not is told. Kept apart from ``STEPS``:
it is no part of a run, but of the maintenance, once a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from mailticket.mailboxes.base import Mailbox
from mailticket.passage import Counts, Passage
from mailticket.steps.arriving import is_the_same
from mailticket.steps.cleanup import cleanup
from mailticket.store.intake import Epoch
from mailticket.store.reconciling import Reconciling

AT_A_TIME = 5000
"""UIDs that are compared in one question."""


def reconcile(p: Passage) -> Counts:
    """Compare, repair, settle what is due; give what was found by kind.

    ``vanished``: rows of messages that somebody removed. ``back``: messages that had left, and lie
    there. ``missed``: messages that no row knows though the folder was read beyond them; the next
    run fetches them. ``undecided``, ``in_error``, ``held``, ``unsent``: what waits.
    """
    counts: Counts = {}
    with p.outside.mailbox(p.inbox) as mailbox:
        epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
        present = mailbox.present()
        if len(present) < mailbox.place.exists:
            p.log.warning(f"{mailbox.place.folder}: its list contradicts its count: not compared")
        else:
            counts |= _compared(p, mailbox, epoch, present)
    if ahead := Reconciling(p.db).date_anew(epoch):
        p.log.warning(f"the clock was ahead: {ahead} undesired messages are kept as of now")
    settled = cleanup(p)
    counts |= {"settled": settled["moved"] + settled["deleted"], "purged": settled["purged"]}
    return counts | Reconciling(p.db).left_for_people(p.inbox.name)


def _compared(p: Passage, mailbox: Mailbox, epoch: Epoch, present: set[str]) -> Counts:
    counts = {"present": len(present), "vanished": p.intake.mark_gone(epoch, present)}
    counts |= {"back": 0, "missed": 0}
    lowest: int | None = None
    for uids in _portions(sorted(present)):
        p.keep_lease()
        counts["back"] += _back(p, mailbox, epoch, uids)
        missed = _missed(p, mailbox, epoch, uids)
        counts["missed"] += len(missed)
        lowest = min([*missed, *([] if lowest is None else [lowest])], default=None)
    if lowest is not None:
        p.log.warning(f"{counts['missed']} messages were missed: the next run fetches them")
        Reconciling(p.db).lower_cursor(epoch, lowest - 1)
    return counts


def _portions(uids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(uids)
    while portion := list(islice(rest, AT_A_TIME)):
        yield portion


def _back(p: Passage, mailbox: Mailbox, epoch: Epoch, uids: Sequence[str]) -> int:
    """Take up again what had left and lies there: its deletion was not done, or was undone."""
    places = {row["uid"]: row for row in Reconciling(p.db).back_in_the_folder(epoch, uids)}
    back = [
        places[found.uid]["location"]
        for found in mailbox.headers(list(places))
        if found.original
        and is_the_same(
            places[found.uid]["message_id"],
            bytes(places[found.uid]["header_hash"]),
            found.original,
        )
    ]
    if back:
        p.log.warning(f"{len(back)} messages lie in the folder again: they are settled once more")
        p.intake.lie_again(back)
    return len(back)


def _missed(p: Passage, mailbox: Mailbox, epoch: Epoch, uids: Sequence[str]) -> list[int]:
    """Find UIDs up to the cursor that have no row. POP3 has no cursor: each look sees all."""
    if not mailbox.place.uidvalidity:
        return []
    read = [uid for uid in uids if int(uid) <= epoch.cursor]
    known = p.intake.known_uids(epoch, read)
    return [int(uid) for uid in read if uid not in known]
