"""upsert_ticket: each message becomes a ticket, or adds to one, in a transaction of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailticket.decision import Case, Decision, Facts, Phase, Verdict
from mailticket.draft import from_document
from mailticket.errors import LimitExceeded, MailticketError, RowRefused
from mailticket.judging import Judgement, describe, judge
from mailticket.matching import named_in_title, thread_ids
from mailticket.message import HeaderSection
from mailticket.parsing import read_header
from mailticket.passage import Counts, Passage, failure, tell
from mailticket.planning import Ground, contact_addresses
from mailticket.store.attempts import Record, step_documents
from mailticket.store.facts import FactFinder, TicketQuestion
from mailticket.store.postgres import Row


def upsert_tickets(p: Passage) -> Counts:
    """Take the run's parsed messages in the mailbox's order, each by itself."""
    if p.run.clear_number:
        p.attempts.reopen_for_upsert(p.run)
    pending = p.attempts.pending(p.run, "parsed")
    counts: Counts = {}
    for done, attempt in enumerate(pending, 1):
        outcome = _one(p, attempt)
        counts[outcome] = counts.get(outcome, 0) + 1
        p.outside.progress("upsert_ticket", done, len(pending))
        if done % 50 == 0:
            p.renew_lease()
    return counts


def _one(p: Passage, attempt: int) -> str:
    """Decide one message; what it breaks is its own failure, unless a server is in the way."""
    try:
        with p.db.transaction():
            return _decided(p, attempt)
    except MailticketError as error:
        if not isinstance(error, RowRefused):
            raise
        return _failed(p, attempt, "database", f"the database refuses it: {error}")
    except Exception as error:  # noqa: BLE001  one message's failure never stops the others
        p.log.exception(f"attempt {attempt} failed")
        return _failed(p, attempt, "exception", f"{type(error).__name__}: {error}")


def _decided(p: Passage, attempt: int) -> str:
    row = p.attempts.lock_draft(attempt)
    if row is None:
        return "decided_meanwhile"
    header = _header(p, row)
    case = _case(p, row, header)
    judgement = judge(case, p.ground, p.rules, row["waits"])
    ruling = judgement.decision.ruling
    if ruling is None:
        p.attempts.wait_once_more(attempt)
        p.log.info(f"message {row['message']}: {judgement.decision.steps[-1].detail}")
        return "waiting"
    ticket, event = _applied(p, row, judgement, case)
    _conclude(p, row, judgement, case, ticket, event)
    ref = p.tickets.ref(ticket) if ticket else ""
    tell(p, row["message"], header, judgement.decision, ref)
    return ruling.verdict.value


def _header(p: Passage, row: Row) -> HeaderSection:
    try:
        return read_header(bytes(row["raw"] or b""), p.inbox.parse_options().limits)
    except LimitExceeded:
        return read_header(b"")


def _case(p: Passage, row: Row, header: HeaderSection) -> Case:
    draft = from_document(row["document"])
    case = Case(p.inbox, row["size"], header, automatic=draft.automatic, draft=draft)
    content_hash = bytes(row["content_hash"]) if row["content_hash"] else None
    return with_ticket_facts(
        case, p.facts, p.ground, content_hash, row["message"], own_address=p.own_address
    )


def with_ticket_facts(
    case: Case,
    finder: FactFinder,
    ground: Ground,
    content_hash: bytes | None,
    number: int | None,
    *,
    own_address: str = "",
) -> Case:
    """Look up what the rules of the last phase may ask; ``number`` is the message's row."""
    case = replace(case, ticket_class=ground.ticket_class)
    question = TicketQuestion(
        case.inbox.name,
        case.header,
        content_hash,
        number,
        thread_ids(case.header),
        named_in_title(case).references,
        contact_addresses(case, own_address),
        tuple(file.sha256 for file in case.draft.files) if case.draft else (),
    )
    ticket_facts, earlier = finder.ticket_facts(question)
    facts = Facts(callers=ticket_facts.callers, earlier=earlier)
    return replace(case, facts=facts, ticket_facts=ticket_facts)


def _applied(
    p: Passage, row: Row, judgement: Judgement, case: Case
) -> tuple[int | None, str | None]:
    ruling = judgement.decision.ruling
    assert ruling is not None
    if judgement.changes and ruling.verdict in (Verdict.CREATE, Verdict.UPDATE):
        return p.tickets.apply(judgement.changes, row["message"], row["attempt"])
    earlier = case.facts.earlier
    return (earlier.ticket_id if ruling.verdict is Verdict.DUPLICATE and earlier else None), None


def _conclude(
    p: Passage, row: Row, judgement: Judgement, case: Case, ticket: int | None, event: str | None
) -> None:
    decision = judgement.decision
    assert decision.ruling is not None
    status = decision.ruling.verdict.status
    if decision.ruling.verdict is Verdict.DUPLICATE and case.facts.earlier:
        status = case.facts.earlier.status
    changes = [describe(change) for change in judgement.changes]
    p.attempts.conclude(
        row,
        p.run,
        status=status.value,
        verdict=decision.ruling.verdict.value,
        decided_by=decision.decided_by,
        reason=decision.ruling.reason,
        steps=[*row["steps"], *step_documents(decision.steps, Phase.TICKET)],
        changes=changes,
        ticket_id=ticket,
        event=event,
        detail={"changes": [change["change"] for change in changes]},
    )


def _failed(p: Passage, attempt: int, rule: str, reason: str) -> str:
    decision: Decision = failure(rule, reason)
    row: dict[str, Any] = p.attempts.head(attempt)
    steps = [*row["steps"], *step_documents(decision.steps, Phase.TICKET)]
    p.attempts.record([Record(attempt, "decided", decision, "upsert_ticket", steps)])
    tell(p, row["message"], None, decision)
    return Verdict.FAILED.value
