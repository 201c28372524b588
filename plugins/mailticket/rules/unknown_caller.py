"""SPEC 3.1: who wrote, by the address of From."""

from mailticket.decision import Case, Miss, Ruling, Verdict


def unknown_caller(case: Case) -> Ruling | Miss | None:
    """Reject a sender who is not in ``person``, unless the inbox creates persons."""
    sender, callers = case.header.from_, case.facts.callers
    if sender is None or not (callers or "@" in sender.address):
        return Ruling(Verdict.REJECTED, "neither From nor Sender holds a usable address")
    if len(callers) > 1:
        others = ", ".join(str(person.id) for person in callers)
        return Miss(f"{sender.address} belongs to persons {others}; the first is taken")
    if callers:
        return Miss(f"person {callers[0].id}, {callers[0].full_name}")
    if case.inbox.unknown_caller == "create_person":
        return Miss(f"{sender.address} is unknown; a person will be created")
    return Ruling(Verdict.REJECTED, f"{sender.address} is not the address of a known person")
