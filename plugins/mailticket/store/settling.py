"""What is to leave a folder, and what did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailticket.config import Inbox
from mailticket.mailboxes.base import Settlement
from mailticket.store.intake import Epoch
from mailticket.store.postgres import Database


@dataclass(frozen=True, slots=True)
class Due:
    """One message that is to leave its folder."""

    location: int
    uid: str
    message: int
    message_id: str
    """As it is indexed (``intake.message_key``)."""
    header_hash: bytes
    settlement: Settlement


class Settling:
    """What ``cleanup`` asks and writes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def due(self, inbox: Inbox, epoch: Epoch, recipients: Sequence[str]) -> list[Due]:
        """Give what the configuration and the committed verdicts call for; oldest first.

        ``recipients``: where errors are forwarded to, as the outbox knows them.
        """
        rows = self._db.rows(
            "due",
            epoch=epoch.id,
            after_processing=inbox.after_processing,
            error_behavior=inbox.error_behavior,
            undesired_behavior=inbox.undesired_behavior,
            undesired_purge_delay=inbox.undesired_purge_delay,
            recipients=list(recipients),
        )
        return [
            Due(
                row["location"],
                row["uid"],
                row["message"],
                row["message_id"],
                bytes(row["header_hash"]),
                Settlement(row["settlement"]),
            )
            for row in rows
        ]

    def bells(self, inbox: str) -> list[int]:
        """Give the bells that the database rang for this inbox; asked before ``due`` is."""
        return [row["id"] for row in self._db.rows("bells", inbox=inbox)]

    def ring_when_due(self, inbox: Inbox, epoch: Epoch) -> None:
        """Have the bell rung when the next undesired message is to be purged."""
        days = inbox.undesired_purge_delay
        self._db.rows("ring_when_due", inbox=inbox.name, epoch=epoch.id, days=days)

    def answer(self, bells: Sequence[int]) -> None:
        """Take away bells: what they rang for is settled; those of forgotten inboxes go too."""
        self._db.rows("answer_bells", ids=list(bells))

    def latest_epoch(self, inbox: str) -> Epoch | None:
        """Give the epoch that the inbox was last seen in."""
        row = self._db.row("latest_epoch", inbox=inbox)
        return Epoch(row["id"], 0, False) if row else None

    def mark(self, done: Sequence[tuple[Due, bool]]) -> None:
        """Remember what left the folder; True: it was not there any more."""
        self._db.many(
            "mark_settled", [(due.location, due.settlement.value, gone) for due, gone in done]
        )

    def purge_originals(self, inbox: str, days: int) -> int:
        """Delete a batch of originals that are older than ``raw_retention_days``; give how many."""
        rows = self._db.rows("purge_originals", inbox=inbox, days=days, from_="-infinity")
        self._db.rows("purge_drafts", inbox=inbox, days=days)
        return len(rows)
