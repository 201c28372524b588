"""SPEC 3.5: an inbox that only updates."""

from mailticket.decision import Case, Ruling, Verdict


def nothing_to_update(case: Case) -> Ruling | None:
    """Reject a message that belongs to no ticket where the inbox makes none."""
    if case.match is not None or case.inbox.behavior != "update_only":
        return None
    return Ruling(Verdict.REJECTED, "it belongs to no ticket; behavior is update_only")
