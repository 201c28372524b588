"""SPEC 3.1, 8.3: size is known before anything is downloaded."""

from mailticket.decision import Case, Ruling, Verdict


def too_big(case: Case) -> Ruling | None:
    """Reject what is above ``maximum_email_size``."""
    limit = case.inbox.maximum_email_size
    if case.size <= limit:
        return None
    return Ruling(
        Verdict.REJECTED, f"{case.size:,} bytes are above maximum_email_size of {limit:,} bytes"
    )
