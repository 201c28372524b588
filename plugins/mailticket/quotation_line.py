"""One line of a body with what is known of it, before and after it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailticket.quotation_marks import is_quoted


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a body."""

    text: str
    quoted: bool = False
    """Begins with a quote sign, or lies in a container of quoted HTML."""
    certain: bool = False
    """Quoted whatever stands around it: a container, or a pattern that an operator set."""
    attribution: bool = False
    """A mail program, or an operator's pattern, says that it introduces a quote."""
    starts_old_message: bool = False
    """A mail program, or an operator's pattern, says that all from here on is old."""
    media: bool = False
    """Shows an image or the like."""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """Which of the built-in sets are in force."""

    introductions: bool = True
    header_blocks: bool = True


@dataclass(frozen=True, slots=True)
class Old:
    """The numbers of the lines that are old; from ``end`` on all are, images included."""

    lines: frozenset[int]
    end: int

    def __bool__(self) -> bool:
        return bool(self.lines)


def text_line(row: str) -> Line:
    """Make a line of plain text."""
    return Line(row, quoted=is_quoted(row))


def next_shown(shown: Sequence[bool]) -> list[int]:
    """Give for each line the number of the next one that is not blank."""
    numbers, found = [0] * len(shown), len(shown)
    for at in range(len(shown) - 1, -1, -1):
        numbers[at] = found
        if shown[at]:
            found = at
    return numbers
