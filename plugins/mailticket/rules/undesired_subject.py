"""SPEC 3.1: subjects that the operator does not want to see as tickets."""

from mailticket.decision import Case, Miss, Ruling, Verdict
from mailticket.patterns import MAX_SUBJECT, compile_pattern


def undesired_subject(case: Case) -> Ruling | Miss | None:
    """Set aside a message whose subject matches one of ``undesired_subject_patterns``."""
    defects: list[str] = []
    for pattern in case.inbox.undesired_subject_patterns:
        if compile_pattern(pattern).search(case.header.subject, defects, MAX_SUBJECT):
            return Ruling(Verdict.UNDESIRED, f"the subject matches {pattern}")
    return Miss("; ".join(defects)) if defects else None
