"""cleanup: what is committed is settled in the mailbox, and old originals are purged (SPEC 8)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from mailticket.errors import ReadOnlyFolder
from mailticket.mailboxes.base import Mailbox, Settled, Settlement
from mailticket.passage import Counts, Passage
from mailticket.seats import mailbox_of
from mailticket.steps.arriving import is_the_same
from mailticket.steps.forward_errors import told_addresses
from mailticket.store.settling import Due

BATCH = 500


def cleanup(p: Passage) -> Counts:
    """Move or delete what is due, never before its fate is committed."""
    bells = p.settling.bells(p.inbox.name)
    counts = _settle_all(p)
    _ring_when_due(p)
    # What rang meanwhile stays: nobody looked for it.
    if bells:
        p.settling.answer(bells)
    return counts


def _ring_when_due(p: Passage) -> None:
    if p.inbox.undesired_behavior != "purge":
        return
    if epoch := p.settling.latest_epoch(p.inbox.name):
        p.settling.ring_when_due(p.inbox, epoch)


def _settle_all(p: Passage) -> Counts:
    purged = p.settling.purge_originals(p.inbox.name, p.inbox.raw_retention_days)
    counts: Counts = {"moved": 0, "deleted": 0, "gone": 0, "unsettled": 0, "purged": purged}
    epoch = p.settling.latest_epoch(p.inbox.name)
    if epoch is None or not p.settling.due(p.inbox, epoch, told_addresses(p)):
        return counts
    with mailbox_of(p) as mailbox:
        # Opened again: the folder may have been made anew since, and a UID names another message.
        epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
        due = p.settling.due(p.inbox, epoch, told_addresses(p))
        if mailbox.place.read_only and due:
            raise ReadOnlyFolder(f"{mailbox.place.folder} is read-only: {len(due)} messages stay")
        for kind, group in groupby(sorted(due, key=_kind), key=_kind):
            _settle(p, mailbox, kind, list(group), counts)
    return counts


def _kind(due: Due) -> Settlement:
    return due.settlement


def _settle(
    p: Passage, mailbox: Mailbox, kind: Settlement, due: Sequence[Due], counts: Counts
) -> None:
    for start in range(0, len(due), BATCH):
        batch = _still_there(p, mailbox, due[start : start + BATCH], counts)
        done: list[tuple[Due, bool]] = []
        try:
            for settled in mailbox.settle(list(batch), kind, p.inbox.move_to or ""):
                one = batch[settled.uid]
                if _settled(p, kind, one, settled, counts):
                    done.append((one, settled.gone))
                p.keep_lease()
        finally:  # what was done before the server failed is done
            p.settling.mark(done)
        p.renew_lease()


def _settled(p: Passage, kind: Settlement, one: Due, settled: Settled, counts: Counts) -> bool:
    if settled.outcome is None and not settled.gone:
        counts["unsettled"] += 1
        p.log.warning(f"message {one.message} (uid {one.uid}) stays: {settled.detail}")
        return False
    word = "gone" if settled.gone else "moved" if kind is Settlement.MOVE else "deleted"
    counts[word] += 1
    p.log.info(f"message {one.message}: uid {one.uid} {word} {settled.detail}".rstrip())
    return True


def _still_there(
    p: Passage, mailbox: Mailbox, due: Sequence[Due], counts: Counts
) -> dict[str, Due]:
    """Look once more at what is to go: under a UID that was given out again lies another mail.

    No UIDVALIDITY tells of that where a folder was made anew under its old one.
    """
    batch = {one.uid: one for one in due}
    others = []
    for found in mailbox.headers(list(batch)):
        p.keep_lease()
        one = batch[found.uid]
        if found.original and not is_the_same(one.message_id, one.header_hash, found.original):
            others.append(batch.pop(found.uid))
    if others:
        counts["gone"] += len(others)
        p.log.warning(
            f"{len(others)} messages stay, since their UIDs name others now: "
            f"{mailbox.place.folder} was made anew under its old UIDVALIDITY"
        )
        p.settling.mark([(one, True) for one in others])
        p.intake.next_generation(p.inbox.name, mailbox.place)
    return batch
