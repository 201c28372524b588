"""The header block (From, Sent, To, Subject) that Outlook and its kin put above a quote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailticket.quotation_languages import LABELS, Kind
from mailticket.quotation_marks import is_separator, names_original_message

LONGEST_LABEL = 40
MOST_LINES = 40
MOST_CONTINUATIONS = 8
"""Lines that one field, a long list of recipients for example, may be wrapped over."""

_FORWARDABLE = frozenset({"from", "sent", "date", "to", "subject"})
_RAW_FIELD = re.compile(
    r"(?:received|message-id|return-path|mime-version|dkim-signature|delivered-to): ", re.IGNORECASE
)
_FIELD = re.compile(r"[A-Za-z][A-Za-z-]{1,40}: ?\S")
_DIGIT = re.compile(r"\d")
_CLOCK = re.compile(r"(?<![\d.:])\d{1,2} ?[:.h∶時时시点點] ?\d{2}(?![\d.])")
_FULL_DATE = re.compile(r"(?:19|20)\d\d\b.{0,20}\d:\d\d|\d:\d\d.{0,40}\b(?:19|20)\d\d\b")
_STAMP = re.compile(r"(?:19|20)\d\d \d\d:\d\d:\d\d [+-]\d{4}\b")
"""A date as RFC 5322 writes it, which people do not."""
_MOST_LABELS_ON_A_LINE = 6
_MOST_WORDS_OF_LABEL = 3


@dataclass(slots=True)
class _Block:
    """The fields that are found so far."""

    values: dict[Kind, str] = field(default_factory=dict)
    last: Kind = "other"
    raw: bool = False
    """Holds fields that no program puts above a quote: somebody pasted it."""

    on_one_line: bool = False

    @property
    def when(self) -> str:
        return self.values.get("sent") or self.values.get("date") or ""

    def has(self, *kinds: Kind) -> bool:
        return all(kind in self.values for kind in kinds)


def label_of(line: str) -> tuple[Kind, str] | None:
    """Split a plain line ``Label: value`` into the label's kind and the value."""
    colon = line.find(":", 0, LONGEST_LABEL)
    if colon < 1:
        return None
    label = line[:colon].strip(" *_|>-•\"'").lower()
    value = line[colon + 1 :].strip(" *_|")
    kind = LABELS.get(label) or (_kind_in_two_languages(label) if "/" in label else None)
    return (kind, value) if kind else None


def _kind_in_two_languages(label: str) -> Kind | None:
    """Give the kind of ``from / de``, which both of its halves must have."""
    kinds = {LABELS.get(half.strip()) for half in label.split("/")}
    return kinds.pop() if len(kinds) == 1 else None


def header_block_at(lines: Sequence[str], first: int) -> bool:
    """Tell whether a header block starts at a plain line."""
    start = label_of(lines[first])
    if start is None or start[0] not in _FORWARDABLE:
        return False
    block = _read(lines, first)
    if block.raw or (block.on_one_line and not _FULL_DATE.search(block.when)):
        return False
    if _is_in_a_form(lines, first) and not block.has("sent"):
        return False
    return _is_header_block(block, _marked_above(lines, first), lines[first])


def _is_in_a_form(lines: Sequence[str], first: int) -> bool:
    """Tell whether a field that no mail has, ``Name: Ann``, stands just above."""
    above = lines[first - 1] if first else ""
    return _FIELD.match(above) is not None and label_of(above) is None


def is_evident_block_at(lines: Sequence[str], first: int) -> bool:
    """Tell whether the header block at a plain line is no form, and no header section as sent."""
    if first and _FIELD.match(lines[first - 1]):
        return False
    block = _read(lines, first)
    if block.has("from", "sent") or _marked_above(lines, first):
        return True
    return block.has("from", "date", "to", "subject")


def is_raw_field(line: str) -> bool:
    """Tell whether a plain line is a field that no program puts above a quote."""
    return _RAW_FIELD.match(line) is not None


def _read(lines: Sequence[str], first: int) -> _Block:
    """Collect labelled lines from ``first`` on; one blank line may stand between two of them."""
    block = _Block()
    strangers = 0
    blanks = 0
    for line in lines[first : first + MOST_LINES]:
        if not line:
            blanks += 1
            if blanks > 1:
                break
            continue
        if _RAW_FIELD.match(line):  # somebody pasted it: no program puts these above a quote
            block.raw = True
            break
        found = label_of(line)
        if found is None and (blanks or strangers >= MOST_CONTINUATIONS):
            break
        if found is None:
            strangers += 1
            block.values[block.last] = f"{block.values.get(block.last, '')} {line}"[:500]
            continue
        if found[0] in block.values and found[0] not in ("other", "cc"):
            break
        strangers = blanks = 0
        block.last = found[0]
        block.values[found[0]] = found[1]
    if len(block.values) == 1:
        block.values = dict(_fields_of(lines[first]))
        block.on_one_line = len(block.values) > 1
    return block


def _fields_of(line: str) -> Iterator[tuple[Kind, str]]:
    """Give the fields of a line on which a program has put several ("From: a Date: b")."""
    for _ in range(_MOST_LABELS_ON_A_LINE):
        found = label_of(line)
        if found is None:
            return
        start = _next_label(line)
        yield found[0], line[line.index(":") + 1 : start].strip(" *_|")
        line = line[start:]


def _next_label(line: str) -> int:
    """Find where a second label begins on a line, capitalised as programs do; the end if none."""
    first = line.index(":")
    colon = line.find(":", first + 1)
    for _ in range(_MOST_LABELS_ON_A_LINE):
        if colon < 0:
            break
        words = line[first + 1 : colon].rsplit(" ", _MOST_WORDS_OF_LABEL)[1:]
        for number in range(len(words), 0, -1):
            label = " ".join(words[-number:])
            if LABELS.get(label.strip(" *_|").lower(), "other") != "other" and label[0].isupper():
                return colon - len(label)
        colon = line.find(":", colon + 1)
    return len(line)


def _marked_above(lines: Sequence[str], first: int) -> bool:
    """Tell whether a line of dashes or "Original Message" stands just above."""
    for line in reversed(lines[max(0, first - 3) : first]):
        if line:
            return is_separator(line) or names_original_message(line)
    return False


def _is_header_block(block: _Block, marked: bool, line: str) -> bool:
    """Weigh the fields: a form with From, To and Date of a journey is none."""
    address = any("@" in value for value in block.values.values())
    dated = _DIGIT.search(block.when) is not None
    if block.has("from", "sent"):
        return dated or block.has("to") or block.has("subject")
    if block.has("from", "date"):
        told = block.has("to", "subject") and _CLOCK.search(block.when) is not None
        return dated and (marked or address or told)
    if block.has("from", "to", "subject"):
        return address or marked
    if block.has("date", "to") and address and _STAMP.search(block.when):
        return True
    if marked and block.has("from"):
        return len(block.values) > 1
    return line.startswith("TO:") and block.has("to", "cc") and address
