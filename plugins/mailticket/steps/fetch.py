"""fetch: what is new in the folder is stored, original and place, before anything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from mailticket.errors import LimitExceeded
from mailticket.identity import content_hash, header_hash, header_size
from mailticket.mailboxes.base import Fetched, Listed, Mailbox
from mailticket.message import HeaderSection
from mailticket.parsing import read_header
from mailticket.passage import Counts, Passage
from mailticket.store.intake import Arrival, Epoch

BATCH_BYTES = 16 * 1024**2
BATCH_MESSAGES = 200


def fetch(p: Passage) -> Counts:
    """Store what is new, oldest first, and take over what dead runs left undecided."""
    if p.runs.was_finished(p.run, "fetch"):
        p.log.info("this run had fetched already: it only decides anew")
        return {"fetched": 0}
    adopted = p.intake.adopt(p.run)
    p.ground  # noqa: B018  a configuration that the database contradicts is told before any work
    with p.outside.mailbox(p.inbox) as mailbox:
        epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
        counts = _Fetch(p, mailbox, epoch).everything()
    if adopted:
        p.log.info(f"took over {adopted} messages that an earlier run left undecided")
    return {**counts, "adopted": adopted}


class _Fetch:
    """One look at one folder."""

    def __init__(self, p: Passage, mailbox: Mailbox, epoch: Epoch) -> None:
        self.p, self.mailbox, self.epoch = p, mailbox, epoch
        self.limit = p.inbox.maximum_email_size
        self.stored = self.recognised = 0

    def everything(self) -> Counts:
        most = self.p.inbox.max_messages_per_run
        listing = self.mailbox.listing(str(self.epoch.cursor) if self.epoch.cursor else None)
        for batch in _batches(islice(listing, most), self.limit):
            self._batch(batch)
            self.p.renew_lease()
            self.p.outside.progress("fetch", self.stored + self.recognised, None)
        more = next(listing, None) is not None if self.stored >= most else False
        return {"fetched": self.stored, "recognised": self.recognised, "more": more}

    def _batch(self, batch: list[Listed]) -> None:
        known = self.p.intake.known_uids(self.epoch, [one.uid for one in batch])
        fresh = [one for one in batch if one.uid not in known]
        moved = self._recognise(fresh) if self.epoch.is_new_life else {}
        new = [one for one in fresh if one.uid not in moved]
        arrivals = list(self._arrivals(new))
        moved |= self._known_ids(arrivals)
        arrivals = [a for a in arrivals if a.uid not in moved]
        with self.p.db.transaction():
            self.p.intake.locate(self.epoch, moved.items())
            ids = self.p.intake.add(self.p.run, self.epoch, arrivals)
            self._move_cursor(batch)
        self.stored += len(ids)
        self.recognised += len(moved)
        for number, arrival in zip(ids, arrivals, strict=True):
            self.p.log.info(
                f"message {number}: fetched uid {arrival.uid}, {arrival.size:,} bytes, "
                f"<{arrival.message_id}> from {arrival.sender}, “{arrival.subject[:80]}”"
            )

    def _move_cursor(self, batch: list[Listed]) -> None:
        # Only IMAP's UIDs ascend; a UIDL says nothing about what is new.
        if self.mailbox.place.uidvalidity and batch:
            self.p.intake.move_cursor(self.epoch, int(batch[-1].uid))

    def _recognise(self, fresh: list[Listed]) -> dict[str, int]:
        """Find which of these were in the inbox before its UIDVALIDITY or server changed."""
        sizes = {one.uid: one.size for one in fresh}
        headers = self.mailbox.headers(list(sizes))
        prints = [(f.uid, sizes[f.uid], header_hash(f.original)) for f in headers if f.original]
        return self.p.intake.recognise(self.p.inbox.name, self.epoch, prints)

    def _known_ids(self, arrivals: list[Arrival]) -> dict[str, int]:
        if not self.p.inbox.use_message_id_as_uid:
            return {}
        known = self.p.intake.by_message_id(self.p.inbox.name, [a.message_id for a in arrivals])
        return {a.uid: known[a.message_id] for a in arrivals if a.message_id in known}

    def _arrivals(self, new: list[Listed]) -> Iterator[Arrival]:
        small = [one for one in new if one.size <= self.limit]
        big = [one.uid for one in new if one.size > self.limit]
        fetched = {f.uid: f for f in self.mailbox.originals(small, BATCH_BYTES)}
        fetched |= {f.uid: f for f in self.mailbox.headers(big)}
        unread = set(big)
        for one in new:
            found = fetched.get(one.uid, Fetched(one.uid, None))
            if found.original is None and not found.error:
                continue  # it vanished between listing and fetching: somebody removed it
            if found.error:
                self.p.log.warning(f"uid {one.uid} cannot be read: {found.error}")
            yield _arrival(one, found, whole=one.uid not in unread and not found.error)


def _batches(listing: Iterable[Listed], limit: int) -> Iterator[list[Listed]]:
    """Group a listing so that the originals of a group fit into ``BATCH_BYTES``."""
    batch: list[Listed] = []
    volume = 0
    for one in listing:
        size = one.size if one.size <= limit else 0
        if batch and (volume + size > BATCH_BYTES or len(batch) == BATCH_MESSAGES):
            yield batch
            batch, volume = [], 0
        batch.append(one)
        volume += size
    if batch:
        yield batch


def _arrival(listed: Listed, fetched: Fetched, *, whole: bool) -> Arrival:
    raw = fetched.original or b""
    header = _header(raw)
    people = [a.address.lower() for a in (header.from_, *header.to, *header.cc) if a]
    return Arrival(
        uid=listed.uid,
        size=listed.size,
        received_at=listed.received_at,
        header_size=header_size(raw),
        header_hash=header_hash(raw),
        content_hash=content_hash(raw) if whole else None,
        message_id=header.message_id,
        sent_at=header.date,
        sender=header.from_.address if header.from_ else "",
        sender_name=header.from_.name if header.from_ else "",
        subject=header.subject,
        participants=tuple(dict.fromkeys(people))[:500],
        raw=raw,
        whole=whole,
    )


def _header(raw: bytes) -> HeaderSection:
    try:
        return read_header(raw[: header_size(raw)])
    except LimitExceeded:  # decided in `filter`, where limits have their reason
        return read_header(raw[:8192])
