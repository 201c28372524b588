"""SPEC 3.9: mail to a closed ticket."""

from mailticket.decision import Case, Miss, Ruling, Verdict


def closed_ticket(case: Case) -> Ruling | Miss | None:
    """Reject a message to a closed ticket where ``closed_ticket`` says so."""
    if case.match is None or not case.match.ticket.closed:
        return None
    ticket, way = case.match.ticket, case.inbox.closed_ticket
    if way == "reject":
        return Ruling(Verdict.REJECTED, f"{ticket.ref} is {ticket.status}; closed_ticket is reject")
    if way == "new_ticket" and case.inbox.behavior == "update_only":
        return Ruling(
            Verdict.REJECTED,
            f"{ticket.ref} is {ticket.status}: a new ticket is called for; behavior is update_only",
        )
    return Miss(f"{ticket.ref} is {ticket.status}; closed_ticket is {way}")
