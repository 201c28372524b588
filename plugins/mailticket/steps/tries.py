"""A message whose decoding ends the whole process: it is given up, or it would block its inbox."""

from __future__ import annotations

from mailticket.decision import Decision
from mailticket.passage import failure
from mailticket.store.postgres import Row

MOST_TRIES = 3


def given_up(row: Row) -> Decision | None:
    """Say why a message is not begun once more, where it was begun too often without an end."""
    if row["tries"] <= MOST_TRIES:
        return None
    why = f"decoding it was begun {MOST_TRIES} times, and each time the process ended (memory?)"
    return failure("worker", why)
