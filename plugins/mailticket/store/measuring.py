"""What is measured: figures that the rows of a run, and of all inboxes, give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from mailticket.store.postgres import Database
from mailticket.store.runs import Run


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, under the name by which it is found again."""

    kind: Literal["counter", "gauge", "timer"]
    name: str
    """Without the prefix of the installation: ``mailticket.messages``."""
    value: float
    """Timers and ages: seconds. All else: a number of things."""
    tags: tuple[tuple[str, str], ...]
    """In the order in which they stand in a name, for backends that know no tags."""


class Measuring:
    """Figures for whoever watches over the inboxes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of_run(self, run: Run) -> list[Measure]:
        """Count what the run decided since its counts were last given, and time it.

        ``mailticket.messages`` by inbox, verdict and rule; ``mailticket.delivery_to_ticket``, the
        seconds from the mail server's date of arrival to the committed ticket.
        """
        inbox = ("inbox", run.inbox)
        counters = (
            Measure(
                "counter",
                "mailticket.messages",
                row["n"],
                (inbox, ("verdict", row["verdict"]), ("rule", row["rule"])),
            )
            for row in self._db.rows("decided_since_reported", run=run.id)
        )
        timers = (
            Measure("timer", "mailticket.delivery_to_ticket", row["seconds"], (inbox,))
            for row in self._db.rows("waited_since_reported", run=run.id)
        )
        return [*counters, *timers]

    def levels(self, inboxes: Iterable[str]) -> list[Measure]:
        """Give how things stand now, by inbox; zero where nothing waits.

        ``mailticket.undecided`` and ``mailticket.outbox`` (numbers of mails),
        ``mailticket.oldest_undecided`` and ``mailticket.oldest_in_outbox`` (seconds),
        ``mailticket.stuck_in_outbox`` (mails that wait for a person),
        ``mailticket.last_look`` (seconds ago).
        """
        names = tuple(inboxes)
        return list(
            chain(
                self._waiting(names, "undecided_mail", "undecided", "oldest_undecided"),
                self._waiting(names, "waiting_mail", "outbox", "oldest_in_outbox"),
                self._stuck(names),
                self._looks(names),
            )
        )

    def _waiting(
        self, inboxes: tuple[str, ...], query: str, number: str, age: str
    ) -> Iterator[Measure]:
        found = {row["inbox"]: row for row in self._db.rows(query)}
        for inbox in inboxes:
            row = found.get(inbox, {"n": 0, "oldest": 0.0})
            yield _gauge(number, inbox, row["n"])
            yield _gauge(age, inbox, max(0.0, row["oldest"]))

    def _stuck(self, inboxes: tuple[str, ...]) -> Iterator[Measure]:
        found = {row["inbox"]: row["n"] for row in self._db.rows("stuck_mail")}
        for inbox in inboxes:
            yield _gauge("stuck_in_outbox", inbox, found.get(inbox, 0))

    def _looks(self, inboxes: tuple[str, ...]) -> Iterator[Measure]:
        for row in self._db.rows("last_looks"):
            if row["inbox"] in inboxes:
                yield _gauge("last_look", row["inbox"], max(0.0, row["seconds"]))


def _gauge(name: str, inbox: str, value: float) -> Measure:
    return Measure("gauge", f"mailticket.{name}", value, (("inbox", inbox),))
