"""What goes by age, once a day and in all inboxes, the inactive and removed ones too (SPEC 8.5).

No mailbox is asked, so that an inbox whose server is gone for good does not keep its mail for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailticket.config import Configuration, Inbox
from mailticket.config_settings import Settings
from mailticket.passage import Counts
from mailticket.store.postgres import Database
from mailticket.store.purging import Kept, Purging
from mailticket.store.settling import Settling
from mailticket.storm import ended_by

_DAY = 24 * 60


def purge(db: Database, configuration: Configuration) -> Counts:
    """Delete what is due in batches; give how many of each: originals, runs, events, files."""
    purging, settling = Purging(db), Settling(db)
    kept = _kept(purging, configuration)
    counts: Counts = {"originals": 0, "runs": 0, "events": 0, "files": 0}
    for inbox, keeps in kept.items():
        while number := settling.purge_originals(inbox, keeps.originals):
            counts["originals"] += number
        counts["runs"] += sum(purging.runs(inbox, max(keeps.originals, 1)))
    counts["events"] = sum(purging.events(kept))
    counts["files"] = sum(purging.files())
    return counts


def _kept(purging: Purging, configuration: Configuration) -> dict[str, Kept]:
    """Say of each inbox how long it keeps: as configured, else as in its last run."""
    kept = {name: _as_configured(inbox) for name, inbox in configuration.inboxes.items()}
    for name, document in purging.unconfigured(list(kept)).items():
        kept[name] = _as_it_was(document, announces=name in configuration.broken)
    return kept


def _as_configured(inbox: Inbox) -> Kept:
    # The storm caps count events: they need those of their longest window.
    caps = (
        *inbox.cap_tickets_per_sender,
        *inbox.cap_tickets_per_inbox,
        *inbox.cap_reopens_per_ticket,
    )
    window = ended_by(caps) // _DAY + 1
    return Kept(inbox.raw_retention_days, max(inbox.event_retention_days, window), announces=True)


def _as_it_was(document: Mapping[str, Any], *, announces: bool) -> Kept:
    usual = Settings()
    originals = document.get("raw_retention_days", usual.raw_retention_days)
    events = document.get("event_retention_days", usual.event_retention_days)
    return Kept(int(originals), int(events), announces)
