"""A pass over an inbox: the steps, in their order. ``dag.py`` makes tasks of them.

    fetch → filter → parse → upsert_ticket → forward_errors → cleanup → report

Each step works on what the rows of its run say, and leaves what it did in them: it may be killed,
repeated or run by another worker at any moment. Tasks pass nothing to each other but counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from mailticket import __version__
from mailticket.ahead import Ahead
from mailticket.config import Inbox
from mailticket.errors import NeverBegan, StoreUnavailable
from mailticket.passage import Counts, Outside, Passage
from mailticket.rules import site_rules, table, versions
from mailticket.steps.cleanup import cleanup
from mailticket.steps.fetch import fetch
from mailticket.steps.filter import filter_messages
from mailticket.steps.forward_errors import forward_errors
from mailticket.steps.parse import parse_messages
from mailticket.steps.report import failures, report, summary
from mailticket.steps.upsert_ticket import follow, upsert_tickets
from mailticket.store.postgres import Database
from mailticket.store.runs import Runs

STEPS: Mapping[str, Callable[[Passage], Counts]] = {
    "fetch": fetch,
    "filter": filter_messages,
    "parse": parse_messages,
    "upsert_ticket": upsert_tickets,
    "forward_errors": forward_errors,
    "cleanup": cleanup,
    "report": report,
}
SHARED = ("parse",)
"""Tasks may share these, each with batches of its own; the step before numbers the batches."""
PINS = ("fetch", "filter")
"""Clearing one of these decides anew, under the configuration of now (SPEC 6.4)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Which step of which run of which inbox is to be taken."""

    inbox: str
    run: str
    """Airflow's run_id, or what a shell calls its pass."""
    step: str
    clear_number: int = 0
    """How often Airflow cleared tasks of the run."""
    batch: int | None = None
    """Which part of the step, where several tasks share it; None: all of it."""


def begin(db: Database, turn: Turn, current: Callable[[], Inbox], outside: Outside) -> Passage:
    """Take the inbox's lease and give what a step works with.

    Raises ``Lapsed`` while another pass holds the lease, ``NeverBegan`` for a step after ``fetch``
    and ``filter`` of a run that neither of them could pin to a configuration.

    ``current`` gives the configuration of now; it is asked only where a run is to be pinned to it,
    so that a run goes on under its own when the Variable is broken meanwhile.
    """
    runs = Runs(db)
    site = site_rules()
    acting = {"mailticket": __version__, **versions(site)}
    run = runs.find(turn.inbox, turn.run, turn.clear_number)
    if run is None and turn.step not in PINS:
        raise NeverBegan(f"run {turn.run} of inbox {turn.inbox} never began: nothing is to do")
    if run is None or (turn.step in PINS and not runs.is_pinned(run)):
        run = runs.pin(current(), turn.run, turn.clear_number, acting)
    if turn.step != "report":  # it only counts, and must not wait for the next pass
        runs.take_lease(turn.inbox, turn.run)
    return Passage(db, runs.configuration(run), run, table(site), outside, turn.batch)


def take_step(p: Passage, step: str) -> Counts:
    """Take one step and remember that it came to its end.

    The lease is given back after the last step that works on rows or mailbox, and by a step that
    fails: the next pass need not wait for it to run out.
    """
    try:
        counts = _finished(p, step, lambda: STEPS[step](p))
    except Exception:
        if p.batch is None:  # others may be at their parts of the step
            _give_lease_back(p.db, p.inbox.name, p.run.name)
        raise
    if step == "cleanup":
        _give_lease_back(p.db, p.inbox.name, p.run.name)
    return counts


def _finished(p: Passage, step: str, act: Callable[[], Counts]) -> Counts:
    p.outside.progress(step, 0, None)
    counts = act()
    p.runs.finish_step(p.run, step, counts, p.batch or 0)
    return counts


def _give_lease_back(db: Database, inbox: str, run: str) -> None:
    # With the database out of reach it runs out by itself, and the first error is the one to tell.
    with suppress(StoreUnavailable):
        Runs(db).release_lease(inbox, run)


def run_once(
    db: Database, inbox: Inbox, run_name: str, outside: Outside
) -> tuple[Counts, list[str]]:
    """Take all steps; give the counts by verdict and what failed.

    Where there is much to do and a core to do it on, ``parse`` begins while the mailbox is still
    read, and ``upsert_ticket`` follows it message by message.
    """

    def turn(step: str, outside: Outside = outside, db: Database = db) -> Passage:
        return begin(db, Turn(inbox.name, run_name, step), lambda: inbox, outside)

    ahead = Ahead(lambda told: turn("parse", told, db.another()), outside)
    try:
        with ahead:
            taken = _taken_together(turn, ahead)
    except Exception:
        _give_lease_back(db, inbox.name, run_name)
        raise
    for step in list(STEPS)[taken:]:
        passage = turn(step)
        counts = take_step(passage, step)
    return counts, failures(passage)


def _taken_together(turn: Callable[[str], Passage], ahead: Ahead) -> int:
    """Take the steps that ``ahead`` has a part in; give how many those are."""
    p = turn("fetch")
    _finished(p, "fetch", lambda: fetch(p, ahead.stored))
    p = turn("filter")
    accepted = _finished(p, "filter", lambda: ahead.filter(p))["accepted"]
    parsing = ahead.parsing(accepted)
    if parsing is None:
        return 2
    p = turn("upsert_ticket")
    _finished(p, "upsert_ticket", lambda: follow(p, parsing, accepted))
    return 4


__all__ = ["PINS", "STEPS", "Turn", "begin", "failures", "run_once", "summary", "take_step"]
