"""What became of the sample mails: read from the tables, compared with what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demo.database import Database
from demo.samples import Sample

_DECIDED = """
SELECT message_id, verdict, decided_by, reason, ticket, inbox, sender, subject, decided_at, run
  FROM mailticket.message_status
 WHERE message_id = ANY (%s) AND verdict IS NOT NULL ORDER BY decided_at, id
"""
_SINCE = """
SELECT message_id, verdict, decided_by, reason, ticket, inbox, sender, subject, decided_at, run
  FROM mailticket.message_status
 WHERE decided_at > coalesce(%s, '-infinity'::timestamptz) ORDER BY decided_at, id
"""
_KNOWN = "SELECT message_id FROM mailticket.message WHERE message_id = ANY (%s)"
_FORWARDED = """
SELECT m.message_id, o.recipient, o.status, coalesce(o.last_error, '')
  FROM mailticket.outbox o JOIN mailticket.message m ON m.id = o.message
 WHERE m.message_id = ANY (%s)
"""
_TICKETS = """
SELECT t.ref, t.class, t.title, concat_ws(' ', nullif(p.first_name, ''), p.name), t.status,
       (SELECT count(*) FROM mailticket.log_entry l WHERE l.ticket_id = t.id),
       (SELECT count(*) FROM mailticket.attachment a WHERE a.ticket_id = t.id)
  FROM mailticket.ticket t LEFT JOIN mailticket.person p ON p.id = t.caller_id
 ORDER BY t.id DESC LIMIT 50
"""
_REFUSED = """
SELECT s.inbox, s.sender, s.subject, s.verdict, s.decided_by, s.reason,
       (SELECT string_agg(o.recipient || ' (' || o.status || ')', ', ')
          FROM mailticket.outbox o WHERE o.message = s.id)
  FROM mailticket.message_status s
 WHERE s.verdict IN ('rejected', 'undesired', 'failed', 'held', 'ignored')
 ORDER BY s.id DESC LIMIT 50
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What was decided on one message; the fields are the columns of message_status."""

    message_id: str
    verdict: str
    decided_by: str
    reason: str
    ticket: str | None
    inbox: str
    sender: str
    subject: str
    decided_at: Any
    run: str | None

    def sentence(self) -> str:
        """Say it in one line."""
        ticket = f" {self.ticket}" if self.ticket else ""
        why = f" ({self.decided_by}: {self.reason})" if self.reason else ""
        return f"{self.inbox}: {self.sender} “{self.subject}” → {self.verdict}{ticket}{why}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Reads what became of these samples."""

    tickets: Database
    samples: Sequence[Sample]

    def unknown(self) -> list[Sample]:
        """List the samples that no inbox has seen: they were never sent, or got lost."""
        known = {row[0] for row in self.tickets.rows(_KNOWN, self._ids())}
        return [sample for sample in self.samples if sample.message_id not in known]

    def fates(self) -> dict[str, Fate]:
        """Read what was decided so far, by Message-ID, in the order of the decisions."""
        rows = self.tickets.rows(_DECIDED, self._ids())
        return {row[0]: Fate(*row) for row in rows}

    def unsent(self) -> list[str]:
        """Say which forwarded errors the mail server has not taken yet."""
        told = {(row[0], row[1]): row[2:] for row in self.tickets.rows(_FORWARDED, self._ids())}
        lines = []
        for sample in self.samples:
            status, error = told.get((sample.message_id, sample.forwarded_to), ("missing", ""))
            if sample.forwarded_to and status != "sent":
                lines.append(f"{sample.file}: mail to {sample.forwarded_to} {status} {error}")
        return lines

    def surprises(self) -> list[str]:
        """Say where what happened differs from what was expected."""
        fates = self.fates()
        by_file = {sample.file: fates.get(sample.message_id) for sample in self.samples}
        said = (_surprise(sample, by_file) for sample in self.samples)
        return [line for line in said if line]

    def since(self, moment: Any) -> list[Fate]:
        """List what was decided after this moment (``None``: ever), oldest first."""
        return [Fate(*row) for row in self.tickets.rows(_SINCE, moment)]

    def ticket_rows(self) -> list[tuple[Any, ...]]:
        """List the newest tickets: ref, class, title, caller, status, entries, attachments."""
        return self.tickets.rows(_TICKETS)[::-1]

    def refused_rows(self) -> list[tuple[Any, ...]]:
        """List the newest messages without ticket: …, verdict, rule, reason, who was told."""
        return self.tickets.rows(_REFUSED)[::-1]

    def _ids(self) -> list[str]:
        return [sample.message_id for sample in self.samples]


def _surprise(sample: Sample, fates: dict[str, Fate | None]) -> str:
    fate = fates[sample.file]
    if fate is None:
        return f"{sample.file} ({sample.shows}): nothing was decided"
    if fate.verdict != sample.verdict:
        why = f"{fate.decided_by}: {fate.reason}"
        return f"{sample.file} ({sample.shows}): {fate.verdict}, not {sample.verdict} ({why})"
    first = fates[sample.ticket_of] if sample.ticket_of else fate
    if first is None or first.ticket != fate.ticket:
        return f"{sample.file} ({sample.shows}): went to {fate.ticket}, not to the expected ticket"
    if sample.verdict == "create" and not fate.ticket:
        return f"{sample.file} ({sample.shows}): no ticket"
    return ""
