"""parse: accepted messages are decoded into drafts; the content may still decide."""

from __future__ import annotations

from collections.abc import Iterator

from mailticket.decision import Decision, Facts, Phase
from mailticket.draft import Draft, draft_of
from mailticket.errors import LimitExceeded, RowRefused
from mailticket.judging import judge_content
from mailticket.message import Message
from mailticket.parsing import parse
from mailticket.passage import Counts, Passage, failure, tell
from mailticket.steps.second_look import second_look
from mailticket.store.attempts import Record, Stage, step_documents
from mailticket.store.postgres import Row


def parse_messages(p: Passage) -> Counts:
    """Decode each accepted message of the run and ask the rules of the second phase."""
    if p.run.clear_number:
        p.attempts.reopen_for_parse(p.run)
    accepted = p.attempts.pending(p.run, "accepted")
    parsed = 0
    for done, attempt in enumerate(accepted, 1):
        parsed += _one(p, p.attempts.original(attempt))
        p.outside.progress("parse", done, len(accepted))
        if done % 50 == 0:
            p.renew_lease()
    found = second_look(p)
    return {"parsed": parsed, "decided": len(accepted) - parsed, "found_automatic": found}


def _one(p: Passage, row: Row) -> bool:
    """Decode one message; True when it goes on to its ticket."""
    message, decision = decoded(p, row)
    with p.db.transaction():
        if message and decision.ruling is None:
            decision = _kept_as_draft(p, row, message) or decision
        steps = [*row["steps"], *step_documents(decision.steps, Phase.CONTENT)]
        stage: Stage = "decided" if decision.ruling else "parsed"
        p.attempts.record([Record(row["attempt"], stage, decision, "parse", steps)])
    if decision.ruling:
        tell(p, row["message"], message.header if message else None, decision)
    return decision.ruling is None


def decoded(p: Passage, row: Row) -> tuple[Message | None, Decision]:
    """Decode an original and ask the rules on its content."""
    if row["raw"] is None:
        days = p.inbox.raw_retention_days
        gone = f"its original was purged (raw_retention_days {days}): it cannot be read again"
        return None, failure("original", gone)
    try:
        message = parse(bytes(row["raw"]), p.inbox.parse_options())
    except LimitExceeded as error:
        return None, failure(error.limit, str(error))
    return message, judge_content(p.inbox, row["size"], message, Facts(), p.rules)


def _kept_as_draft(p: Passage, row: Row, message: Message) -> Decision | None:
    draft = draft_of(message, p.inbox.inline_image_max_width)
    kept = {file.sha256 for file in draft.files if not file.left_out}
    blobs = {digest: a.data for a in message.attachments if (digest := a.sha256) in kept}
    for line in _left_out(draft):
        p.log.info(f"message {row['message']}: {line}")
    for defect in draft.defects:
        p.detail(f"message {row['message']}: {defect}")
    try:
        with p.db.savepoint():
            p.attempts.save_draft(row["attempt"], draft, blobs)
    except RowRefused as error:
        return failure("draft", f"the database refuses what was decoded: {error}")
    return None


def _left_out(draft: Draft) -> Iterator[str]:
    for file in draft.files:
        if file.left_out:
            yield f"attachment {file.filename} ({file.content_type}) left out: {file.left_out}"
