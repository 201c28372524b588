"""filter: the rules that need size, header section and Facts only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailticket.decision import Decision, Facts, Phase, Status, Verdict
from mailticket.errors import LimitExceeded
from mailticket.judging import judge_headers
from mailticket.message import HeaderSection
from mailticket.parsing import read_header
from mailticket.passage import Counts, Passage, failure, tell
from mailticket.steps.big import complete, save_big
from mailticket.store.attempts import Record, step_documents
from mailticket.store.facts import Question
from mailticket.store.postgres import Row

BATCH, BATCH_BYTES = 100, 16 * 1024**2
"""Header sections that are read together; one alone may be bigger."""

PARSED_MESSAGES, PARSED_BYTES = 1000, 128 * 1024**2
"""What one task parses: few tasks do much each, since starting one costs a second."""
MOST_BATCHES = 500
"""Airflow maps a task over 1,024 at the most (``max_map_length``)."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """How many messages go on, and how many their header sections decided."""

    accepted: int = 0
    decided: int = 0

    @property
    def total(self) -> int:
        """All that were looked at."""
        return self.accepted + self.decided

    def __add__(self, more: Filtered) -> Filtered:
        """Add what was filtered after these."""
        return Filtered(self.accepted + more.accepted, self.decided + more.decided)


def filter_messages(p: Passage) -> Counts:
    """Ask the rules of the first phase about each new message of the run."""
    reopened = _reopened(p) if p.run.clear_number else 0
    return finish_filter(p, decide_by_headers(p), reopened)


def decide_by_headers(
    p: Passage, before: Filtered | None = None, *, only_whole: bool = False
) -> Filtered:
    """Ask the rules about what is stored; ``before`` tells what was decided before.

    With ``only_whole``, up to the first message of which there is no whole original: it may have
    to be fetched, and a session for that may not be had while another one reads the mailbox.
    """
    filtered = before or Filtered()
    pending = p.attempts.pending_headers(p.run, only_whole=only_whole)
    of = None if only_whole else filtered.total + len(pending)
    for batch in _batches(pending):
        accepted = _Batch(p, p.attempts.headers(batch)).decide()
        filtered += Filtered(accepted, len(batch) - accepted)
        p.keep_lease()
        p.outside.progress("filter", filtered.total, of)
    return filtered


def finish_filter(p: Passage, filtered: Filtered, reopened: int = 0) -> Counts:
    """Save what is too big, and spread what is to be parsed; give the counts of the step."""
    save_big(p)
    batches = p.attempts.number_batches(p.run, PARSED_MESSAGES, PARSED_BYTES, MOST_BATCHES)
    return {
        "accepted": filtered.accepted,
        "decided": filtered.decided,
        "reopened": reopened,
        "batches": batches,
    }


def _batches(pending: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    batch: list[int] = []
    volume = 0
    for attempt, size in pending:
        if batch and (len(batch) == BATCH or volume + size > BATCH_BYTES):
            yield batch
            batch, volume = [], 0
        batch.append(attempt)
        volume += size
    if batch:
        yield batch


def _reopened(p: Passage) -> int:
    """Have all that may be decided anew decided anew; say how much is not."""
    if reopened := p.attempts.reopen_for_filter(p.run):
        p.log.info(f"{reopened} messages in error or undesired are decided anew")
    if gone := p.attempts.undesired_for_good(p.run):
        days = p.inbox.raw_retention_days
        p.log.warning(f"{gone} stay undesired: purged originals (raw_retention_days {days})")
    return reopened


@dataclass(frozen=True, slots=True)
class _Read:
    row: Row
    header: HeaderSection | None
    problem: Decision | None


class _Batch:
    """Some messages in the mailbox's order, their Facts looked up together."""

    def __init__(self, p: Passage, rows: Sequence[Row]) -> None:
        self.p = p
        self.read = [_read(p, row) for row in rows]
        self.decided: dict[int, Status] = {}

    def decide(self) -> int:
        """Decide all, write it down, and only then tell; give how many were accepted."""
        records = self._records()
        recorded = self.p.attempts.record(self.p.run, [record for record, _ in records])
        ours = [
            pair for pair in zip(self.read, records, strict=True) if pair[1][0].attempt in recorded
        ]
        for one, (record, ticket) in ours:
            if record.decision.ruling:
                tell(self.p, one.row, record.decision, ticket)
        return sum(record.decision.ruling is None for _, (record, _) in ours)

    def _records(self) -> list[tuple[Record, str]]:
        readable = [one for one in self.read if one.header]
        questions = [
            Question(one.header, one.row["content_hash"], one.row["message"])
            for one in readable
            if one.header
        ]
        facts = self.p.facts.header_facts(self.p.inbox.name, questions) if questions else []
        known = {one.row["attempt"]: f for one, f in zip(readable, facts, strict=True)}
        return [self._record(one, known.get(one.row["attempt"], Facts())) for one in self.read]

    def _record(self, one: _Read, facts: Facts) -> tuple[Record, str]:
        facts = self._up_to_date(facts)
        decision = one.problem or self._decide(one, facts)
        ruling = decision.ruling
        status = ruling.verdict.status if ruling else Status.NEW
        duplicate = ruling is not None and ruling.verdict is Verdict.DUPLICATE
        if duplicate and facts.earlier:
            status = facts.earlier.status
        self.decided[one.row["message"]] = status
        ticket = facts.about_ref or (facts.earlier.ticket_ref if facts.earlier else "")
        record = Record(
            one.row["attempt"],
            "decided" if ruling else "accepted",
            decision,
            "filter",
            [*one.row["steps"], *step_documents(decision.steps, Phase.HEADERS)],
            status if duplicate else None,
            facts.earlier.ticket_id if duplicate and facts.earlier else None,
        )
        return record, ticket

    def _up_to_date(self, facts: Facts) -> Facts:
        """Correct a fact that a moment ago, in this very batch, was decided otherwise."""
        if facts.earlier is None or facts.earlier.message not in self.decided:
            return facts
        status = self.decided[facts.earlier.message]
        return replace(facts, earlier=replace(facts.earlier, status=status))

    def _decide(self, one: _Read, facts: Facts) -> Decision:
        assert one.header is not None
        size = one.row["size"]
        decision = judge_headers(self.p.inbox, size, one.header, facts, self.p.rules)
        if decision.ruling is None and not one.row["whole"]:
            decision = self._completed(one, decision)
        return decision

    def _completed(self, one: _Read, decision: Decision) -> Decision:
        """Load what was too big under an earlier configuration, or could not be read."""
        problem = complete(self.p, one.row)
        return decision.then(failure("original", problem)) if problem else decision


def _read(p: Passage, row: Row) -> _Read:
    if row["raw"] is None:
        days = p.inbox.raw_retention_days
        gone = f"its original was purged (raw_retention_days {days}): it cannot be decided anew"
        return _Read(row, None, failure("original", gone))
    if not row["whole"] and not row["header_size"] and row["size"] <= p.inbox.maximum_email_size:
        if problem := complete(p, row):  # nothing of it could be read when it was fetched
            return _Read(row, None, failure("original", problem))
        [row] = p.attempts.headers([row["attempt"]])
    try:
        header = read_header(bytes(row["raw"]), p.inbox.parse_options().limits)
    except LimitExceeded as error:
        return _Read(row, None, failure(error.limit, str(error)))
    except Exception as error:  # noqa: BLE001  one message's failure never stops the others
        return _Read(row, None, failure("exception", f"{type(error).__name__}: {error}"))
    return _Read(row, header, None)
