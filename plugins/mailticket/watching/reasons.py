"""Why a run is to be started: what is known of mailbox, rows and runs, put together; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailticket.store.watching import Marks
from mailticket.watching.doorbell import Doorbell
from mailticket.watching.sights import NOTHING_NEW, Sight

_APART = 30.0
"""Seconds between two rings for what waits in the database, at least."""
_WHY = {
    "settle": "a ticket was closed, or undesired mail is due to go",
    "send": "mail waits to be sent",
    "undecided": "messages wait to be decided",
}


@dataclass(slots=True)
class Reasons:
    """Of one inbox; all but ``due`` only take what somebody saw."""

    sight: Sight = NOTHING_NEW
    """What the mailbox holds that has no row."""
    asks: Mapping[str, str] = field(default_factory=dict)
    """What waits in the database: what → key."""
    marks: Marks = field(default_factory=Marks)
    health: str = ""
    """News of the mailbox's health, told with the next bell."""
    _for_mail: Doorbell = field(default_factory=Doorbell)
    _for_rows: Doorbell = field(default_factory=lambda: Doorbell(_APART))

    def due(self, now: float) -> str:
        """Say why a run is to be started now, ``""`` for not; one run does for all reasons."""
        why = [self.health] if self.health else []
        self.health = ""
        news = self.sight.key or self.asks.get("rest")
        if self._for_mail.rings(now, news, self.marks.fetched, busy=self.marks.busy):
            why.append(self.sight.said or "the last run left some for the next one")
        rows = sorted((what, key) for what, key in self.asks.items() if what != "rest")
        key = "; ".join(f"{what} {key}" for what, key in rows) or None
        if self._for_rows.rings(now, key, self.marks.finished, busy=self.marks.busy):
            why += [_WHY[what] for what, _ in rows]
        return "; ".join(why)

    @property
    def are_any(self) -> bool:
        """Tell whether anything is left to do, rung for or not."""
        return bool(self.sight.key or self.asks)

    def is_fetch_awaited(self, now: float) -> bool:
        """Tell whether a run was asked for that has not fetched yet."""
        return self._for_mail.is_waiting(now, self.marks.fetched)

    def is_end_awaited(self, now: float) -> bool:
        """Tell whether a run was asked for that has not ended yet."""
        return self._for_rows.is_waiting(now, self.marks.finished)

    def forget(self) -> None:
        """Have no reason any more: the inbox was removed."""
        self.sight, self.asks, self.health = NOTHING_NEW, {}, ""
