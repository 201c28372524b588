"""A message that ends the whole process each time: it is given up, or it would block its inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mailticket.decision import Decision
from mailticket.errors import StoreUnavailable
from mailticket.passage import Passage, failure
from mailticket.store.postgres import Row

MOST_TRIES = 5


def portions(p: Passage, attempts: Sequence[int]) -> list[list[int]]:
    """Say what is decoded together: all that are new to it, then each of the others by itself.

    Of those begun when a process ended, one may be why; alone, none is blamed for another.
    """
    begun = p.attempts.begun(attempts)
    fresh = [attempt for attempt in attempts if attempt not in begun]
    return [portion for portion in (fresh, *([one] for one in attempts if one in begun)) if portion]


def given_up(row: Row) -> Decision | None:
    """Say why a message is not begun once more, where it was begun too often without an end."""
    if row["tries"] <= MOST_TRIES:
        return None
    why = f"decoding it was begun {MOST_TRIES} times, and each time the process ended (memory?)"
    return failure("worker", why)


@dataclass(frozen=True, slots=True)
class Caution:
    """What a step is to mind that a process may have ended in the middle of."""

    p: Passage
    died: bool
    """One did: until this step has come to its end, nothing is done for two messages at once."""

    def may_begin(self, attempt: int) -> bool:
        """Tell before each attempt: False where the process ended on it too often."""
        return not self.died or self.p.attempts.strike(attempt) <= MOST_TRIES


@contextmanager
def survived(p: Passage, step: str) -> Iterator[Caution]:
    """Mark a step as at work, and say what is to be minded.

    Attempts are counted, at a commit each, only after a process was killed in this step: whatever
    came to its end, by an error too, takes its mark away.
    """
    caution = Caution(p, p.attempts.begin_step(p.inbox.name, step))
    try:
        yield caution
    finally:
        with suppress(StoreUnavailable):
            p.attempts.end_step(p.inbox.name, step)
