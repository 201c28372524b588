"""Answers to unknown callers: once per sender and day, to no machine, few an hour (SPEC 7.4).

From is easily forged, so that an answer may reach somebody who never wrote: an inbox must not
become a relay for whoever writes to it under many names.
"""

from __future__ import annotations

from mailticket.errors import LimitExceeded, MailticketError, RowRefused
from mailticket.message import Address, HeaderSection
from mailticket.notices import Notice, rejection_reply
from mailticket.outgoing import Thread, mailable, wire_address
from mailticket.parsing import read_header
from mailticket.passage import Passage
from mailticket.readership import nobody_reads
from mailticket.steps.letterhead import author, heading, new_id
from mailticket.steps.posting import post
from mailticket.store.postgres import Row
from mailticket.storm import person_behind

MOST_PER_HOUR = 50
"""Answers of one inbox: more strangers than write to one at once, far less than a flood."""


def answer_unknown_callers(p: Passage) -> int:
    """Queue ``unknown_caller_reply`` for those who are to get it; give how many."""
    if not p.inbox.unknown_caller_reply:
        return 0
    callers = p.outbox.callers_to_answer(p.run)
    return _Answers(p).to(callers) if callers else 0


class _Answers:
    """What one step answers, beside what was answered before it."""

    def __init__(self, p: Passage) -> None:
        self.p = p
        before = p.outbox.answered_today(p.inbox.name)
        self.people = {person_behind(row["recipient"]) for row in before}
        self.left = MOST_PER_HOUR - sum(row["of_this_hour"] for row in before)

    def to(self, callers: list[Row]) -> int:
        queued = unsaid = 0
        for row in callers:
            notice = self._composed(row)
            if notice is None:
                continue
            if self.left <= 0:
                unsaid += 1
                continue
            queued += self._queued(row["message"], notice)
            self.p.keep_lease()
        if unsaid:
            self.p.log.warning(
                f"{unsaid} unknown callers got no answer: an inbox answers {MOST_PER_HOUR} an hour"
            )
        return queued

    def _queued(self, message: int, notice: Notice) -> bool:
        try:
            queued = post(self.p, notice, message, "unknown_caller")
        except RowRefused as error:
            why = f"the database refuses it: {error}"
            self.p.log.warning(f"message {message}: its sender cannot be answered: {why}")
            return False
        self.people.add(person_behind(notice.recipient))
        self.left -= queued
        return queued

    def _composed(self, row: Row) -> Notice | None:
        """Write the answer to one message, unless its sender is to get none."""
        try:
            return self._answer(row)
        except LimitExceeded:
            return None
        except MailticketError:  # a matter of the configuration or of a server, not of this mail
            raise
        except Exception:  # one message never stops the others
            self.p.log.exception(f"message {row['message']}: its sender cannot be answered")
            return None

    def _answer(self, row: Row) -> Notice | None:
        p = self.p
        if not mailable(row["sender"]) or nobody_reads(row["sender"]):
            return None
        recipient = wire_address(row["sender"])
        own = p.own_address
        if person_behind(recipient) in self.people:
            return None
        header = read_header(p.outbox.header_of(row["message"]), p.inbox.parse_options().limits)
        from_ = author(p, own, "address")
        if header.automatic or person_behind(recipient) == person_behind(from_.address):
            return None
        return self._written(recipient, from_, header)

    def _written(self, recipient: str, from_: Address, header: HeaderSection) -> Notice:
        text = self.p.inbox.unknown_caller_reply or ""
        top = heading(self.p, recipient, new_id(self.p, from_), from_)
        # The parent only: what came before it was written by others, and may be anything.
        return rejection_reply(top, text, header.subject, Thread(header.message_id))
