"""Rows of plain text that other programs glued together or broke, before they are judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mailticket.quotation_introduction import Introduction, introduction_ending_at
from mailticket.quotation_languages import CAPITAL_OPENINGS
from mailticket.quotation_marks import is_quoted, plain

_NARROWEST, _WIDEST = 66, 80
"""Columns at which programs break the lines that they quote."""
_FEWEST_BROKEN = 2
"""Rows that look broken off: fewer may be somebody's answer."""
_LONGEST_ROW = 1000
_GLUED = re.compile(
    r"(?<=[^\s>-])(?: ++|(?=-{2})) ?-*+ ?"
    rf"(?=(?:{CAPITAL_OPENINGS}) [^:]{{0,40}}\d)"
)
_MOST_RUN_ON = 100
"""Rows that are looked at for an introduction with its quote behind it: 40 ms at the worst."""
_RUN_ON = re.compile(
    r"[^<>@]{1,200}<[^<>\s@]{1,200}@[^<>\s@]{1,200}>[^:<>]{0,40}:(?=[ \u00a0]{2,}\S)"
)
_SENTENCE_ENDS = (".", "?", "!", ":", ";")
_OPEN_LINK = re.compile(r"[(<]https?://[^\s()<>]*$")
_LINK_ALONE = re.compile(r"\s*\(https?://[^\s()]+\) ?>?\s*$")


def unglued_rows(rows: Sequence[str]) -> Iterator[str]:
    """Part a row such as ``Thank you. On 5 May 2026 at 12:04, Ann wrote:`` above a quote."""
    tries = _MOST_RUN_ON
    for at, row in enumerate(rows):
        above_quote = any(is_quoted(below) for below in rows[at + 1 : at + 3])
        start = _start_of_glued(row) if above_quote and row.rstrip().endswith((":", "-")) else 0
        if not start and tries and ":  " in row and "@" in row:
            tries -= 1
            start = _end_of_run_on(row)
        if start:
            yield row[:start]
            yield row[start:]
        else:
            yield row


def _start_of_glued(row: str) -> int:
    """Find where an introduction begins within a row; 0 if there is none."""
    found = _GLUED.search(row[:_LONGEST_ROW])
    if found is None or is_quoted(row):
        return 0
    span = introduction_ending_at([plain(row[found.end() :])], 0)
    words_above = any(character.isalnum() for character in row[: found.start()])
    glued = words_above and span is not None and span.rank == Introduction.DATED
    return found.start() if glued else 0


def _end_of_run_on(row: str) -> int:
    """Find where an introduction ends whose quote goes on in the same row (Yahoo on phones)."""
    found = _RUN_ON.match(row)
    if found is None or is_quoted(row):
        return 0
    span = introduction_ending_at([plain(found[0])], 0)
    return found.end() if span and span.certain and span.rank == Introduction.DATED else 0


def broken_off(rows: Sequence[str]) -> frozenset[int]:
    """Give the numbers of rows without a quote sign that are the rest of the quoted row above.

    Such programs break quoted lines again and put no sign before the rest.
    """
    between = [
        at
        for at in range(1, len(rows) - 1)
        if rows[at].strip()
        and not is_quoted(rows[at])
        and is_quoted(rows[at - 1])
        and is_quoted(rows[at + 1])
    ]
    broken = [at for at in between if _goes_on(rows[at - 1].rstrip(), rows[at])]
    links = frozenset(at for at in between if _is_rest_of_link(rows[at - 1].rstrip(), rows[at]))
    return links.union(broken) if len(broken) >= _FEWEST_BROKEN else links


def _goes_on(above: str, row: str) -> bool:
    """Tell whether the row above is full and its sentence goes on here."""
    first = row.split(" ", 1)[0]
    full = _NARROWEST <= len(above) <= _WIDEST < len(above) + 1 + len(first) + _WIDEST - _NARROWEST
    return full and row[0].islower() and not above.endswith(_SENTENCE_ENDS)


def _is_rest_of_link(above: str, row: str) -> bool:
    """Tell whether a row is a link in brackets, or what is missing of one."""
    if _LINK_ALONE.match(row):
        return True
    rest = row.strip()
    return _OPEN_LINK.search(above) is not None and " " not in rest and rest.endswith((")", ">"))
