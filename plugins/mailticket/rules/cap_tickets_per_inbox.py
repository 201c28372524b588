"""SPEC 1.3: tickets that an inbox makes, whoever writes."""

from mailticket.capping import creates, held
from mailticket.decision import Case, Miss, Ruling


def cap_tickets_per_inbox(case: Case) -> Ruling | Miss | None:
    """Hold a message that would make more tickets in an inbox than ``cap_tickets_per_inbox``."""
    if not creates(case):
        return None
    caps, counts = case.inbox.cap_tickets_per_inbox, case.ticket_facts.made_in_inbox
    return held(case, caps, counts, f"inbox {case.inbox.name}", "tickets in this inbox")
