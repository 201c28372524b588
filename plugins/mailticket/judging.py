"""The three phases of a decision; the last: which ticket, what the rules say, what will change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mailticket.config import Inbox
from mailticket.decision import Case, Decision, Facts, Phase, Rule, Step, decide
from mailticket.matching import find_ticket
from mailticket.message import HeaderSection, Message
from mailticket.planning import Ground, plan
from mailticket.ticket import (
    AddContact,
    AppendLogEntry,
    AttachFile,
    ChangeStatus,
    CreatePerson,
    CreateTicket,
    LeaveOut,
    Match,
    TicketChange,
)

MOST_WAITS = 3
"""Runs that a message waits for one that it refers to (SPEC 3.10)."""


def judge_headers(
    inbox: Inbox, size: int, header: HeaderSection, facts: Facts, rules: Iterable[Rule]
) -> Decision:
    """Ask the rules of the first phase."""
    case = Case(inbox, size, header, facts, header.automatic)
    decision = _not_answered(decide(Phase.HEADERS, case, rules), facts)
    circles = facts.own or _may_circle(facts, automatic=header.automatic is not None)
    return _not_forwarded(decision) if circles else decision


def judge_content(
    inbox: Inbox, size: int, message: Message, facts: Facts, rules: Iterable[Rule]
) -> Decision:
    """Ask the rules of the second phase."""
    case = Case(inbox, size, message.header, facts, message.automatic)
    decision = decide(Phase.CONTENT, case, rules)
    circles = _may_circle(facts, automatic=message.automatic is not None)
    return _not_forwarded(decision) if circles else decision


def _may_circle(facts: Facts, *, automatic: bool) -> bool:
    """Tell whether a mail about this one could come back to us, and go round for ever.

    A person's answer to the mail of a ticket, or to our rejection, does not: operators never got
    what it answers. It may be all that tells of an emergency.
    """
    return facts.answers_us and (automatic or not (facts.about_ref or facts.answers_rejection))


def _not_answered(decision: Decision, facts: Facts) -> Decision:
    if not facts.answers_rejection:
        return decision
    # A program that does not say that it is one would be answered day by day.
    step = Step("unknown_caller_reply", "skipped", "it answers one")
    return replace(decision, steps=(*decision.steps, step))


def _not_forwarded(decision: Decision) -> Decision:
    # An answer to our forward, forwarded again, would go round for ever.
    step = Step("forward_errors", "skipped", "it is, or answers, a mail of ours")
    return replace(decision, steps=(*decision.steps, step))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision of the ticket phase; without a ruling the message waits."""

    decision: Decision
    changes: tuple[TicketChange, ...] = ()
    match: Match | None = None
    """The ticket that the message belongs to, where one was found."""


def judge(case: Case, ground: Ground, rules: Iterable[Rule], waits: int) -> Judgement:
    """Find the ticket, ask the rules of the last phase, and plan the changes."""
    found = find_ticket(case)
    awaited = case.ticket_facts.awaited
    if awaited and waits < MOST_WAITS and _may_wait(case, found.match):
        step = Step("thread", "miss", f"waits for <{awaited}>, which is not decided yet")
        return Judgement(Decision(None, "", (*found.steps, step)))
    case = replace(case, match=found.match)
    decision = Decision(None, "", found.steps).then(decide(Phase.TICKET, case, rules))
    if decision.ruling:
        return Judgement(decision, match=found.match)
    made = plan(case, ground)
    last = Step(made.decided_by, "hit", made.ruling.reason)
    steps = decision.steps if made.decided_by in _names(decision.steps) else (*decision.steps, last)
    return Judgement(Decision(made.ruling, made.decided_by, steps), made.changes, found.match)


def _may_wait(case: Case, match: Match | None) -> bool:
    # The subject is asked after the thread: what the thread may still say comes first.
    thread_is_silent = match is None or match.by == "title_pattern"
    looks = case.inbox.behavior != "create_only" and "thread" not in case.inbox.rules_off
    return thread_is_silent and looks


def _names(steps: Sequence[Step]) -> set[str]:
    return {step.rule for step in steps if step.outcome == "hit"}


def describe(change: TicketChange) -> dict[str, Any]:
    """Say what a change does, as it is kept with the decision and shown by ``explain``."""
    match change:
        case CreatePerson(fields):
            return {"change": "create_person", "fields": _short(fields)}
        case CreateTicket():
            fields = {**change.fields, **change.own}
            said = {"class": change.ticket_class, "fields": _short(fields)}
            return {"change": "create_ticket", **said}
        case AppendLogEntry():
            return _described_entry(change)
        case ChangeStatus():
            kind = "reopen" if change.reopens else "change_status"
            return {"change": kind, "ticket": change.ticket_id, "status": change.status}
        case AddContact(person_id):
            return {"change": "add_contact", "person": person_id}
    return _described_file(change)


def _described_entry(change: AppendLogEntry) -> dict[str, Any]:
    return {
        "change": "append_log_entry",
        "ticket": change.ticket_id,
        "field": change.field,
        "author": change.author_name,
        "text": change.text[:200],
    }


def _described_file(change: AttachFile | LeaveOut) -> dict[str, Any]:
    named = {"filename": change.filename, "content_type": change.content_type}
    if isinstance(change, LeaveOut):
        return {"change": "leave_out_file", **named, "why": change.why}
    return {"change": "attach_file", **named, "sha256": change.sha256}


def _short(fields: Any) -> dict[str, Any]:
    return {k: v[:200] if isinstance(v, str) else v for k, v in dict(fields).items()}
