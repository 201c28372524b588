"""A message whose decoding ends the whole process: it is given up, or it would block its inbox."""

from __future__ import annotations

from collections.abc import Sequence

from mailticket.decision import Decision
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
