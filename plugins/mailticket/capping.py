"""What the rules of the storm caps have in common: who is held, and why."""

from __future__ import annotations

from collections.abc import Sequence

from mailticket.decision import Case, Miss, Ruling, Verdict
from mailticket.planning import ticket_to_update
from mailticket.sizes import Rate
from mailticket.storm import Storm, ended_by, reached


def creates(case: Case) -> bool:
    """Tell whether the message would make a ticket."""
    return ticket_to_update(case) is None


def held(
    case: Case, caps: Sequence[Rate], counts: Sequence[int], storm: str, of_what: str
) -> Ruling | Miss | None:
    """Hold a message where a cap is reached, unless a person saw it held and let it through."""
    cap = reached(caps, counts)
    if cap is None:
        return None
    figures = f"{cap.number} {of_what} within {cap.minutes} minutes are the most"
    if case.ticket_facts.released:
        return Miss(f"{figures}; it was held for a storm before, and a person let it through")
    waits = "it waits for a person: bin/mailticket reset, or ignore"
    return Ruling(Verdict.HELD, f"{figures}; {waits}", Storm(storm, ended_by(caps)))
