"""What goes by age or because nothing names it, piece by piece: no statement lasts for long."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailticket.store.postgres import Database, binary

_FILES = 10_000
"""Files without an attachment that are looked for in the drafts together."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How many days that is kept which an inbox brought."""

    originals: int
    events: int
    announces: bool
    """Its runs still come, and announce what was not announced."""


class Purging:
    """What the purge asks and deletes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def unconfigured(self, known: Collection[str]) -> dict[str, dict[str, Any]]:
        """Give the inboxes that ran and are not known, with their last configuration."""
        rows = self._db.rows("unconfigured_inboxes", known=list(known))
        return {row["inbox"]: row["document"] for row in rows}

    def runs(self, inbox: str, days: int) -> Iterator[int]:
        """Delete runs older than this that decided nothing; yields how many, batch by batch."""
        while number := len(self._db.rows("purge_runs", inbox=inbox, days=days)):
            yield number

    def events(self, kept: Mapping[str, Kept]) -> Iterator[int]:
        """Delete old events of the feed from its beginning; yields how many, batch by batch."""
        days = [one.events for one in kept.values()]
        values = {
            "inboxes": list(kept),
            "days": days,
            "announcing": [one.announces for one in kept.values()],
            "shortest": min(days, default=0),
            "longest": max(days, default=0),
        }
        at: dict[str, Any] = {"xid": "0", "id": 0}
        while days and (piece := self._db.row("purge_events", **values, **at)):
            yield piece["purged"]
            if not piece["old"]:
                return
            at = {"xid": piece["xid"], "id": piece["id"]}

    def files(self) -> Iterator[int]:
        """Delete files that nothing names: no attachment, and no draft that may become one."""
        free: set[str] = set()
        for unattached in self._unattached():
            free |= unattached
            if len(free) >= _FILES:
                yield self._purge_files(free)
                free = set()
        yield self._purge_files(free)

    def _unattached(self) -> Iterator[set[str]]:
        after = b""
        while piece := self._db.row("unattached_files", after=binary(after)):
            after = bytes(piece["last"])
            yield {bytes(digest).hex() for digest in piece["unattached"]}

    def _purge_files(self, digests: set[str]) -> int:
        after, free = 0, set(digests)
        while free and (
            drafts := self._db.rows("drafted_files", after=after, digests=sorted(digests))
        ):
            after = drafts[-1]["attempt"]
            free -= {digest for draft in drafts for digest in draft["named"]}
        gone = [bytes.fromhex(digest) for digest in sorted(free)]
        return len(self._db.rows("purge_files", digests=gone)) if gone else 0
