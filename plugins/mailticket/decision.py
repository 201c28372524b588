"""How a message gets its verdict: an ordered table of rules, the first ruling wins.

Rules are asked in three phases. ``HEADERS`` (in ``filter``) sees size, header section and Facts;
``CONTENT`` (in ``parse``) sees the decoded message too; ``TICKET`` (in ``upsert_ticket``, inside
its transaction) sees which ticket the message belongs to. Every hit and every miss is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from mailticket.config import Inbox
from mailticket.draft import Draft
from mailticket.message import Automatic, HeaderSection
from mailticket.sanitise import storable
from mailticket.storm import Storm
from mailticket.ticket import Match, Person, TicketClass, TicketFacts

Outcome = Literal["hit", "miss", "skipped"]


class Status(StrEnum):
    """Where a message stands (SPEC 3.12)."""

    NEW = "new"
    PROCESSED = "processed"
    UNDESIRED = "undesired"
    ERROR = "error"
    HELD = "held"
    IGNORED = "ignored"


class Verdict(StrEnum):
    """What was decided about a message (SPEC 3.12)."""

    CREATE = "create"
    UPDATE = "update"
    DUPLICATE = "duplicate"
    UNDESIRED = "undesired"
    REJECTED = "rejected"
    FAILED = "failed"
    HELD = "held"
    IGNORED = "ignored"

    @property
    def status(self) -> Status:
        """Give the status that follows; a duplicate takes that of the first instead."""
        return _STATUS[self]


_STATUS = {
    Verdict.CREATE: Status.PROCESSED,
    Verdict.UPDATE: Status.PROCESSED,
    Verdict.DUPLICATE: Status.PROCESSED,
    Verdict.UNDESIRED: Status.UNDESIRED,
    Verdict.REJECTED: Status.ERROR,
    Verdict.FAILED: Status.ERROR,
    Verdict.HELD: Status.HELD,
    Verdict.IGNORED: Status.IGNORED,
}


class Phase(StrEnum):
    """When a rule is asked."""

    HEADERS = "headers"
    CONTENT = "content"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule's answer when it decides; the reason is a sentence for the sender's administrator."""

    verdict: Verdict
    reason: str
    storm: Storm | None = None
    """What it is held for, so that one storm is told once."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule's answer when it does not decide but has something to say."""

    detail: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rule asked, and what it said."""

    rule: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The message of the same inbox, Message-ID and content that was handled before."""

    message: int
    status: Status
    ticket_ref: str = ""
    ticket_id: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows that the rules of the first two phases may ask."""

    callers: tuple[Person, ...] = ()
    """Persons with the sender's address, lowest number first."""
    earlier: Earlier | None = None
    own: bool = False
    """The Message-ID is one that we signed or sent: our own mail came back."""
    about_ref: str = ""
    """The ticket that an automatic mail is about, by the references we sent out."""
    answers_us: bool = False
    """It refers to a mail that we sent: to mail anybody about it could go round for ever."""
    answers_rejection: bool = False
    """Every mail of ours that it refers to is an ``unknown_caller_reply``."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a rule may look at."""

    inbox: Inbox
    size: int
    header: HeaderSection
    facts: Facts = Facts()
    automatic: Automatic | None = None
    draft: Draft | None = None
    ticket_class: TicketClass | None = None
    ticket_facts: TicketFacts = field(default_factory=TicketFacts)
    match: Match | None = None


Check = Callable[[Case], Ruling | Miss | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named question. ``why`` is one sentence: what would go wrong without it."""

    name: str
    phase: Phase
    why: str
    check: Check


@dataclass(frozen=True, slots=True)
class Decision:
    """The ruling with every step that led to it; ``ruling`` is None while nothing decided."""

    ruling: Ruling | None = None
    decided_by: str = ""
    steps: tuple[Step, ...] = ()

    def then(self, later: Decision) -> Decision:
        """Join the steps of a later phase; its ruling wins if it has one."""
        steps = self.steps + later.steps
        return replace(later if later.ruling else self, steps=steps)


def decide(phase: Phase, case: Case, rules: Iterable[Rule]) -> Decision:
    """Ask the rules of one phase in order until one decides."""
    steps: list[Step] = []
    ruling, decided_by = None, ""
    for rule in (rule for rule in rules if rule.phase is phase):
        answer = None if _is_off(rule, case) or ruling else _ask(rule, case)
        if _is_off(rule, case):
            steps.append(Step(rule.name, "skipped", "switched off by rules_off"))
        elif ruling:
            steps.append(Step(rule.name, "skipped"))
        elif isinstance(answer, Ruling):
            ruling, decided_by = answer, rule.name
            steps.append(Step(rule.name, "hit", answer.reason))
        else:
            steps.append(Step(rule.name, "miss", answer.detail if answer else ""))
    return Decision(ruling, decided_by, tuple(steps))


def _is_off(rule: Rule, case: Case) -> bool:
    return rule.name in case.inbox.rules_off


def _ask(rule: Rule, case: Case) -> Ruling | Miss | None:
    try:
        return _understood(rule, rule.check(case))
    except Exception as error:  # noqa: BLE001  a site's rule must not stop the other messages
        why = f"rule {rule.name} raised {type(error).__name__}: {error}"
        return Ruling(Verdict.FAILED, _told(why))


def _understood(rule: Rule, answer: object) -> Ruling | Miss | None:
    match answer:
        case None:
            return None
        case Miss(detail):
            return Miss(_told(detail))
        case Ruling(verdict, reason) if Verdict(verdict) not in _FOR_PLANNING:
            return Ruling(Verdict(verdict), _told(reason), answer.storm)
    what = answer.verdict if isinstance(answer, Ruling) else type(answer).__name__
    return Ruling(Verdict.FAILED, f"rule {rule.name} answered {what}, which no rule may")


_FOR_PLANNING = (Verdict.CREATE, Verdict.UPDATE)
"""Verdicts that come with changes: no rule makes those."""


def _told(text: str) -> str:
    # What a site's rule quotes may be a stranger's bytes: no NUL, no lone surrogate, no megabyte.
    return storable(str(text))[:4000]
