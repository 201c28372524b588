"""One pass over an inbox: what each step is given."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import structlog

from mailticket.config import Inbox
from mailticket.decision import Decision, Rule, Ruling, Step, Verdict
from mailticket.mailboxes.base import Mailbox
from mailticket.mailboxes.limits import Seat
from mailticket.outgoing import one_line
from mailticket.planning import Ground
from mailticket.reference import Keyring
from mailticket.rules import check_rules_off
from mailticket.smtp import MailServer
from mailticket.store.attempts import Attempts
from mailticket.store.catalogue import Catalogue
from mailticket.store.facts import FactFinder
from mailticket.store.intake import Intake
from mailticket.store.outbox import Outbox
from mailticket.store.postgres import Database
from mailticket.store.runs import Run, Runs
from mailticket.store.settling import Settling
from mailticket.store.tickets import Tickets

RENEW_SECONDS = 15
"""How old a lease gets while messages are worked on one by one."""
_SUBJECT_SHOWN = 80
REASON_SHOWN = 500
_LEVELS = {
    Verdict.FAILED: logging.ERROR,
    Verdict.REJECTED: logging.WARNING,
    Verdict.HELD: logging.WARNING,
}
"""So that Airflow's pages can show these alone."""

Counts = dict[str, Any]
Progress = Callable[[str, int, int | None], None]
"""Called with (what, done, of how many) during long work."""


def _silent(_what: str, _done: int, _of: int | None) -> None:
    """Tell nobody."""


def _anywhere(_inbox: Inbox) -> Seat:
    """Know of no limits."""
    return Seat()


@dataclass(frozen=True, slots=True)
class Outside:
    """The servers that a pass reaches, opened when they are needed."""

    mailbox: Callable[[Inbox], AbstractContextManager[Mailbox]]
    mail_server: Callable[[str], AbstractContextManager[MailServer]]
    address: Callable[[Inbox], str]
    """The inbox's own address: configured, else the login of its Connection."""
    progress: Progress = _silent
    dag_id: str = ""
    seat: Callable[[Inbox], Seat] = _anywhere
    """Which limits of which server hold for the inbox's sessions (``seats.py``)."""


@dataclass(frozen=True)
class Passage:
    """The inbox under the run's configuration, and what is known of it in the database."""

    db: Database
    inbox: Inbox
    run: Run
    rules: tuple[Rule, ...]
    outside: Outside
    batch: int | None = None
    """What of a step that tasks share is this one's; None: all of it."""
    log: Any = field(default_factory=lambda: structlog.get_logger("mailticket"))
    renewed: list[float] = field(default_factory=lambda: [time.monotonic()])
    """When the lease was last taken, on the monotonic clock."""

    @cached_property
    def runs(self) -> Runs:
        """Lease, configuration, steps."""
        return Runs(self.db)

    @cached_property
    def intake(self) -> Intake:
        """Places and originals."""
        return Intake(self.db)

    @cached_property
    def attempts(self) -> Attempts:
        """Decisions."""
        return Attempts(self.db)

    @cached_property
    def tickets(self) -> Tickets:
        """Tickets and their events."""
        return Tickets(self.db)

    @cached_property
    def outbox(self) -> Outbox:
        """What is to be mailed."""
        return Outbox(self.db)

    @cached_property
    def settling(self) -> Settling:
        """What is to leave the folder."""
        return Settling(self.db)

    @cached_property
    def keyring(self) -> Keyring:
        """What signs our Message-IDs."""
        return self.outbox.keyring()

    @cached_property
    def facts(self) -> FactFinder:
        """What the rules may know."""
        return FactFinder(self.db, self.keyring)

    @cached_property
    def ground(self) -> Ground:
        """The ticket class with the inbox's defaults; raises ``ConfigurationError``."""
        check_rules_off(self.inbox, self.rules)
        return Catalogue(self.db).ground(self.inbox)

    @cached_property
    def own_address(self) -> str:
        """The inbox's own address, in the case in which it is written."""
        return self.outside.address(self.inbox)

    def renew_lease(self) -> None:
        """Keep other passes off; raises ``Lapsed`` when one took over.

        Inside a transaction it fences it: the lease's row stays locked until the commit.
        """
        self.runs.take_lease(self.inbox.name, self.run.name)
        self.renewed[:] = [time.monotonic()]

    def keep_lease(self) -> None:
        """Renew the lease when it is some seconds old: cheap enough to be asked at each message."""
        if time.monotonic() - self.renewed[0] > RENEW_SECONDS:
            self.renew_lease()

    def detail(self, event: str, **values: Any) -> None:
        """Log what only ``debug_trace`` shows."""
        if self.inbox.debug_trace:
            self.log.info(event, **values)


def tell(p: Passage, row: Mapping[str, Any], decision: Decision, ticket: str = "") -> None:
    """Log the one line that says what became of a message; ``row`` says which it is."""
    ruling = decision.ruling
    assert ruling is not None
    line = verdict_line(row, ruling.verdict, decision.decided_by, ruling.reason, ticket)
    p.log.log(_LEVELS.get(ruling.verdict, logging.INFO), line)
    for step in decision.steps:
        seen = one_line(step.detail, REASON_SHOWN)
        p.detail(f"message {row['message']}: {step.rule} {step.outcome}: {seen}")


def failure(rule: str, reason: str) -> Decision:
    """Decide that a message failed, outside of the rules."""
    return Decision(Ruling(Verdict.FAILED, reason), rule, (Step(rule, "hit", reason),))


def verdict_line(row: Mapping[str, Any], verdict: str, rule: str, reason: str, ticket: str) -> str:
    """Say in one line what became of a message."""
    ticket = f" {ticket}" if ticket else ""
    return (
        f"message {row['message']}: {verdict}{ticket} by {rule}: {one_line(reason, REASON_SHOWN)} "
        f"({about(row['message_id'], row['sender'], row['subject'])})"
    )


def about(message_id: str, sender: str, subject: str) -> str:
    """Say which mail it is, in words that a person can search the mailbox for."""
    return (
        f"<{one_line(message_id)}> from {one_line(sender) or 'unknown sender'}, "
        f"“{one_line(subject, _SUBJECT_SHOWN)}”"
    )
