"""upsert_ticket: each message becomes a ticket, or adds to one, in a transaction of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailticket.beside import Beside
from mailticket.config import Inbox
from mailticket.decision import Case, Decision, Facts, Phase, Verdict
from mailticket.draft import OtherVersion, from_document
from mailticket.errors import LimitExceeded, MailticketError, RowRefused
from mailticket.judging import Judgement, describe, judge
from mailticket.matching import named_in_title, thread_ids
from mailticket.message import HeaderSection
from mailticket.outgoing import one_line
from mailticket.parsing import read_header
from mailticket.passage import REASON_SHOWN, Counts, Passage, failure, tell
from mailticket.planning import Ground, contact_addresses
from mailticket.steps.notifying import notify
from mailticket.steps.parse import parse_accepted
from mailticket.steps.tries import MOST_TRIES, survived
from mailticket.store.attempts import Record, step_documents
from mailticket.store.facts import FactFinder, TicketQuestion
from mailticket.store.postgres import Row
from mailticket.store.tickets import Applied
from mailticket.storm import Caps, person_behind
from mailticket.ticket import ChangeStatus


def upsert_tickets(p: Passage) -> Counts:
    """Take the run's parsed messages in the mailbox's order, each by itself."""
    if p.run.clear_number:
        p.attempts.reopen_for_upsert(p.run)
    pending = p.attempts.parsed_in_order(p.run)
    if not pending:
        # A process that ended after its last message left its mark.
        p.attempts.end_step(p.inbox.name, "upsert_ticket")
        return {}
    with survived(p, "upsert_ticket") as may_begin:
        return dict(_upserted(p, pending, may_begin, len(pending)))


def follow(p: Passage, parsing: Beside, expected: int) -> Counts:
    """Take the run's messages in the mailbox's order while they are still being parsed.

    Raises what ended the parsing.
    """
    counts: Counter[str] = Counter()
    with survived(p, "upsert_ticket") as may_begin:
        goes_on = True
        while goes_on:
            goes_on = parsing.goes_on()
            pending = p.attempts.parsed_in_order(p.run, parsing_goes_on=goes_on)
            counts += _upserted(p, pending, may_begin, expected, counts.total())
    return dict(counts)


def _upserted(
    p: Passage, pending: Sequence[int], may_begin: Callable[[int], bool], of: int, done: int = 0
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number, attempt in enumerate(pending, done + 1):
        try:
            outcome = _one(p, attempt) if may_begin(attempt) else _given_up(p, attempt)
        except OtherVersion as error:
            _parse_again(p, error)
            outcome = _one(p, attempt)
        counts[outcome] += 1
        p.outside.progress("upsert_ticket", number, of)
        p.keep_lease()
    return counts


def _parse_again(p: Passage, error: OtherVersion) -> None:
    """Read the originals once more: mailticket was installed anew between two tasks of the run."""
    p.log.warning(f"another version of mailticket parsed these messages ({error}): once more")
    p.attempts.forget_drafts(p.run)
    parse_accepted(p)


def _given_up(p: Passage, attempt: int) -> str:
    why = f"its ticket was begun {MOST_TRIES} times, and each time the process ended (memory?)"
    outcome = _failed(p, attempt, failure("worker", why))
    return _told(p, outcome) if outcome else "decided_meanwhile"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a message: to be told once it is committed."""

    row: Row
    decision: Decision
    ticket: str = ""


def _one(p: Passage, attempt: int) -> str:
    """Decide one message; what it breaks is its own failure, unless a server is in the way."""
    try:
        with p.db.transaction():
            outcome = _decided(p, attempt)
    except RowRefused as error:
        outcome = _failed(p, attempt, failure("database", f"the database refuses it: {error}"))
    except (MailticketError, OtherVersion):
        raise
    except Exception as error:  # one message's failure never stops the others
        p.log.exception(f"attempt {attempt} failed")
        outcome = _failed(p, attempt, failure("exception", f"{type(error).__name__}: {error}"))
    return _told(p, outcome) if outcome else "decided_meanwhile"


def _told(p: Passage, outcome: _Outcome) -> str:
    ruling = outcome.decision.ruling
    if ruling is None:
        why = one_line(outcome.decision.steps[-1].detail, REASON_SHOWN)
        p.log.info(f"message {outcome.row['message']}: {why}")
        return "waiting"
    tell(p, outcome.row, outcome.decision, outcome.ticket)
    return ruling.verdict.value


def _decided(p: Passage, attempt: int) -> _Outcome | None:
    row = p.attempts.lock_draft(p.run, attempt)
    if row is None:
        return None
    if row["document"] is None or row["raw"] is None:
        return _failed(p, attempt, failure("original", "what parse read of it was purged"))
    header = _header(p, row)
    case = _case(p, row, header)
    judgement = judge(case, p.ground, p.rules, row["waits"])
    if reopened := _reopened(judgement):
        # Another inbox may be reopening it at this moment: wait for that, then look again.
        p.tickets.lock(reopened)
        case = _case(p, row, header)
        judgement = judge(case, p.ground, p.rules, row["waits"])
    if judgement.decision.ruling is None:
        p.attempts.wait_once_more(p.run, attempt)
        return _Outcome(row, judgement.decision)
    applied = _applied(p, row, judgement, case)
    _conclude(p, row, judgement, case, applied)
    if applied.ticket:
        case = replace(case, match=judgement.match)
        notify(p, case, judgement.decision.ruling.verdict, applied.ticket, row["message"])
    return _Outcome(row, judgement.decision, applied.ref)


def _reopened(judgement: Judgement) -> int | None:
    changes = (one for one in judgement.changes if isinstance(one, ChangeStatus) and one.reopens)
    return next((one.ticket_id for one in changes), None)


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
        _caps(case.inbox),
    )
    ticket_facts, earlier = finder.ticket_facts(question)
    facts = Facts(callers=ticket_facts.callers, earlier=earlier)
    return replace(case, facts=facts, ticket_facts=ticket_facts)


def _caps(inbox: Inbox) -> Caps:
    return Caps(
        inbox.cap_tickets_per_sender, inbox.cap_tickets_per_inbox, inbox.cap_reopens_per_ticket
    )


def _counts_for(case: Case) -> str | None:
    """Say whose storm caps count what the message does: nobody's, where a person let it through."""
    if case.ticket_facts.released:
        return None
    return person_behind(case.header.from_.address) if case.header.from_ else ""


def _applied(p: Passage, row: Row, judgement: Judgement, case: Case) -> Applied:
    ruling, earlier = judgement.decision.ruling, case.facts.earlier
    assert ruling is not None
    if judgement.changes and ruling.verdict in (Verdict.CREATE, Verdict.UPDATE):
        return p.tickets.apply(judgement.changes, row["message"], row["attempt"])
    if ruling.verdict is Verdict.DUPLICATE and earlier:
        return Applied(earlier.ticket_id, earlier.ticket_ref)
    return Applied()


def _conclude(p: Passage, row: Row, judgement: Judgement, case: Case, applied: Applied) -> None:
    decision = judgement.decision
    assert decision.ruling is not None
    status, storm = decision.ruling.verdict.status, decision.ruling.storm
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
        ticket_id=applied.ticket,
        event=applied.event,
        detail={"changes": [c["change"] for c in changes if c["change"] != "leave_out_file"]},
        counts_for=_counts_for(case),
        storm=storm.key if storm else "",
        storm_minutes=storm.minutes if storm else None,
    )


def _failed(p: Passage, attempt: int, decision: Decision) -> _Outcome | None:
    row = p.attempts.head(attempt)
    steps = [*row["steps"], *step_documents(decision.steps, Phase.TICKET)]
    record = Record(attempt, "decided", decision, "upsert_ticket", steps)
    return _Outcome(row, decision) if p.attempts.record(p.run, [record]) else None
