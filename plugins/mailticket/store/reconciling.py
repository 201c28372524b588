"""Our rows beside what really is: what is to be repaired, what a person must see."""

from __future__ import annotations

from collections.abc import Sequence

from mailticket.store.intake import Epoch
from mailticket.store.postgres import Database, Row


class Reconciling:
    """What the maintenance asks and writes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def back_in_the_folder(self, epoch: Epoch, uids: Sequence[str]) -> list[Row]:
        """Give those of the UIDs that should not lie there: location, uid, and whose they are."""
        return self._db.rows("back_in_the_folder", epoch=epoch.id, uids=list(uids))

    def date_anew(self, epoch: Epoch) -> int:
        """Let what was undesired in the future be undesired as of now; give how much."""
        return len(self._db.rows("decided_ahead_of_time", epoch=epoch.id))

    def lower_cursor(self, epoch: Epoch, cursor: int) -> None:
        """Let the next look begin above this UID: something below the old cursor has no row."""
        self._db.rows("lower_cursor", epoch=epoch.id, cursor=cursor)

    def left_for_people(self, inbox: str) -> dict[str, int]:
        """Count what waits: undecided, in_error, held messages, and unsent mails."""
        [row] = self._db.rows("left_for_people", inbox=inbox)
        return {**row, "unsent": self._db.value("unsent_mail", inbox=inbox)}
