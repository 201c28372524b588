"""The operator's patterns (SPEC 1.3, 3.6), applied to lines beside the built-in sets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

from mailticket.options import PatternSet, Quoting
from mailticket.patterns import Pattern, compile_pattern
from mailticket.quotation_line import BuiltIn, Line
from mailticket.quotation_marks import plain

MOST_LINES = 5000
"""Lines that an operator's line patterns are tried on; a quote begins long before."""
LONGEST_LINE = 1000
MOST_TEXT = 50_000
"""Characters that an operator's multi-line patterns are tried on."""


def built_in(quoting: Quoting) -> BuiltIn:
    """Tell which built-in sets the operator left in force."""
    return BuiltIn(
        introductions=quoting.introductory.instead is None,
        header_blocks=quoting.multiline_delimiter.instead is None,
    )


def quotes_by_sign(quoting: Quoting) -> bool:
    """Tell whether a line that begins with ``>`` is quoted."""
    return quoting.delimiter.instead is None


def marked_lines(lines: Sequence[Line], quoting: Quoting, defects: list[str]) -> list[Line]:
    """Mark the lines that the operator's patterns find."""
    marked = list(lines)
    _mark_delimiters(marked, _compiled(quoting.delimiter, defects), defects)
    _mark_introductions(marked, _compiled(quoting.introductory, defects), defects)
    _mark_old_message(marked, _compiled(quoting.multiline_delimiter, defects), defects)
    return marked


def _compiled(patterns: PatternSet, defects: list[str]) -> list[Pattern]:
    compiled = []
    for text in (*(patterns.instead or ()), *patterns.added):
        try:
            compiled.append(compile_pattern(text))
        except ValueError as error:  # the configuration refuses it: this one came another way
            defects.append(f"the pattern {text[:80]} was left out: {error}")
    return compiled


def _matching(
    lines: Sequence[Line],
    patterns: Sequence[Pattern],
    seen: Callable[[Line], str],
    defects: list[str],
) -> list[int]:
    """Give the numbers of the lines that one of the patterns matches.

    A pattern that was cut off once is not tried again: each cut costs its full measure of steps.
    """
    texts = [seen(line)[:LONGEST_LINE] for line in lines[:MOST_LINES]] if patterns else []
    matching: set[int] = set()
    for pattern in patterns:
        cut_off: list[str] = []
        for at, text in enumerate(texts):
            if pattern.search(text, cut_off) is not None:
                matching.add(at)
            if cut_off:
                break
        defects.extend(sentence for sentence in cut_off if sentence not in defects)
    return sorted(matching)


def _mark_delimiters(lines: list[Line], patterns: Sequence[Pattern], defects: list[str]) -> None:
    for at in _matching(lines, patterns, lambda line: line.text, defects):
        lines[at] = replace(lines[at], quoted=True, certain=True)


def _mark_introductions(lines: list[Line], patterns: Sequence[Pattern], defects: list[str]) -> None:
    for at in _matching(lines, patterns, lambda line: plain(line.text), defects):
        below = next((line for line in lines[at + 1 :] if line.media or plain(line.text)), None)
        if below is None or below.quoted or below.starts_old_message:
            lines[at] = replace(lines[at], attribution=True)


def _mark_old_message(lines: list[Line], patterns: Sequence[Pattern], defects: list[str]) -> None:
    if not patterns:
        return
    starts = list(accumulate((len(line.text) + 1 for line in lines), initial=1))
    text = ("\n" + "\n".join(line.text for line in lines))[:MOST_TEXT]
    found = [match for pattern in patterns if (match := pattern.search(text, defects))]
    if not found:
        return
    start = min(match.start for match in found)
    while start < len(text) - 1 and text[start] == "\n":
        start += 1
    at = min(bisect_right(starts, start) - 1, len(lines) - 1)
    lines[at] = replace(lines[at], starts_old_message=True)
