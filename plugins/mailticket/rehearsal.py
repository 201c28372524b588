"""What a run would decide about a message, with nothing written: ``filter`` to ``upsert_ticket``.

The rules, the Facts and the plan are the run's own; only what a run does about them is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailticket.config import Inbox
from mailticket.decision import Case, Decision, Rule, Verdict
from mailticket.draft import draft_of
from mailticket.errors import LimitExceeded
from mailticket.identity import content_hash
from mailticket.judging import describe, judge, judge_content, judge_headers
from mailticket.message import Message
from mailticket.parsing import read_header
from mailticket.passage import failure
from mailticket.planning import Ground
from mailticket.steps.second_look import content_facts, fresh_facts
from mailticket.steps.upsert_ticket import Known, with_ticket_facts
from mailticket.store.facts import FactFinder, Question
from mailticket.ticket import TicketChange


@dataclass(frozen=True, slots=True)
class Original:
    """An original in hand, and what became of reading it."""

    raw: bytes
    """All of it; the beginning of one that is above the ceiling."""
    size: int
    read: Message | LimitExceeded


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The decision of all phases; without a ruling the message would wait for another one."""

    decision: Decision
    changes: tuple[TicketChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An inbox and the database it decides by."""

    inbox: Inbox
    rules: tuple[Rule, ...]
    ground: Ground
    facts: FactFinder
    own_address: str = ""

    def decide(self, original: Original) -> Rehearsed:
        """Decide as a run would that finds this message in its mailbox now."""
        try:
            header = read_header(original.raw, self.inbox.parse_options().limits)
        except LimitExceeded as error:
            return Rehearsed(failure(error.limit, str(error)))
        question = Question(header, self._content_hash(original))
        facts = self.facts.header_facts(self.inbox.name, [question])[0]
        decision = judge_headers(self.inbox, original.size, header, facts, self.rules)
        if decision.ruling:
            return Rehearsed(self._second_look(original, decision))
        if isinstance(original.read, LimitExceeded):
            problem = failure(original.read.limit, str(original.read))
            return Rehearsed(decision.then(problem))
        found = fresh_facts(self.facts, self.inbox.name, original.read, None, self.rules)
        content = judge_content(self.inbox, original.size, original.read, found, self.rules)
        decision = decision.then(content)
        if decision.ruling:
            return Rehearsed(decision)
        return self._with_ticket(original, original.read, decision)

    def _content_hash(self, original: Original) -> bytes | None:
        """Give what a copy is known by; a run does not have it of a message that is too big."""
        too_big = original.size > self.inbox.maximum_email_size
        return None if too_big else content_hash(original.raw)

    def _second_look(self, original: Original, decision: Decision) -> Decision:
        """Read what the header section decided, where a run does so too (``decided_unread``)."""
        assert decision.ruling is not None
        unread = decision.ruling.verdict in (Verdict.REJECTED, Verdict.UNDESIRED)
        too_big = original.size > self.inbox.maximum_email_size
        if not unread or too_big or isinstance(original.read, LimitExceeded):
            return decision
        message = original.read
        facts = content_facts(self.facts, self.inbox.name, message, None)
        later = judge_content(self.inbox, original.size, message, facts, self.rules)
        return decision.then(later)

    def _with_ticket(self, original: Original, message: Message, decision: Decision) -> Rehearsed:
        draft = draft_of(message, self.inbox.inline_image_max_width).draft
        header, automatic = message.header, draft.automatic
        case = Case(self.inbox, original.size, header, automatic=automatic, draft=draft)
        digest, own = self._content_hash(original), self.own_address
        case = with_ticket_facts(case, self.facts, self.ground, Known(digest), own_address=own)
        judgement = judge(case, self.ground, self.rules, 0)
        return Rehearsed(decision.then(judgement.decision), judgement.changes)


def decision_document(rehearsed: Rehearsed) -> Mapping[str, Any]:
    """Give a decision as JSON-able values; ``verdict`` is None while the message would wait."""
    decision = rehearsed.decision
    ruling, last = decision.ruling, decision.steps[-1] if decision.steps else None
    return {
        "verdict": ruling.verdict.value if ruling else None,
        "decided_by": decision.decided_by or (last.rule if last else ""),
        "reason": ruling.reason if ruling else last.detail if last else "",
        "steps": [
            {"rule": step.rule, "outcome": step.outcome, "detail": step.detail}
            for step in decision.steps
        ],
        "changes": [describe(change) for change in rehearsed.changes],
    }
