"""Which ticket a message belongs to (SPEC 3.4): the first way that finds one wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailticket.decision import Case, Step
from mailticket.message import HeaderSection
from mailticket.patterns import Pattern
from mailticket.ticket import Match, TicketBrief

REFERENCES_LOOKED_AT = 32


@dataclass(frozen=True, slots=True)
class Found:
    """What matching came to, way by way."""

    match: Match | None
    steps: tuple[Step, ...]


def thread_ids(header: HeaderSection) -> tuple[str, ...]:
    """Give the ids of In-Reply-To and the last References, the nearest first, each once."""
    nearest_first = header.in_reply_to + header.references[::-1]
    others = (one for one in nearest_first if one != header.message_id)
    return tuple(dict.fromkeys(others))[:REFERENCES_LOOKED_AT]


def title_references(subject: str, pattern: Pattern, prefix: str) -> tuple[str, ...]:
    """Give the ticket references that a subject names: the whole match, then each group."""
    found = pattern.search(subject)
    if found is None:
        return ()
    named = (text.strip() for text in (found.text, *found.groups) if text)
    return tuple(dict.fromkeys(_as_reference(text, prefix) for text in named))


def _as_reference(text: str, prefix: str) -> str:
    # A bare number means the inbox's class. More digits than a bigint has name no ticket.
    if text.isascii() and text.isdigit() and len(text) <= 18:  # noqa: PLR2004
        return f"{prefix}{int(text):06d}"
    return text[:100]


def find_ticket(case: Case) -> Found:
    """Ask each way in turn; the steps tell what each of them saw."""
    if case.inbox.behavior == "create_only":
        return Found(None, (Step("find_ticket", "skipped", "behavior is create_only"),))
    steps: list[Step] = []
    match: Match | None = None
    for name, ways in (
        ("earlier_attempt", _earlier_attempt(case)),
        ("signed_reference", _signed_reference(case)),
        ("thread", _thread(case)),
        ("title_pattern", _title_pattern(case)),
    ):
        if match:
            break
        match, step = _first(name, ways)
        steps.append(step)
    return Found(match, tuple(steps))


_Way = tuple[TicketBrief, bool, str]


def _first(name: str, ways: Iterator[_Way]) -> tuple[Match | None, Step]:
    told: list[str] = []
    for ticket, counts, detail in ways:
        if counts:
            return Match(ticket, name, detail), Step(name, "hit", f"{ticket.ref}: {detail}")
        told.append(f"{ticket.ref}: {detail}")
    return None, Step(name, "miss", "; ".join(told))


def _earlier_attempt(case: Case) -> Iterator[_Way]:
    if case.ticket_facts.earlier:
        yield case.ticket_facts.earlier, True, "this message is on it already"


def _signed_reference(case: Case) -> Iterator[_Way]:
    for ticket in case.ticket_facts.signed:
        yield ticket, True, "a reference that we signed"


def _thread(case: Case) -> Iterator[_Way]:
    for one in case.ticket_facts.threaded:
        if one.took_part or one.ticket.related:
            yield one.ticket, True, f"refers to <{one.message_id}>"
        else:
            why = f"refers to <{one.message_id}>, but the sender had no part in it"
            yield one.ticket, False, why


def _title_pattern(case: Case) -> Iterator[_Way]:
    rule = case.inbox.subject_match
    for ticket in case.ticket_facts.titled:
        counts = (
            rule == "any" or (rule == "known" and bool(case.ticket_facts.callers)) or ticket.related
        )
        named = "named in the subject"
        yield ticket, counts, named if counts else f"{named}, but the sender is not {rule}"
