"""parse: accepted messages are decoded into drafts; the content may still decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailticket.decision import Decision, Facts, Phase
from mailticket.draft import Draft
from mailticket.errors import RowRefused
from mailticket.judging import judge_content
from mailticket.outgoing import one_line
from mailticket.passage import REASON_SHOWN, Counts, Passage, failure, tell
from mailticket.steps.decoding import Decoders, Reading, decoders, readings
from mailticket.steps.second_look import fresh_facts, note_failed_delivery, second_look
from mailticket.steps.tries import portions
from mailticket.store.attempts import Record, Stage, step_documents
from mailticket.store.postgres import Row

GROUP_MESSAGES, GROUP_BYTES = 50, 8 * 1024**2
"""What is committed together: fewer commits, and little to do again after a kill."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """How many became drafts, and how many were decided by their content."""

    parsed: int = 0
    decided: int = 0

    def __add__(self, more: Parsed) -> Parsed:
        """Add what was parsed after these."""
        return Parsed(self.parsed + more.parsed, self.decided + more.decided)


def parse_messages(p: Passage) -> Counts:
    """Decode each accepted message of the run and ask the rules of the second phase.

    Of one batch, where tasks share the work: no message is in two of them.
    """
    if p.run.clear_number:
        p.attempts.reopen_for_parse(p.run, p.batch)
    return finish_parse(p, parse_accepted(p))


def finish_parse(p: Passage, parsed: Parsed) -> Counts:
    """Look again at what the header section decided; give the counts of the step."""
    found = second_look(p) if p.batch in (None, 1) else 0
    return {"parsed": parsed.parsed, "decided": parsed.decided, "found_automatic": found}


def parse_accepted(p: Passage) -> Parsed:
    """Decode what is accepted, by decoders that end with it."""
    with decoders(p) as crew:
        return parse_with(crew, p)


def parse_with(crew: Decoders, p: Passage) -> Parsed:
    """Decode what is accepted by now."""
    accepted = p.attempts.pending(p.run, "accepted", p.batch)
    parsed = done = 0
    for portion in portions(p, accepted):
        for group in _groups(readings(p, portion, crew)):
            parsed += _keep(p, [_judged(p, row, reading) for row, reading in group])
            done += len(group)
            p.outside.progress("parse", done, len(accepted))
            p.keep_lease()
    return Parsed(parsed, len(accepted) - parsed)


_Read = tuple[Row, Reading | Decision]
_NO_FACTS = Facts()


def _groups(read: Iterable[_Read]) -> Iterator[list[_Read]]:
    group: list[_Read] = []
    volume = 0
    for row, reading in read:
        group.append((row, reading))
        volume += row["size"]
        if len(group) == GROUP_MESSAGES or volume >= GROUP_BYTES:
            yield group
            group, volume = [], 0
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Judged:
    """One message with what the rules say of its content; without a ruling it goes on."""

    row: Row
    decision: Decision
    reading: Reading | None = None
    facts: Facts = _NO_FACTS

    @property
    def goes_on(self) -> bool:
        return self.decision.ruling is None

    @property
    def blobs(self) -> Mapping[str, bytes]:
        """The files that go on the ticket, by digest."""
        if not (self.reading and self.goes_on):
            return {}
        kept = {file.sha256 for file in self.reading.draft.files if not file.left_out}
        found = ((a.sha256, a.data) for a in self.reading.message.attachments)
        attached = {digest: content for digest, content in found if digest in kept}
        return {**attached, **self.reading.added}

    @property
    def record(self) -> Record:
        steps = [*self.row["steps"], *step_documents(self.decision.steps, Phase.CONTENT)]
        stage: Stage = "parsed" if self.goes_on else "decided"
        return Record(self.row["attempt"], stage, self.decision, "parse", steps)


def _judged(p: Passage, row: Row, reading: Reading | Decision) -> _Judged:
    if isinstance(reading, Decision):
        return _Judged(row, reading)
    message = reading.message
    facts = fresh_facts(p.facts, p.inbox.name, message, row["message"], p.rules)
    decision = judge_content(p.inbox, row["size"], message, facts, p.rules)
    return _Judged(row, decision, reading, facts)


def _keep(p: Passage, judged: Sequence[_Judged]) -> int:
    """Commit a group; where the database refuses a row, each message by itself."""
    try:
        return _stored(p, judged)
    except RowRefused as error:
        if len(judged) > 1:
            return sum(_keep(p, [one]) for one in judged)
        why = f"the database refuses what was decoded: {error}"
        return _stored(p, [replace(judged[0], decision=failure("draft", why))])


def _stored(p: Passage, judged: Sequence[_Judged]) -> int:
    with p.db.transaction():
        p.attempts.add_blobs({k: v for one in judged for k, v in one.blobs.items()})
        drafts = [(j.row["attempt"], j.reading.draft) for j in judged if j.reading and j.goes_on]
        p.attempts.save_drafts(p.run, drafts)
        for one in judged:
            if one.reading and not one.goes_on:
                note_failed_delivery(p, one.row, one.reading.message, one.facts)
        recorded = p.attempts.record(p.run, [one.record for one in judged])
    done = [one for one in judged if one.row["attempt"] in recorded]
    for one in done:
        _tell(p, one)
    return sum(one.goes_on for one in done)


def _tell(p: Passage, one: _Judged) -> None:
    if not one.goes_on:
        tell(p, one.row, one.decision, one.facts.about_ref)
    elif one.reading:
        _tell_draft(p, one.row["message"], one.reading.draft)


def _tell_draft(p: Passage, message: int, draft: Draft) -> None:
    for file in draft.files:
        if file.left_out:
            p.log.info(
                f"message {message}: attachment {one_line(file.filename)} "
                f"({one_line(file.content_type)}) left out: {one_line(file.left_out)}"
            )
    for defect in draft.defects:
        p.detail(f"message {message}: {one_line(defect, REASON_SHOWN)}")
