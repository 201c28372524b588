"""SPEC 3.1: RFC 3834 and kin, by the header section alone."""

from mailticket.decision import Case, Miss, Ruling, Verdict
from mailticket.message import Automatic

NEVER_A_TICKET = ("auto-reply", "bounce", "own")


def automatic_mail(case: Case) -> Ruling | Miss | None:
    """Set aside automatic replies, delivery reports and our own mail; others as configured."""
    if case.facts.own:
        return Ruling(Verdict.UNDESIRED, "own: this is a mail that we sent, it came back")
    return judge(case.header.automatic, case)


def judge(automatic: Automatic | None, case: Case) -> Ruling | Miss | None:
    """Say what one kind of automatic mail means for this inbox."""
    if automatic is None:
        return None
    about = f", about {case.facts.about_ref}" if case.facts.about_ref else ""
    told = f"{automatic.kind}: {automatic.reason}{about}"
    if automatic.kind in NEVER_A_TICKET or case.inbox.automatic_mail == "reject":
        return Ruling(Verdict.UNDESIRED, told)
    return Miss(f"{told}; accepted, since automatic_mail is accept_generated")
