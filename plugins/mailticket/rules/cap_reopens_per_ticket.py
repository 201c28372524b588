"""SPEC 1.3: how often mail reopens one ticket."""

from mailticket.capping import held
from mailticket.decision import Case, Miss, Ruling
from mailticket.planning import reopens


def cap_reopens_per_ticket(case: Case) -> Ruling | Miss | None:
    """Hold a message that would reopen a ticket more often than ``cap_reopens_per_ticket``."""
    if case.match is None or not reopens(case, case.match.ticket):
        return None
    ticket = case.match.ticket
    caps, counts = case.inbox.cap_reopens_per_ticket, ticket.reopens
    return held(case, caps, counts, f"ticket {ticket.ref}", f"reopenings of {ticket.ref}")
