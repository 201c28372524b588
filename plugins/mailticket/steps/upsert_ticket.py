"""upsert_ticket: each message becomes a ticket, or adds to one, in a transaction of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
from mailticket.steps.tries import MOST_TRIES, Caution, survived
from mailticket.store.attempts import Record, step_documents
from mailticket.store.facts import FactFinder, Hold, TicketQuestion
from mailticket.store.postgres import Row
from mailticket.store.tickets import Applied
from mailticket.storm import Caps, person_behind
from mailticket.ticket import ChangeStatus

LOADED = 20
"""Messages whose drafts are loaded together."""


def upsert_tickets(p: Passage) -> Counts:
    """Take the run's parsed messages in the mailbox's order, each by itself."""
    if p.run.clear_number:
        p.attempts.reopen_for_upsert(p.run)
    pending = p.attempts.parsed_in_order(p.run)
    if not pending:
        # A process that ended after its last message left its mark.
        p.attempts.end_step(p.inbox.name, "upsert_ticket")
        return {}
    with survived(p, "upsert_ticket") as caution:
        return dict(_upserted(p, pending, caution, len(pending)))


def follow(p: Passage, parsing: Beside, expected: int) -> Counts:
    """Take the run's messages in the mailbox's order while they are still being parsed.

    Raises what ended the parsing.
    """
    counts: Counter[str] = Counter()
    with survived(p, "upsert_ticket") as caution:
        goes_on = True
        while goes_on:
            goes_on = parsing.goes_on()
            pending = p.attempts.parsed_in_order(p.run, parsing_goes_on=goes_on)
            counts += _upserted(p, pending, caution, expected, counts.total())
    return dict(counts)


def _upserted(
    p: Passage, pending: Sequence[int], caution: Caution, of: int, done: int = 0
) -> Counter[str]:
    counts: Counter[str] = Counter()
    together = 1 if caution.died else LOADED
    for portion in (pending[n : n + together] for n in range(0, len(pending), together)):
        loaded = _Loaded(p, portion)
        for attempt in portion:
            counts[_upserted_one(p, attempt, loaded, caution)] += 1
            p.outside.progress("upsert_ticket", done + counts.total(), of)
            p.keep_lease()
    return counts


class _Loaded:
    """What becomes a ticket next, loaded some messages at a time, when the first is asked for."""

    def __init__(self, p: Passage, attempts: Sequence[int]) -> None:
        self._p, self._left = p, list(attempts)
        self._rows: dict[int, Row] = {}

    def take(self, attempt: int) -> Row | None:
        """Give an attempt's row, if there is one; what comes before it is not asked for again."""
        if attempt not in self._rows:
            self._left = self._left[self._left.index(attempt) :]
            self._rows = {row["attempt"]: row for row in self._p.attempts.drafts(self._left)}
        return self._rows.pop(attempt, None)

    def forget(self) -> None:
        """Load anew what is asked for next."""
        self._rows = {}


def _upserted_one(p: Passage, attempt: int, loaded: _Loaded, caution: Caution) -> str:
    if not caution.may_begin(attempt):
        return _given_up(p, attempt)
    try:
        return _one(p, attempt, loaded)
    except OtherVersion as error:
        _parse_again(p, error)
        loaded.forget()
        return _one(p, attempt, loaded)


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


def _one(p: Passage, attempt: int, loaded: _Loaded) -> str:
    """Decide one message; what it breaks is its own failure, unless a server is in the way."""
    try:
        with p.db.transaction():
            outcome = _decided(p, loaded.take(attempt))
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


def _decided(p: Passage, row: Row | None) -> _Outcome | None:
    if row is None:
        return None
    if row["document"] is None or row["raw"] is None:
        why = "what parse read of it was purged"
        return _failed(p, row["attempt"], failure("original", why))
    header = _header(p, row)
    case = _case(p, row, header)
    waits = case.ticket_facts.waits
    if waits is None:
        return None
    judgement = judge(case, p.ground, p.rules, waits)
    if reopened := _reopened(judgement):
        # Another inbox may be reopening it at this moment: wait for that, then look again.
        p.tickets.lock(reopened)
        case = _case(p, row, header)
        judgement = judge(case, p.ground, p.rules, waits)
    if judgement.decision.ruling is None:
        p.attempts.wait_once_more(p.run, row["attempt"])
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
    known = Known(content_hash, row["message"], Hold(row["attempt"], p.run.id, row["clear_number"]))
    return with_ticket_facts(case, p.facts, p.ground, known, own_address=p.own_address)


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows a message by."""

    content_hash: bytes | None
    number: int | None = None
    """Of its row; None for what is only explained."""
    hold: Hold | None = None


def with_ticket_facts(
    case: Case, finder: FactFinder, ground: Ground, known: Known, *, own_address: str = ""
) -> Case:
    """Look up what the rules of the last phase may ask."""
    case = replace(case, ticket_class=ground.ticket_class)
    question = TicketQuestion(
        case.inbox.name,
        case.header,
        known.content_hash,
        known.number,
        thread_ids(case.header),
        named_in_title(case).references,
        contact_addresses(case, own_address),
        tuple(file.sha256 for file in case.draft.files) if case.draft else (),
        _caps(case.inbox),
        known.hold,
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
