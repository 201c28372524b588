"""The new part of a plain-text body."""

from __future__ import annotations

from dataclasses import replace

from mailticket.options import Quoting
from mailticket.patterns import normalise
from mailticket.quotation_glued import broken_off, unglued_rows
from mailticket.quotation_line import Line, Old
from mailticket.quotation_lines import old_lines
from mailticket.quotation_marks import is_quoted
from mailticket.quotation_notes import block_in_text
from mailticket.quotation_settings import built_in, marked_lines, quotes_by_sign

MOST_LINES = 20_000
"""Lines that are looked at; what comes after shares their lot or stays."""


def split_text(
    text: str, quoting: Quoting, defects: list[str], *, answers: bool = True
) -> tuple[str, str]:
    """Split a body into what is new and what is old, each with its own line breaks."""
    text = normalise(text)
    rows = text.split("\n")
    signs = quotes_by_sign(quoting)
    if signs:
        rows = list(unglued_rows(rows))
    broken = broken_off(rows[:MOST_LINES]) if signs else frozenset()
    lines = [
        Line(row, quoted=signs and (is_quoted(row) or at in broken))
        for at, row in enumerate(rows[:MOST_LINES])
    ]
    sets = built_in(quoting)
    if sets.header_blocks and (notes := block_in_text(rows[:MOST_LINES])) is not None:
        lines[notes] = replace(lines[notes], starts_old_message=True)
    old = old_lines(marked_lines(lines, quoting, defects), sets, answers=answers)
    if not old:
        return text, ""
    if old.end < len(lines):
        old = replace(old, lines=old.lines.union(range(old.end, len(rows))))
    return _joined(rows, old), "\n".join(row for at, row in enumerate(rows) if at in old.lines)


def _joined(rows: list[str], old: Old) -> str:
    """Join what stays; where something was cut, at most one blank line remains."""
    kept: list[str] = []
    cut = False
    for at, row in enumerate(rows):
        if at in old.lines:
            cut = True
        elif row.strip() or not (cut and kept and not kept[-1].strip()):
            kept.append(row)
            cut = cut and not row.strip()
    return "\n".join(kept).strip("\n")
