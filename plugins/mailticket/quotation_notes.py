"""What Lotus Notes 6 and 7 put above a quote: a table of labels that no colon follows.

On the left stand the name and the time, on the right "To", "cc" and "Subject", one below another,
each label with its value beside or below it. Newer versions put a preview of the old message above
an ordinary header block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from mailticket.quotation_languages import LABELS

_ORDER = ("to", "cc", "subject")
_MOST_BETWEEN = 15
"""Lines from one label to the next, or from the time to the last label."""
_LONGEST_LABEL = 12
_INDENT = " " * 8
_CLOCK = re.compile(r"\d[./-]\d{1,4}(?!\d).{0,20}\d:\d\d")
_PREVIEW = re.compile(
    r"[^-]{1,80}-{2,3}\d{1,4}[./-]\d{1,2}[./-]\d{1,4} \d{1,2}[:.]\d\d[^-]{0,20}-{3}"
)


def is_preview(line: str) -> bool:
    """Tell whether a plain line is ``Ann Lee ---05.05.2026 12:04:00---Hello, can you …``."""
    return "---" in line and _PREVIEW.match(line) is not None


def labels_in_order(rows: Iterable[str]) -> bool:
    """Tell whether the first plain rows of a table are such a block."""
    first = list(islice(rows, _MOST_BETWEEN))
    wanted = iter(_ORDER)
    label = next(wanted, None)
    for row in first:
        if len(row) <= _LONGEST_LABEL and LABELS.get(row.lower()) == label:
            label = next(wanted, None)
    return label is None and any(map(_CLOCK.search, first))


def block_in_text(lines: Sequence[str]) -> int | None:
    """Find the first line of such a block in raw lines of text, its labels aligned at the right."""
    for at, line in enumerate(lines):
        if _label_at_the_right(line) == "to" and _is_block(lines, at):
            return _first_line(lines, at)
    return None


def _label_at_the_right(line: str) -> str | None:
    """Give the kind of a label that ends a line, with at least two blanks before it."""
    if not line.startswith(_INDENT):
        return None
    _, gap, label = line.rstrip().rpartition("  ")
    return LABELS.get(label.strip().lower()) if gap and len(label) <= _LONGEST_LABEL else None


def _is_block(lines: Sequence[str], at: int) -> bool:
    end = at
    for kind in _ORDER[1:]:
        below = range(end + 1, min(end + _MOST_BETWEEN, len(lines)))
        found = next((each for each in below if _label_at_the_right(lines[each]) == kind), None)
        if found is None:
            return False
        end = found
    return any(map(_CLOCK.search, lines[max(0, at - _MOST_BETWEEN) : end]))


def _first_line(lines: Sequence[str], at: int) -> int:
    """Go up over the name, indented as all of the block is."""
    first = at
    for above in range(at - 1, max(-1, at - _MOST_BETWEEN), -1):
        if lines[above].startswith(_INDENT):
            first = above if lines[above].strip() else first
        elif lines[above].strip():
            break
    return first
