"""SPEC 3.1: the same inbox, Message-ID and content. Machines repeat Message-IDs alone."""

from mailticket.decision import Case, Miss, Ruling, Status, Verdict


def already_handled(case: Case) -> Ruling | Miss | None:
    """Recognise a second copy of a message."""
    earlier = case.facts.earlier
    if earlier is None:
        return None
    if earlier.status is Status.NEW:
        return Miss(f"a copy of message {earlier.message}, which is not decided yet")
    ticket = f", {earlier.ticket_ref}" if earlier.ticket_ref else ""
    return Ruling(
        Verdict.DUPLICATE, f"a copy of message {earlier.message} ({earlier.status}{ticket})"
    )
