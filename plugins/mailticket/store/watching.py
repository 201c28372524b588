"""What those who watch inboxes ask and write: what waits for a run, and how each mailbox is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailticket.mailboxes.base import Place
from mailticket.store.postgres import Database, Row


@dataclass(frozen=True, slots=True)
class Marks:
    """How far the runs of an inbox are."""

    fetched: int = 0
    """The last run that has fetched."""
    finished: int = 0
    """The last run that came to its end."""
    busy: bool = False
    """A pass is at work."""


class Watching:
    """One connection for all inboxes that a process watches."""

    def __init__(self, db: Database) -> None:
        self.db = self._db = db

    def asks(self) -> dict[str, dict[str, str]]:
        """Give what waits for a run: inbox → what → key."""
        return _by_inbox(self._db.rows("asks_for_runs"))

    def undecided(self) -> dict[str, dict[str, str]]:
        """Give the inboxes whose messages wait for another run, as ``asks`` does."""
        return _by_inbox(self._db.rows("undecided_messages"))

    def marks(self, inboxes: Collection[str]) -> dict[str, Marks]:
        """Say how far the runs of these inboxes are."""
        rows = self._db.rows("progress_of_runs", inboxes=list(inboxes))
        return {
            row["inbox"]: Marks(row["fetched"] or 0, row["finished"] or 0, row["busy"])
            for row in rows
        }

    def cursor(self, inbox: str, place: Place) -> int:
        """Give the UID up to which all messages of this folder's life have rows; 0: none has."""
        row = self._known(inbox, place)
        return int(row["cursor"]) if row else 0

    def unknown(self, inbox: str, place: Place, uids: Sequence[str]) -> list[str]:
        """Give those of the UIDs that have no row."""
        row = self._known(inbox, place)
        if row is None:
            return list(uids)
        rows = self._db.rows("unknown_uids", epoch=row["id"], uids=list(uids))
        return [each["uid"] for each in rows]

    def _known(self, inbox: str, place: Place) -> Row | None:
        return self._db.row(
            "known_place",
            inbox=inbox,
            server=place.server,
            login=place.login,
            folder=place.folder,
            uidvalidity=place.uidvalidity,
        )

    # -- how the mailboxes are ---------------------------------------------------------------------

    def was_told(self, inbox: str) -> bool:
        """Tell whether an operator knows already that this mailbox fails."""
        row = self._db.row("inbox_state", inbox=inbox)
        return bool(row and row["told_at"])

    def well(self, inboxes: Sequence[tuple[str, str]]) -> None:
        """Note that these mailboxes are well now: (inbox, how it is watched)."""
        self._db.many("inbox_well", [(inbox, how) for inbox, how in inboxes])

    def failing(self, inbox: str, error: str, seconds: float, *, told: bool) -> None:
        """Note why a mailbox cannot be watched, and for how long already."""
        self._db.rows("inbox_failing", inbox=inbox, error=error, seconds=seconds, told=told)

    def forget(self, inbox: str) -> None:
        """Note nothing any more of an inbox that was removed."""
        self._db.rows("forget_inbox", inbox=inbox)


def _by_inbox(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["inbox"], {})[row["what"]] = row["key"]
    return found
