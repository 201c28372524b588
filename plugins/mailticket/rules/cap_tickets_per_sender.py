"""SPEC 1.3: tickets that one sender makes in one inbox."""

from mailticket.capping import creates, held
from mailticket.decision import Case, Miss, Ruling
from mailticket.storm import person_behind


def cap_tickets_per_sender(case: Case) -> Ruling | Miss | None:
    """Hold a message that would make more tickets of a sender than ``cap_tickets_per_sender``."""
    if not creates(case):
        return None
    sender = person_behind(case.header.from_.address) if case.header.from_ else "unknown"
    caps, counts = case.inbox.cap_tickets_per_sender, case.ticket_facts.made_by_sender
    return held(case, caps, counts, f"sender {sender}", f"tickets of {sender}")
