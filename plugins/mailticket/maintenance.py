"""What is done once a day for each inbox, beside its runs: ``steps/reconcile.py`` says what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from mailticket.config import Inbox
from mailticket.errors import Lapsed, MailticketError, StoreUnavailable
from mailticket.passage import Counts, Outside, Passage
from mailticket.rules import site_rules, table
from mailticket.steps.reconcile import reconcile
from mailticket.store.measuring import Measuring
from mailticket.store.postgres import Database
from mailticket.store.runs import Run, Runs

LONG = 24 * 3600
"""Seconds without a look after which an inbox counts as not read (SPEC 9.3)."""
_ROUNDS, _PAUSE = 6, 10.0
"""A run that is at work has its inbox for seconds: so often it is waited for, so many seconds."""
_SHOWN = ("present", "vanished", "back", "missed", "settled")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the maintenance found in one inbox."""

    inbox: str
    counts: Counts = field(default_factory=dict)
    fault: str = ""
    """Why it could not be compared; ``""``: it was."""
    unread_for: float | None = None
    """Seconds since its mailbox was last read; None: never."""
    passing: bool = False
    """The fault may pass by itself: the inbox's own DAG tells of it at once."""

    @property
    def needs_a_person(self) -> bool:
        """Tell whether somebody has to act: it was not read for long, or a fault is not passing."""
        unread = self.unread_for is None or self.unread_for > LONG
        return unread or bool(self.fault and not self.passing)

    def line(self) -> str:
        """Say it in one line of a log."""
        read = "never read" if self.unread_for is None else f"last read {_ago(self.unread_for)} ago"
        if self.fault:
            return f"inbox {self.inbox}: not compared: {self.fault} ({read})"
        shown = [f"{self.counts[name]} {_words(name)}" for name in _SHOWN if name in self.counts]
        waiting = [
            f"{self.counts[name]} {_words(name)}"
            for name in ("undecided", "in_error", "held", "unsent")
            if self.counts.get(name)
        ]
        return f"inbox {self.inbox}: {', '.join([*shown, *waiting])} ({read})"


def maintain(
    db: Database, inboxes: Iterable[Inbox], name: str, outside: Callable[[Inbox], Outside]
) -> Iterator[Upkeep]:
    """Reconcile each inbox by itself, those at work last; one inbox's fault never stops another."""
    left = list(inboxes)
    for _ in range(_ROUNDS):
        busy = []
        for inbox in left:
            try:
                yield _maintained(db, inbox, name, outside(inbox))
            except Lapsed:
                busy.append(inbox)
        if not busy:
            return
        left = busy
        time.sleep(_PAUSE)
    for inbox in left:
        yield Upkeep(
            inbox.name, {}, "its runs leave no time for it", _unread(db, inbox), passing=True
        )


def _maintained(db: Database, inbox: Inbox, name: str, outside: Outside) -> Upkeep:
    try:
        counts = _reconciled(db, inbox, name, outside)
    except Lapsed:
        raise
    except MailticketError as error:
        return Upkeep(inbox.name, {}, str(error), _unread(db, inbox), error.transient)
    return Upkeep(inbox.name, counts, "", _unread(db, inbox))


def _reconciled(db: Database, inbox: Inbox, name: str, outside: Outside) -> Counts:
    runs = Runs(db)
    runs.take_lease(inbox.name, name)
    # It decides nothing, so that it needs no row of a run and no configuration that is kept.
    run = Run(0, inbox.name, name, 0, "")
    try:
        return reconcile(Passage(db, inbox, run, table(site_rules()), outside))
    finally:
        with suppress(StoreUnavailable):  # then it runs out by itself
            runs.release_lease(inbox.name, name)


def _unread(db: Database, inbox: Inbox) -> float | None:
    levels = Measuring(db).levels([inbox.name])
    return next((one.value for one in levels if one.name == "mailticket.last_look"), None)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
