"""SPEC 3.1: delivery reports from before RFC 3464 can be told by their text only."""

from mailticket.decision import Case, Miss, Ruling
from mailticket.rules.automatic_mail import judge


def automatic_body(case: Case) -> Ruling | Miss | None:
    """Set aside what the content shows to be automatic and the header section did not."""
    by_header, found = case.header.automatic, case.automatic
    if found is None:
        return None
    if by_header is not None and by_header.kind == found.kind and not _names_more(case):
        return None
    return judge(found, case)


def _names_more(case: Case) -> bool:
    """Tell whether the content names the ticket that a report is about, the header does not."""
    header = case.header
    told = {*header.in_reply_to, *header.references}
    named = case.automatic.about if case.automatic else ()
    return bool(case.facts.about_ref) and not told.issuperset(named)
