"""What only a mail program writes: it tells a reply whose header section says nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from mailticket import quotation_languages as languages
from mailticket import quotation_programs as programs
from mailticket.quotation_headers import MOST_LINES, header_block_at
from mailticket.quotation_introduction import (
    Introduction,
    ends_like_introduction,
    introduction_ending_at,
)
from mailticket.quotation_marks import names_original_message

_ROW_ENDS_WITH_COLON = re.compile(r":(?:\s*(?:<|&gt;)|[ \t]*\r?\n)")
_LABEL = re.compile(r">\s*([^\W\d_][^<>:\n]{0,20})(?:</\w{1,8}>\s{0,4})?:")
_WORD = re.compile(r"\w+")
_LABELS = frozenset(
    label for label, kind in languages.LABELS.items() if kind in ("from", "sent", "date")
)
_UNSPACED = tuple(languages.WROTE_UNSPACED.replace("\\", "").split("|"))
_WROTE = frozenset(
    word
    for alternatives in languages.WROTE
    for each in alternatives.replace("\\", "").split("|")
    for word in _WORD.findall(each)
    if len(word) > 1
)
_LONGEST_ROW = 80
"""Characters before a colon among which somebody wrote."""
_MOST_ROWS = 2000
"""Rows that end with a colon, beyond which a parser is cheaper than looking at each."""
_MOST_WORDS = 4
_ARTICLE = re.compile(
    r"(?:the|an?|our|my|der|die|das|ein|le|la|un|el|il|o|os|een)\b", re.IGNORECASE
)
_MOST_LINES_OPENING = 3
"""Lines at the top of a quote that are looked at for who wrote it."""


def opens_with_introduction(quote: Sequence[str]) -> bool:
    """Tell whether the plain lines of a quote begin with who wrote it, or with its header."""
    inside = [text.lstrip("> ") for text in quote[:MOST_LINES]]
    spans = (
        introduction_ending_at(inside, at)
        for at, text in enumerate(inside[:_MOST_LINES_OPENING])
        if ends_like_introduction(text)
    )
    if any(span is not None and span.rank >= Introduction.NAME_FIRST for span in spans):
        return True
    if not inside:
        return False
    if names_original_message(inside[0]):
        return True
    # A title such as "Message du 05/05/26 12:04" may stand above the fields.
    return any(header_block_at(inside, at) for at in range(min(len(inside), 2)))


def is_name_and_verb(introduction: str) -> bool:
    """Tell ``Ann Lee wrote:``, all of it, from a sentence that leads to what somebody wrote."""
    words = introduction.rstrip(":. ").split()
    if not 1 < len(words) <= _MOST_WORDS or not words[0][0].isupper():
        return False
    return sum(word[0].islower() for word in words) <= 1 and not _ARTICLE.match(introduction)


def may_quote(html: str) -> bool:
    """Tell whether HTML may quote a message; no parser, so that ordinary mail costs little."""
    folded = html.lower().replace("\uff1a", ":")  # the wide colon of East Asia
    if any(name in folded for name in programs.CALLED_SO):
        return True
    if any(found[1].rstrip() in _LABELS for found in _LABEL.finditer(folded)):
        return True
    ends = [found.start() for found in islice(_ROW_ENDS_WITH_COLON.finditer(folded), _MOST_ROWS)]
    if len(ends) == _MOST_ROWS:
        return True
    return any(_says_wrote(folded[max(0, end - _LONGEST_ROW) : end]) for end in ends)


def _says_wrote(row: str) -> bool:
    if "@" in row or not _WROTE.isdisjoint(_WORD.findall(row)):
        return True
    return not row.isascii() and any(wrote in row for wrote in _UNSPACED)
