"""A second look at what the header section decided: the content may show more (SPEC 3.1).

Old-style delivery reports show only in the body, and automatic wins before any mail about them is
queued. A delivery report names the mail that did not arrive: its ticket is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailticket.decision import Decision, Facts, Phase, Rule, Step
from mailticket.errors import RowRefused
from mailticket.judging import judge_content
from mailticket.message import Message
from mailticket.outgoing import one_line
from mailticket.passage import REASON_SHOWN, Passage, tell
from mailticket.rules import asks_of_content
from mailticket.steps.decoding import Reading, decoders, readings
from mailticket.steps.tries import portions
from mailticket.store.attempts import step_documents
from mailticket.store.facts import FactFinder, Question
from mailticket.store.postgres import Row


def second_look(p: Passage) -> int:
    """Read what was rejected or taken for a report unread; give how many turn out automatic."""
    found = 0
    with decoders(p) as crew:
        for portion in portions(p, p.attempts.decided_unread(p.run)):
            for row, reading in readings(p, portion, crew):
                found += _looked_at(p, row, reading)
                p.keep_lease()
    return found


def _looked_at(p: Passage, row: Row, reading: Reading | Decision) -> bool:
    if isinstance(reading, Decision):
        return _left(p, row, reading.steps[0].detail)
    try:
        return _judged(p, row, reading.message)
    except RowRefused as error:
        return _left(p, row, f"the database refuses what was decoded: {error}")


def _left(p: Passage, row: Row, why: str) -> bool:
    """Leave a message what it is: nothing is known beyond its header section."""
    unread = Step("content", "skipped", why)
    p.attempts.amend(row, Decision(steps=(unread,)), step_documents([unread], Phase.CONTENT))
    return False


def _judged(p: Passage, row: Row, message: Message) -> bool:
    facts = content_facts(p.facts, p.inbox.name, message, row["message"])
    decision = judge_content(p.inbox, row["size"], message, facts, p.rules)
    with p.db.transaction():
        p.attempts.amend(row, decision, step_documents(decision.steps, Phase.CONTENT))
        note_failed_delivery(p, row, message, facts)
    if decision.ruling:
        tell(p, row, decision, facts.about_ref)
    return decision.ruling is not None


def content_facts(finder: FactFinder, inbox: str, message: Message, number: int | None) -> Facts:
    """Look up what the report is about, now that its body named it."""
    return _facts(finder, inbox, message, number) if message.automatic else Facts()


def fresh_facts(
    finder: FactFinder, inbox: str, message: Message, number: int | None, rules: Iterable[Rule]
) -> Facts:
    """Look up Facts where the body shows something new, or a site's rule looks at the content."""
    if asks_of_content(rules):
        return _facts(finder, inbox, message, number)
    by_header, found = message.header.automatic, message.automatic
    if by_header and found and by_header.kind == found.kind:
        return Facts()
    return content_facts(finder, inbox, message, number)


def _facts(finder: FactFinder, inbox: str, message: Message, number: int | None) -> Facts:
    header = replace(message.header, automatic=message.automatic)
    return finder.header_facts(inbox, [Question(header, None, number)])[0]


def note_failed_delivery(p: Passage, row: Row, message: Message, facts: Facts) -> None:
    """Note on a ticket that a mail of ours about it did not arrive; inside a transaction.

    A report that the database does not take as it is keeps its verdict all the same.
    """
    automatic, ref = message.automatic, facts.about_ref
    if not (automatic and automatic.kind == "bounce" and ref):
        return
    recipients = {"failed_recipients": list(automatic.failed_recipients)}
    try:
        with p.db.savepoint():
            p.tickets.note_failed_delivery(ref, row["message"], row["attempt"], p.run, recipients)
    except RowRefused as error:
        why = one_line(str(error), REASON_SHOWN)
        p.log.warning(f"message {row['message']}: {ref} is not told of the failed delivery: {why}")
