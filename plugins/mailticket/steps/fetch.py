"""fetch: what is new in the folder is stored, original and place, before anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from mailticket.errors import MailboxUnavailable, RowRefused
from mailticket.identity import header_hash
from mailticket.mailboxes.base import Fetched, Listed, Mailbox
from mailticket.passage import Counts, Passage, about
from mailticket.seats import mailbox_of
from mailticket.steps.arriving import arrival, is_the_same, nameless
from mailticket.steps.lying import (
    Reused,
    fingerprint,
    fresh,
    is_as_before,
    none_is_known,
    note_what_is_gone,
)
from mailticket.store.intake import Arrival, Epoch
from mailticket.store.postgres import Row

BATCH_BYTES = 4 * 1024**2
BATCH_MESSAGES = 200
LISTED = 5000
"""So many lines of a listing are compared with our rows in one question."""


Told = Callable[[Passage, int], None]
"""Called after each commit with how many messages the run has by then."""


def _nobody(_p: Passage, _messages: int) -> None:
    return


def fetch(p: Passage, told: Told = _nobody) -> Counts:
    """Store what is new, oldest first, and take over what dead runs left undecided."""
    if (counts := p.runs.counts_of(p.run, "fetch")) is not None:
        p.log.info("this run had fetched already")
        return counts or {"fetched": 0}
    p.ground  # noqa: B018  a configuration that the database contradicts is told before any work
    adopted = p.intake.adopt(p.run)
    if adopted:
        p.log.info(f"took over {adopted} messages that an earlier run left undecided")
    with mailbox_of(p) as mailbox:
        look = _Fetch(p, mailbox, _epoch(p, mailbox), adopted, told)
        try:
            counts = look.take()
        except Reused as reused:
            p.log.warning(f"{reused}: the mailbox is read from its beginning")
            look.epoch = p.intake.next_generation(p.inbox.name, mailbox.place)
            counts = look.take()
    return {**counts, "adopted": adopted}


def _epoch(p: Passage, mailbox: Mailbox) -> Epoch:
    """Open the folder's epoch; another one where the folder was made anew under its old name."""
    epoch = p.intake.open_epoch(p.inbox.name, mailbox.place)
    uidnext = mailbox.place.uidnext
    if not epoch.cursor or (uidnext is not None and uidnext <= epoch.cursor + 1):
        return epoch
    marks = {row["uid"]: row for row in p.intake.landmarks(epoch)}
    found = [one for one in mailbox.headers(list(marks)) if one.original is not None]
    if all(_is_mark(marks[one.uid], one.original or b"") for one in found):
        return epoch
    p.log.warning(
        f"{mailbox.place.folder} was made anew under its old UIDVALIDITY "
        f"{mailbox.place.uidvalidity}: it is read from its beginning"
    )
    return p.intake.next_generation(p.inbox.name, mailbox.place)


def _is_mark(mark: Row, header: bytes) -> bool:
    return is_the_same(mark["message_id"], bytes(mark["header_hash"]), header)


class _Fetch:
    """One look at one folder."""

    def __init__(
        self, p: Passage, mailbox: Mailbox, epoch: Epoch, adopted: int, told: Told
    ) -> None:
        self.p, self.mailbox, self.epoch = p, mailbox, epoch
        self.adopted, self.told = adopted, told
        # Where runs die again and again, no next one has more to do than the last.
        self.room = max(0, p.inbox.max_messages_per_run - adopted)
        self.limit = p.inbox.maximum_email_size
        self.stored = self.recognised = 0

    def take(self) -> Counts:
        """Take what is new, and what went; raises ``Reused``."""
        counts: Counts = {"fetched": 0, "recognised": 0, "gone": 0, "more": False}
        listing = fingerprint(self.mailbox)
        if listing and is_as_before(self.p, self.mailbox, self.epoch, listing):
            return counts
        more = self._everything()
        counts |= {"fetched": self.stored, "recognised": self.recognised, "more": more}
        if more or self.epoch.has_rest:
            self.p.intake.leave_rest(self.epoch, self.p.run if more else None)
        if not more:
            counts["gone"] = note_what_is_gone(self.p, self.mailbox, self.epoch)
            if listing:
                self.p.intake.keep_listing(self.epoch, listing)
        return counts

    def _everything(self) -> bool:
        """Store all that a run may take; tell whether there is more."""
        left = self.room
        chunks = _chunks(self.mailbox.listing(str(self.epoch.cursor or "") or None))
        more = False
        for number, chunk in enumerate(chunks):
            new = self._fresh(chunk)
            if number == 0 and len(new) == len(chunk):
                none_is_known(self.p, self.mailbox, self.epoch)
            self._portion(new[:left], chunk[-1] if len(new) <= left else None)
            left -= len(new)
            if left <= 0:
                more = left < 0 or any(map(self._fresh, chunks))
                break
        if self.epoch.is_new_life and not more:
            self.p.intake.leave_earlier_lives(self.epoch)
        return more

    def _fresh(self, chunk: list[Listed]) -> list[Listed]:
        self.p.keep_lease()
        return fresh(self.p, self.mailbox, self.epoch, chunk)

    def _portion(self, new: list[Listed], last: Listed | None) -> None:
        """Store what is new of a chunk; ``last`` is the end of it, if all of it is taken."""
        batches = list(_batches(new)) or [[]]
        for batch in batches:
            self._batch(batch, last if batch is batches[-1] else None)
            self.p.outside.progress("fetch", self.stored + self.recognised, None)
            self.told(self.p, self.adopted + self.stored)

    def _batch(self, fresh: list[Listed], last: Listed | None) -> None:
        """Store what is new of a batch; ``last`` is the end of it, if all of it was taken."""
        moved = self._recognise(fresh) if self.epoch.is_new_life else {}
        arrivals = list(self._arrivals([one for one in fresh if one.uid not in moved]))
        moved |= self._known_ids(arrivals)
        arrivals = [a for a in arrivals if a.uid not in moved]
        repeated = self._repeated(arrivals)
        firsts = [a for a in arrivals if a not in repeated]
        last = last or (fresh[-1] if fresh else None)
        for number, one in self._stored(moved, firsts, None if repeated else last):
            self.stored += 1
            self.p.log.info(
                f"message {number}: fetched uid {one.uid}, {one.size:,} bytes, "
                f"{about(one.message_id, one.sender, one.subject)}"
            )
        if repeated:
            moved |= (again := self._known_ids(repeated))
            self._written(again, [], last)
        self.recognised += len(moved)

    def _repeated(self, arrivals: list[Arrival]) -> list[Arrival]:
        """Find what came a second time within one batch, where Message-IDs count as UIDs."""
        if not self.p.inbox.use_message_id_as_uid:
            return []
        firsts = {a.known_by: a for a in reversed(arrivals)}
        return [a for a in arrivals if a.known_by and firsts[a.known_by] is not a]

    def _stored(
        self, moved: dict[str, int], arrivals: list[Arrival], last: Listed | None
    ) -> list[tuple[int, Arrival]]:
        try:
            return self._written(moved, arrivals, last)
        except RowRefused as error:
            self.p.log.warning(f"the database refuses one of {len(arrivals)} messages: {error}")
        added = [pair for one in arrivals for pair in self._alone(one)]
        self._written(moved, [], last)
        return added

    def _alone(self, one: Arrival) -> list[tuple[int, Arrival]]:
        try:
            return self._written({}, [one], None)
        except RowRefused:
            return self._written({}, [nameless(one)], None)

    def _written(
        self, moved: dict[str, int], arrivals: list[Arrival], last: Listed | None
    ) -> list[tuple[int, Arrival]]:
        intake = self.p.intake
        with self.p.db.transaction():
            self.p.renew_lease()
            # A task that was given up for dead may have stored them while these were downloaded.
            known = intake.known_uids(self.epoch, [one.uid for one in arrivals])
            arrivals = [one for one in arrivals if one.uid not in known]
            intake.locate(self.epoch, moved.items())
            ids = intake.add(self.p.run, self.epoch, arrivals)
            # Only IMAP's UIDs ascend; a UIDL says nothing about what is new.
            if self.mailbox.place.uidvalidity and last:
                intake.move_cursor(self.epoch, int(last.uid))
        return list(zip(ids, arrivals, strict=True))

    def _recognise(self, fresh: list[Listed]) -> dict[str, int]:
        """Find which of these were in the inbox before its UIDVALIDITY or server changed."""
        sizes = {one.uid: one.size for one in fresh}
        headers = self.mailbox.headers(list(sizes))
        prints = [
            (f.uid, sizes[f.uid], header_hash(f.original))
            for f in self._unhurried(headers)
            if f.original
        ]
        return self.p.intake.recognise(self.p.inbox.name, self.epoch, prints)

    def _known_ids(self, arrivals: list[Arrival]) -> dict[str, int]:
        if not self.p.inbox.use_message_id_as_uid:
            return {}
        return self.p.intake.by_message_id(self.p.inbox.name, arrivals)

    def _unhurried(self, answers: Iterator[Fetched]) -> Iterator[Fetched]:
        """Keep the lease while a slow server answers one after the other."""
        for answer in answers:
            self.p.keep_lease()
            yield answer

    def _arrivals(self, new: list[Listed]) -> Iterator[Arrival]:
        asked = [one for one in new if not self.epoch.gives_up(one.uid)]
        small = [one for one in asked if one.size <= self.limit]
        big = [one.uid for one in asked if one.size > self.limit]
        try:
            fetched = self._by_uid(self.mailbox.originals(small, BATCH_BYTES))
            fetched |= self._by_uid(self.mailbox.headers(big))
        except MailboxUnavailable as error:
            if error.suspect:
                self.p.intake.suspect(self.epoch, error.suspect)
            raise
        unread = set(big)
        for one in new:
            found = fetched.get(one.uid, self._unread(one.uid))
            if found.original is None and not found.error:
                continue  # it vanished between listing and fetching: somebody removed it
            if found.error:
                self.p.log.warning(f"uid {one.uid} cannot be read: {found.error}")
            whole = one.uid not in unread and not found.error
            yield arrival(one, found.original or b"", whole=whole)

    def _by_uid(self, answers: Iterator[Fetched]) -> dict[str, Fetched]:
        return {one.uid: one for one in self._unhurried(answers)}

    def _unread(self, uid: str) -> Fetched:
        why = f"{self.epoch.suspected} runs ended when it was asked for"
        return Fetched(uid, None, why if self.epoch.gives_up(uid) else "")


def _chunks(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    lines = iter(listing)
    while chunk := list(islice(lines, LISTED)):
        yield chunk


def _batches(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    """Group a listing so that the originals of a group fit into ``BATCH_BYTES``.

    What is too big counts in full: all of it may be header section.
    """
    batch: list[Listed] = []
    volume = 0
    for one in listing:
        if batch and (volume + one.size > BATCH_BYTES or len(batch) == BATCH_MESSAGES):
            yield batch
            batch, volume = [], 0
        batch.append(one)
        volume += one.size
    if batch:
        yield batch
