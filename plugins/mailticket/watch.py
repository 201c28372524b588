"""The bell of an inbox as Airflow knows it: an asset, a trigger that watches, a schedule.

What the trigger does is in ``watching/``; this file is all that Airflow sees of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable  # noqa: TID251
from airflow.triggers.base import BaseEventTrigger, TriggerEvent  # noqa: TID251

from mailticket.config import Inbox

PREFIX = "mailticket_bell_"
_STAMPED = ("protocol", "conn_id", "mailbox", "periodicity", "pop3_auth_option", "imap_options")
"""What the watcher works by: a change of it makes another trigger."""
_LOOKS_AN_HOUR = 100
"""Safety looks of all inboxes together: each costs seven tasks."""
_HOURS = (1, 2, 3, 4, 6, 8, 12, 24)


class MailTrigger(BaseEventTrigger):
    """Waits for what an inbox has to do; knows no secret, reads all when it runs."""

    def __init__(self, inbox: str, stamp: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.inbox = inbox
        self.stamp = stamp

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how to make it again: the inbox's name, and what tells a changed one apart."""
        return "mailticket.watch.MailTrigger", {"inbox": self.inbox, "stamp": self.stamp}

    def __repr__(self) -> str:
        """Show it without making Airflow's names for it: a DAG's parse asks for this many times."""
        return f"<MailTrigger {self.inbox} {self.stamp}>"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ring each time a run has something to do."""
        from mailticket.airflow_access import in_airflow  # noqa: PLC0415  only a triggerer needs it
        from mailticket.watching.shared import shared  # noqa: PLC0415
        from mailticket.watching.watcher import Watcher  # noqa: PLC0415

        rings = Watcher(self.inbox, shared(in_airflow)).rings()
        try:
            async for why in rings:
                rung = {"inbox": self.inbox, "why": why[:500], "at": datetime.now(UTC).isoformat()}
                yield TriggerEvent(rung)  # type: ignore[no-untyped-call]
        finally:
            await rings.aclose()


def schedule(inbox: Inbox, inboxes: int) -> AssetOrTimeSchedule:
    """Run when the inbox's bell rings, and now and then all the same.

    ``inboxes``: how many there are; the more, the rarer is the look that no bell asked for.
    """
    bell = Asset(
        PREFIX + inbox.name,
        uri=f"x-mailticket://bell/{inbox.name}",
        watchers=[AssetWatcher("mailbox", MailTrigger(inbox.name, _stamp(inbox)))],
    )
    timetable = CronTriggerTimetable(
        _now_and_then(inbox.name, inboxes),
        timezone="UTC",
        # Never for a time that is over: a thousand new inboxes would all run at once.
        run_immediately=timedelta(0),
    )
    return AssetOrTimeSchedule(timetable=timetable, assets=[bell])


def _stamp(inbox: Inbox) -> str:
    stamped = "\n".join(f"{name} {getattr(inbox, name)!r}" for name in _STAMPED)
    return hashlib.sha256(stamped.encode()).hexdigest()[:16]


def _now_and_then(name: str, inboxes: int) -> str:
    """Give each inbox a time of its own, so that they do not all come at once."""
    hours = next((h for h in _HOURS if inboxes <= h * _LOOKS_AN_HOUR), _HOURS[-1])
    at = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % (hours * 60)
    return f"{at % 60} {at // 60}/{hours} * * *" if hours > 1 else f"{at % 60} * * * *"
