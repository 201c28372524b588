"""Runs: the lease of an inbox, the configuration that a run is pinned to, which step is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailticket.config import Inbox
from mailticket.errors import Lapsed
from mailticket.mailboxes.limits import Seat
from mailticket.store.postgres import Database, json_value

LEASE_SECONDS = 120
"""Longer than the longest stretch without a renewal: one batch, or a pause between two tasks."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over an inbox, as its row knows it."""

    id: int
    inbox: str
    name: str
    clear_number: int
    """How often Airflow cleared tasks of this run before this task started."""
    configuration: str
    """Hash of the configuration that the run is pinned to."""


class Runs:
    """What the steps ask about their run."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def take_lease(self, inbox: str, holder: str) -> None:
        """Take or renew the lease; raises ``Lapsed`` while another pass holds it."""
        if self._db.row("take_lease", inbox=inbox, holder=holder, seconds=LEASE_SECONDS):
            return
        other = self._db.row("lease_holder", inbox=inbox) or {
            "holder": "another pass",
            "seconds": 0,
        }
        raise Lapsed(
            f"inbox {inbox} is being read by {other['holder']}; "
            f"its lease ends in {other['seconds']:.0f} s unless renewed"
        )

    def release_lease(self, inbox: str, holder: str) -> None:
        """Let the next pass begin."""
        self._db.rows("release_lease", inbox=inbox, holder=holder)

    def find(self, inbox: str, name: str, clear_number: int) -> Run | None:
        """Give a run that has its configuration, or None."""
        row = self._db.row("find_run", inbox=inbox, name=name)
        if row is None:
            return None
        return Run(row["id"], inbox, name, clear_number, row["configuration"])

    def is_pinned(self, run: Run) -> bool:
        """Tell whether the run was pinned since it was last cleared."""
        pinned: int = self._db.value("pinned_when", run=run.id)
        return pinned >= run.clear_number

    def pin(self, inbox: Inbox, name: str, clear_number: int, versions: Mapping[str, str]) -> Run:
        """Make the run, or pin it anew: it works under this configuration from now on."""
        with self._db.transaction():
            digest = self.keep(inbox, versions)
            row = self._db.row(
                "pin_run", inbox=inbox.name, name=name, hash=digest, clear_number=clear_number
            )
        assert row is not None
        return Run(row["id"], inbox.name, name, clear_number, digest)

    def keep(self, inbox: Inbox, versions: Mapping[str, str]) -> str:
        """Store the effective configuration under its hash, and give the hash."""
        digest = inbox.digest(versions)
        self._db.rows(
            "keep_configuration",
            hash=digest,
            inbox=inbox.name,
            document=json_value(inbox.document()),
            versions=json_value(dict(versions)),
        )
        return digest

    def configuration(self, run: Run) -> Inbox:
        """Give the configuration that a run is pinned to."""
        return Inbox.from_document(self._db.value("configuration_document", hash=run.configuration))

    def enter_server(self, run: Run, seat: Seat) -> bool:
        """Take one of the sessions that a server's limits grant; tell whether there was one."""
        with self._db.transaction():
            self._db.rows("lock_server", server=seat.server)
            entered = self._db.row(
                "enter_server",
                inbox=run.inbox,
                holder=run.name,
                server=seat.server,
                login=seat.login,
                of_server=seat.limits.of_server,
                of_login=seat.limits.of_login,
            )
        return entered is not None

    def leave_server(self, run: Run) -> None:
        """Give the session back."""
        self._db.rows("leave_server", inbox=run.inbox, holder=run.name)

    def counts_of(self, run: Run, step: str) -> dict[str, Any] | None:
        """Give what a step of this run counted if it ever came to its end; else None.

        Nothing (``{}``) where that was before the run was cleared.
        """
        row = self._db.row("step_finished", run=run.id, step=step)
        if row is None:
            return None
        return dict(row["counts"]) if row["clear_number"] == run.clear_number else {}

    def finish_step(self, run: Run, step: str, counts: Mapping[str, Any], batch: int = 0) -> None:
        """Remember that a step, or its work on one batch, came to its end."""
        self._db.rows(
            "finish_step",
            run=run.id,
            step=step,
            clear_number=run.clear_number,
            batch=batch,
            counts=json_value(dict(counts)),
        )

    def finish(self, run: Run) -> None:
        """Remember that the run came to its end."""
        self._db.rows("finish_run", run=run.id)

    def counts(self, run: Run) -> dict[str, int]:
        """Count the run's messages by verdict; those not decided under ``waiting``."""
        rows = self._db.rows("run_counts", run=run.id)
        return {row["verdict"] or "waiting": row["n"] for row in rows}

    def failures(self, run: Run) -> list[dict[str, Any]]:
        """Give the first failed messages, for the last task's error."""
        return self._db.rows("run_failures", run=run.id)
