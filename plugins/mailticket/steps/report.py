"""report: what the run came to; it gives the run its colour (SPEC 6.3)."""

from __future__ import annotations

from mailticket.outgoing import one_line
from mailticket.passage import REASON_SHOWN, Counts, Passage


def report(p: Passage) -> Counts:
    """Count the run's messages by verdict, and end the run."""
    counts = p.runs.counts(p.run)
    p.tickets.mark_announced(p.run)
    p.runs.finish(p.run)
    p.log.info(summary(counts))
    return dict(counts)


def summary(counts: Counts) -> str:
    """Say in one line what a run came to."""
    told = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()) if n)
    number = sum(counts.values())
    return f"{number} message{'' if number == 1 else 's'}: {told}" if told else "no messages"


def failures(p: Passage) -> list[str]:
    """Say which messages failed, for the error that reddens the run."""
    return [
        f"message {row['message']} from {one_line(row['sender']) or 'unknown sender'}: "
        f"{row['decided_by']}: {one_line(row['reason'], REASON_SHOWN)}"
        for row in p.runs.failures(p.run)
    ]
