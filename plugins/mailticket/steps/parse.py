"""parse: accepted messages are decoded into drafts; the content may still decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailticket.decision import Decision, Facts, Phase
from mailticket.draft import Draft, draft_of
from mailticket.errors import LimitExceeded, MailticketError, RowRefused
from mailticket.judging import judge_content
from mailticket.message import Message
from mailticket.parsing import parse
from mailticket.passage import Counts, Passage, failure, tell
from mailticket.steps.second_look import fresh_facts, note_failed_delivery, second_look
from mailticket.steps.tries import given_up
from mailticket.store.attempts import Record, Stage, step_documents
from mailticket.store.postgres import Row


def parse_messages(p: Passage) -> Counts:
    """Decode each accepted message of the run and ask the rules of the second phase."""
    if p.run.clear_number:
        p.attempts.reopen_for_parse(p.run)
    accepted = p.attempts.pending(p.run, "accepted")
    parsed = 0
    for done, attempt in enumerate(accepted, 1):
        parsed += _one(p, p.attempts.begin_original(attempt))
        p.outside.progress("parse", done, len(accepted))
        p.keep_lease()
    found = second_look(p)
    return {"parsed": parsed, "decided": len(accepted) - parsed, "found_automatic": found}


def _one(p: Passage, row: Row) -> bool:
    """Decode one message; True when it goes on to its ticket."""
    read = _read(p, row)
    decision = read.decision
    with p.db.transaction():
        if read.message and decision.ruling is None:
            decision = _kept_as_draft(p, row, read.message) or decision
        elif read.message:
            note_failed_delivery(p, row, read.message, read.facts)
        steps = [*row["steps"], *step_documents(decision.steps, Phase.CONTENT)]
        stage: Stage = "decided" if decision.ruling else "parsed"
        record = Record(row["attempt"], stage, decision, "parse", steps)
        recorded = p.attempts.record(p.run, [record])
    if recorded and decision.ruling:
        tell(p, row, decision, read.facts.about_ref)
    return bool(recorded) and decision.ruling is None


_NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class _Read:
    """A decoded message with what the rules say of its content."""

    message: Message | None
    decision: Decision
    facts: Facts = _NO_FACTS


def _read(p: Passage, row: Row) -> _Read:
    try:
        return _decoded(p, row)
    except MailticketError:
        raise
    except Exception as error:  # one message's failure never stops the others
        p.log.exception(f"message {row['message']} failed")
        return _Read(None, failure("exception", f"{type(error).__name__}: {error}"))


def _decoded(p: Passage, row: Row) -> _Read:
    if row["raw"] is None:
        days = p.inbox.raw_retention_days
        gone = f"its original was purged (raw_retention_days {days}): it cannot be read again"
        return _Read(None, failure("original", gone))
    if problem := given_up(row):
        return _Read(None, problem)
    try:
        message = parse(bytes(row["raw"]), p.inbox.parse_options())
    except LimitExceeded as error:
        return _Read(None, failure(error.limit, str(error)))
    facts = fresh_facts(p.facts, p.inbox.name, message, row["message"], p.rules)
    return _Read(message, judge_content(p.inbox, row["size"], message, facts, p.rules), facts)


def _kept_as_draft(p: Passage, row: Row, message: Message) -> Decision | None:
    try:
        draft = draft_of(message, p.inbox.inline_image_max_width)
    except Exception as error:  # noqa: BLE001  one message's failure never stops the others
        return failure("draft", f"{type(error).__name__}: {error}")
    kept = {file.sha256 for file in draft.files if not file.left_out}
    blobs = {digest: a.data for a in message.attachments if (digest := a.sha256) in kept}
    for line in _left_out(draft):
        p.log.info(f"message {row['message']}: {line}")
    for defect in draft.defects:
        p.detail(f"message {row['message']}: {defect}")
    try:
        with p.db.savepoint():
            p.attempts.save_draft(p.run, row["attempt"], draft, blobs)
    except RowRefused as error:
        return failure("draft", f"the database refuses what was decoded: {error}")
    return None


def _left_out(draft: Draft) -> Iterator[str]:
    for file in draft.files:
        if file.left_out:
            yield f"attachment {file.filename} ({file.content_type}) left out: {file.left_out}"
