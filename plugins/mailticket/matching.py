"""Which ticket a message belongs to (SPEC 3.4): the first way that finds one wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailticket.decision import Case, Step
from mailticket.message import HeaderSection
from mailticket.patterns import MAX_SUBJECT
from mailticket.ticket import Match, TicketBrief

REFERENCES_LOOKED_AT = 32


@dataclass(frozen=True, slots=True)
class Found:
    """What matching came to, way by way."""

    match: Match | None
    steps: tuple[Step, ...]


def thread_ids(header: HeaderSection) -> tuple[str, ...]:
    """Give the ids of In-Reply-To and the last References, the nearest first, each once."""
    most = REFERENCES_LOOKED_AT
    nearest_first = header.in_reply_to[:most] + header.references[-most:][::-1]
    others = (one for one in nearest_first if one != header.message_id)
    return tuple(dict.fromkeys(others))[:most]


@dataclass(frozen=True, slots=True)
class Named:
    """The ticket references that a subject names, and what was wrong with the pattern."""

    references: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


def named_in_title(case: Case) -> Named:
    """Look for references by ``title_pattern``: the whole match, then each group."""
    if case.ticket_class is None:
        return Named()
    prefix = case.ticket_class.prefix
    defects: list[str] = []
    pattern = case.inbox.title_regex(prefix)
    found = pattern.search(case.header.subject, defects, MAX_SUBJECT)
    named = (text.strip() for text in (found.text, *found.groups) if text) if found else ()
    refs = dict.fromkeys(_as_reference(text, prefix) for text in named if text)
    return Named(tuple(refs), tuple(defects))


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
            steps.append(Step(name, "skipped"))
        elif name in case.inbox.rules_off:
            steps.append(Step(name, "skipped", "switched off by rules_off"))
        else:
            match, step = _first(name, ways)
            steps.append(step)
    return Found(match, tuple(steps))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A ticket, or the lack of one, that a way came upon."""

    ticket: TicketBrief | None
    counts: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.ticket.ref}: {self.detail}" if self.ticket else self.detail


def _first(name: str, ways: Iterator[_Seen]) -> tuple[Match | None, Step]:
    told: list[str] = []
    for seen in ways:
        if seen.ticket and seen.counts:
            return Match(seen.ticket, name, seen.detail), Step(name, "hit", str(seen))
        told.append(str(seen))
    return None, Step(name, "miss", "; ".join(dict.fromkeys(told))[:2000])


def _earlier_attempt(case: Case) -> Iterator[_Seen]:
    if case.ticket_facts.earlier:
        yield _Seen(case.ticket_facts.earlier, True, "this message is on it already")


def _signed_reference(case: Case) -> Iterator[_Seen]:
    for ticket in case.ticket_facts.signed:
        yield _Seen(ticket, True, "a reference that we signed")


def _thread(case: Case) -> Iterator[_Seen]:
    for one in case.ticket_facts.threaded:
        why = f"refers to <{one.message_id}>"
        if one.took_part or one.ticket.related:
            yield _Seen(one.ticket, True, why)
        else:
            yield _Seen(one.ticket, False, f"{why}, but the sender had no part in it")


def _title_pattern(case: Case) -> Iterator[_Seen]:
    rule, known = case.inbox.subject_match, bool(case.ticket_facts.callers)
    tickets = {ticket.ref: ticket for ticket in case.ticket_facts.titled}
    names = named_in_title(case)
    yield from (_Seen(None, False, defect) for defect in names.defects)
    for ref in names.references:
        ticket = tickets.get(ref)
        if ticket is None:
            yield _Seen(None, False, f"the subject names {ref}, which is no ticket")
        elif rule == "any" or (rule == "known" and known) or ticket.related:
            yield _Seen(ticket, True, "named in the subject")
        else:
            why = f"named in the subject, but the sender is not {rule}"
            yield _Seen(ticket, False, f"{why} (subject_match)")
