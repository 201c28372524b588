"""Intake: where messages lie, what they are, and their originals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailticket.mailboxes.base import Listed, Place
from mailticket.store.postgres import Database, Row, binary
from mailticket.store.runs import Run

MOST_BREAKS = 3
"""Runs that may end at one message, its mailbox out of reach afterwards, before it is left out."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One life of a folder: while it lasts, a UID names one message."""

    id: int
    cursor: int
    """Every IMAP UID up to here is known."""
    is_new_life: bool
    """The inbox has messages from another epoch, which may lie here again."""
    has_rest: bool = False
    """The run before left something of the inbox to the next one."""
    suspect: str = ""
    """The UID at which the last session broke that could not be made anew."""
    suspected: int = 0
    """In how many runs, one after the other."""

    def gives_up(self, uid: str) -> bool:
        """Tell whether a message ended so many runs that it is not asked for any more."""
        return uid == self.suspect and self.suspected >= MOST_BREAKS


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was not known before, with what it is recognised by later."""

    uid: str
    size: int
    received_at: datetime | None
    header_size: int
    header_hash: bytes
    content_hash: bytes | None
    message_id: str
    sent_at: datetime | None
    sender: str
    sender_name: str
    subject: str
    participants: tuple[str, ...]
    raw: bytes
    """The original; of one that is too big, its header section."""
    whole: bool
    saved_to: str | None = None

    @property
    def known_by(self) -> tuple[str, bytes] | None:
        """Give what ``use_message_id_as_uid`` knows it again by; None without a Message-ID.

        Never the Message-ID alone: whoever foresees one could send it first, and the mail that it
        belongs to would count as seen. Where the content was not had, the header section stands in.
        """
        if not self.message_id:
            return None
        return message_key(self.message_id), self.content_hash or self.header_hash


class Intake:
    """What ``fetch`` writes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def open_epoch(self, inbox: str, place: Place) -> Epoch:
        """Find the epoch of an opened folder, or begin one."""
        row = self._epoch_row(inbox, place, further=0)
        # A folder that was made anew under its old UIDVALIDITY gives out UIDs below our cursor.
        if place.uidnext is not None and place.uidnext <= row["cursor"]:
            row = self._epoch_row(inbox, place, further=1)
        return _epoch(row)

    def next_generation(self, inbox: str, place: Place) -> Epoch:
        """Begin another epoch under the same UIDVALIDITY: its UIDs mean other messages now."""
        return _epoch(self._epoch_row(inbox, place, further=1))

    def _epoch_row(self, inbox: str, place: Place, further: int) -> Row:
        row = self._db.row(
            "open_epoch",
            inbox=inbox,
            server=place.server,
            login=place.login,
            folder=place.folder,
            uidvalidity=place.uidvalidity,
            further=further,
        )
        assert row is not None
        return row

    def landmarks(self, epoch: Epoch) -> list[Row]:
        """Give some messages by which the folder is known again: uid, message_id, header_hash."""
        return self._db.rows("landmarks", epoch=epoch.id)

    def leave_earlier_lives(self, epoch: Epoch) -> None:
        """Mark as gone what lay in the folder before this epoch: all of it was looked at."""
        self._db.rows("leave_earlier_lives", epoch=epoch.id)

    def known_uids(self, epoch: Epoch, uids: Sequence[str]) -> set[str]:
        """Give those of the UIDs that have their row."""
        rows = self._db.rows("known_uids", epoch=epoch.id, uids=list(uids))
        return {row["uid"] for row in rows}

    def unlike_rows(self, epoch: Epoch, listed: Sequence[Listed]) -> list[Row]:
        """Give what has no row (``location`` is None), and what is not sure to be its row's."""
        uids, sizes = [one.uid for one in listed], [one.size for one in listed]
        return self._db.rows("unlike_rows", epoch=epoch.id, uids=uids, sizes=sizes)

    def last_listed(self, epoch: Epoch, listing: bytes, messages: int) -> Row | None:
        """Give the newest row of a listing that was seen before, all of which lies there still."""
        return self._db.row(
            "last_listed", epoch=epoch.id, listing=binary(listing), messages=messages
        )

    def keep_listing(self, epoch: Epoch, listing: bytes) -> None:
        """Remember that each message of this listing has its row."""
        self._db.rows("keep_listing", epoch=epoch.id, listing=binary(listing))

    def lie_again(self, locations: Sequence[int]) -> None:
        """Remember that the server took removals back: they are to be repeated."""
        self._db.rows("lie_again", locations=list(locations))

    def leave_rest(self, epoch: Epoch, run: Run | None) -> None:
        """Remember which run left the rest of the folder to the next one; None: there is none."""
        self._db.rows("leave_rest", epoch=epoch.id, run=run.id if run else None)

    def has_rest(self, inbox: str) -> bool:
        """Tell whether a run left something behind: the next one should follow at once."""
        return bool(self._db.value("has_rest", inbox=inbox))

    def may_be_gone(self, epoch: Epoch, exists: int) -> bool:
        """Tell whether less lies there than our rows say, or that was not looked at for a day."""
        return bool(self._db.value("may_be_gone", epoch=epoch.id, exists=exists))

    def expects(self, epoch: Epoch) -> bool:
        """Tell whether, by our rows, anything lies there."""
        return bool(self._db.value("expects", epoch=epoch.id))

    def mark_gone(self, epoch: Epoch, present: Iterable[str]) -> int:
        """Mark what should lie there and does not; give how many."""
        return len(self._db.rows("mark_gone", epoch=epoch.id, present=list(present)))

    def recognise(
        self, inbox: str, epoch: Epoch, prints: Iterable[tuple[str, int, bytes]]
    ) -> dict[str, int]:
        """Match (uid, size, header hash) to messages from earlier epochs, each one once."""
        prints = list(prints)
        rows = self._db.rows(
            "recognise",
            inbox=inbox,
            epoch=epoch.id,
            header_hashes=[header_hash for _, _, header_hash in prints],
        )
        known: dict[tuple[int, bytes], list[int]] = {}
        for row in rows:
            known.setdefault((row["size"], bytes(row["header_hash"])), []).append(row["id"])
        matched: dict[str, int] = {}
        for uid, size, header_hash in prints:
            if messages := known.get((size, header_hash)):
                matched[uid] = messages.pop(0)
        return matched

    def by_message_id(self, inbox: str, arrivals: Iterable[Arrival]) -> dict[str, int]:
        """Match uids to messages that the inbox has seen (``use_message_id_as_uid``)."""
        prints = {a.uid: a.known_by for a in arrivals if a.known_by}
        rows = self._db.rows(
            "recognise_by_message_id",
            inbox=inbox,
            message_ids=[message_id for message_id, _ in prints.values()],
            hashes=[hash_ for _, hash_ in prints.values()],
        )
        known = {(row["message_id"], bytes(row["hash"])): row["id"] for row in rows}
        return {uid: known[one] for uid, one in prints.items() if one in known}

    def locate(self, epoch: Epoch, places: Iterable[tuple[str, int]]) -> None:
        """Remember that known messages lie here too: (uid, message)."""
        self._db.many("add_locations", [(epoch.id, uid, message) for uid, message in places])

    def suspect(self, epoch: Epoch, uid: str) -> None:
        """Count that the session broke at a message, with no other to be had."""
        self._db.rows("suspect", epoch=epoch.id, uid=uid)

    def move_cursor(self, epoch: Epoch, cursor: int) -> None:
        """Remember that every UID up to ``cursor`` is known."""
        self._db.rows("move_cursor", epoch=epoch.id, cursor=cursor)

    def add(self, run: Run, epoch: Epoch, arrivals: Sequence[Arrival]) -> list[int]:
        """Store new messages with originals, places and first attempts; give their numbers."""
        with self._db.transaction():
            rows = self._db.many("add_messages", [_message_values(run.inbox, a) for a in arrivals])
            ids = [row["id"] for row in rows]
            originals = ((id_, a.raw, a.whole) for id_, a in zip(ids, arrivals, strict=True))
            self._db.copy("copy_originals", originals)
            self.locate(epoch, ((a.uid, id_) for id_, a in zip(ids, arrivals, strict=True)))
            attempts = [(id_, run.id, run.clear_number, run.configuration) for id_ in ids]
            self._db.many("add_attempts", attempts)
        return ids

    def complete(self, inbox: str, message: int, read: Arrival) -> None:
        """Store the original of a message of which at most the header section was known."""
        original = {"message": message, "raw": binary(read.raw), "whole": True}
        with self._db.transaction():
            self._db.each("add_original", [original])
            self._db.many("complete_message", [_message_values(inbox, read)], message=message)

    def adopt(self, run: Run) -> int:
        """Take over what dead or waiting runs left undecided; give how many."""
        rows = self._db.rows(
            "adopt",
            inbox=run.inbox,
            run=run.id,
            clear_number=run.clear_number,
            configuration=run.configuration,
        )
        return len(rows)

    def unsaved_big_messages(self, inbox: str) -> list[Row]:
        """Give messages that were too big and wait to be saved: message, size, uid, epoch."""
        return self._db.rows("unsaved_big_messages", inbox=inbox)

    def mark_saved(self, message: int, saved_to: str) -> None:
        """Remember where a message that was too big lies."""
        self._db.rows("mark_saved", message=message, saved_to=saved_to)

    def places_of(self, message: int) -> list[Row]:
        """Give where a message lies, the newest place first."""
        return self._db.rows("places_of_message", message=message)


def _epoch(row: Row) -> Epoch:
    return Epoch(
        row["id"],
        row["cursor"],
        row["others_hold_messages"],
        row["has_rest"],
        row["suspect"] or "",
        row["suspected"],
    )


def _message_values(inbox: str, a: Arrival) -> tuple[object, ...]:
    return (
        inbox,
        message_key(a.message_id),
        a.size,
        a.header_size,
        a.header_hash,
        a.content_hash,
        a.received_at,
        a.sent_at,
        a.sender[:320],
        a.sender_name[:1000],
        a.subject[:2000],
        list(a.participants),
        a.saved_to,
    )


def message_key(message_id: str) -> str:
    """Give a Message-ID as it is indexed: PostgreSQL's index rows end at 2,700 bytes."""
    if len(message_id.encode()) <= 1000:  # noqa: PLR2004
        return message_id
    return f"{message_id[:200]}#{hashlib.sha256(message_id.encode()).hexdigest()}"
