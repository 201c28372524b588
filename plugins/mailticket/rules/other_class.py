"""SPEC 3.5: a message to a ticket of another class updates nothing."""

from mailticket.decision import Case, Ruling, Verdict


def other_class(case: Case) -> Ruling | None:
    """Reject a message that belongs to a ticket of a class that is not the inbox's."""
    if case.match is None or case.match.ticket.ticket_class == case.inbox.ticket_class:
        return None
    ticket = case.match.ticket
    return Ruling(
        Verdict.REJECTED,
        f"it belongs to {ticket.ref}, a {ticket.ticket_class}; "
        f"inbox {case.inbox.name} is for {case.inbox.ticket_class}",
    )
