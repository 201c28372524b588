"""SPEC 3.1: delivery reports from before RFC 3464 can be told by their text only."""

from mailticket.decision import Case, Miss, Ruling
from mailticket.rules.automatic_mail import judge


def automatic_body(case: Case) -> Ruling | Miss | None:
    """Set aside what the content shows to be automatic and the header section did not."""
    return None if case.header.automatic else judge(case.automatic, case)
