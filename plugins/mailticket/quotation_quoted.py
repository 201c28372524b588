"""Older messages under a mark whose every line has a quote sign: what stands below is the answer.

eM Client and Proton Mail write ``------ Original Message ------`` and quote line by line, so that
people answer below or in between. Under Outlook's mark the old message goes on to the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailticket.quotation_introduction import Introduction, introduction_ending_at
from mailticket.quotation_languages import LABELS
from mailticket.quotation_marks import is_original_message

_MOST_LINES = 12
_MARK_OF_EM_CLIENT = "------ "


def first_quoted_below(lines: Sequence[str], quoted: Sequence[bool], mark: int) -> int | None:
    """Give the first quoted line below a mark's fields or introduction, if an answer follows it.

    ``lines`` are plain. ``None`` where the old message may go on without signs.
    """
    if not is_original_message(lines[mark]):
        return None
    below = range(mark + 1, min(mark + _MOST_LINES, len(lines)))
    first = next((at for at in below if quoted[at]), None)
    if first is None or not _introduces(lines, mark, first):
        return None
    answered = any(lines[at] and not quoted[at] for at in range(first, len(lines)))
    return first if answered else None


def _introduces(lines: Sequence[str], mark: int, first: int) -> bool:
    """Tell whether all between a mark and a quote is eM Client's fields, or one introduction."""
    between = [at for at in range(mark + 1, first) if lines[at]]
    if not between:
        return False
    span = introduction_ending_at(lines, between[-1])
    if span is not None and span.rank == Introduction.DATED:
        return span.first == between[0]
    if not lines[mark].startswith(_MARK_OF_EM_CLIENT):
        return False
    return all(lines[at].partition(" ")[0].rstrip(":").lower() in LABELS for at in between)
