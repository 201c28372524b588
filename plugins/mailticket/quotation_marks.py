"""What a single line, or a few of them, say: introduction, header block, original, forwarded.

All patterns are linear: they run on lines cut to ``LONGEST`` characters and contain no nested
quantifier. Lines come as ``plain`` makes them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from mailticket import quotation_languages as languages

LONGEST = 2000
"""Characters of a line that are looked at."""
_LONGEST_MARK = 120
_LONGEST_INTRODUCTION = 400
_MOST_LINES_WRAPPED = 4
_MOST_LINES_BROKEN = 6
"""Lines of an introduction whose address a program has put on lines of its own."""
_WRAPPED_AT = 55
"""Characters below which no program breaks a line."""
_MOST_WORDS_OF_NAME = 7
"""Words behind "wrote" that may be a name; more are a sentence that somebody wrote."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DASHES = "-_=*~‐‑‒–—―─━­+ "
_CLOCK = re.compile(r"(?<![\d.:])\d{1,2} ?[:.h] ?\d{2}(?![\d.])")
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}|\d ?[年년]|\d ?[月월]"
)
_MAIL = re.compile(r"[^\s<>@]@[^\s<>@]|<[^<>]{1,200}>")
_VERB = re.compile(
    rf"(?<!\w)(?:{'|'.join(languages.WROTE)})(?!\w)|{languages.WROTE_UNSPACED}", re.IGNORECASE
)
_FIRST_PERSON = re.compile(rf"(?<![\w@.])(?:{languages.FIRST_PERSON})(?!\w)")
_WORD_WITH_AT = re.compile(r"[^\s<>]*@[^\s<>]*")
_ENDS_WITH_ADDRESS = re.compile(r"<[^<>\s]+@[^<>\s]+>$")
_BRACKETED_ADDRESS = re.compile(r"<[^<>\s]+@[^<>\s]+>")
_GROUPWISE = re.compile(r">>> .{1,200}\d[:.]\d\d.{0,20} >>>$")
_OPENING = re.compile(rf"(?:{languages.OPENINGS})(?![^\W\d_])", re.IGNORECASE)
_DATE_FIRST = re.compile(
    rf"[(\[]?(?:\d{{1,4}}[./\-年년 ]|\d{{1,2}}:\d\d|(?:{languages.WEEKDAYS_AND_MONTHS})[.,]* ?\d"
    rf"|(?:{languages.WEEKDAYS_AND_MONTHS})[.,]+ )",
    re.IGNORECASE,
)
_GMT_INTRODUCTION = re.compile(r"\d{4}-\d\d?-\d\d? \d\d?:\d\d GMT[+-]\d\d?:?\d\d ")
_DATE_AND_ADDRESS = re.compile(r"\d{4}[/-]\d{1,2}[/-]\d{1,2} [^<>]{1,100}<[^<>@ ]+@[^<>@ ]+>:?$")
_QUOTE_SIGN = re.compile(r"[ \t]{0,3}>")
_TAIL_OF_INTRODUCTION = re.compile(r"> ?[^>]{0,40}:$")
_ORIGINAL = frozenset(languages.ORIGINAL_MESSAGE.split("|"))
_FORWARDED = frozenset(languages.FORWARDED_MESSAGE.split("|"))


class Introduction(IntEnum):
    """How surely some lines introduce a quote."""

    NO = 0
    ABOVE_A_CONTAINER = 1
    """Only if quoted HTML follows."""
    ABOVE_A_QUOTE = 2
    """Only if quoted lines follow."""
    NAME_FIRST = 3
    DATED = 4
    """Date, name and verb, or date and address: what only a mail program writes."""


@dataclass(frozen=True, slots=True)
class Span:
    """Lines ``first`` to ``last``, both included, that are an introduction."""

    first: int
    last: int
    rank: Introduction
    certain: bool
    """An introduction even when what follows is not marked as quoted."""


def plain(line: str) -> str:
    """Give a line without invisible characters, compatibility forms, and outer or doubled space."""
    line = line[:LONGEST]
    if not line.isascii():
        line = unicodedata.normalize("NFKC", _INVISIBLE.sub("", line))
    return " ".join(line.split())


def is_quoted(line: str) -> bool:
    """Tell whether a raw line starts with ``>``, up to three spaces before it (RFC 3676, 4.5)."""
    return _QUOTE_SIGN.match(line) is not None


def is_separator(line: str) -> bool:
    """Tell whether a plain line is nothing but dashes, underscores and the like."""
    return len(line) > 1 and not line.strip(_DASHES)


def _between_dashes(line: str) -> str:
    """Give the lower-case words of ``----- Words -----``, ``""`` when no dashes stand before."""
    words = line.strip(_DASHES)
    return _folded(words) if words and line[:1] in _DASHES and line[:1] != "+" else ""


def is_original_message(line: str) -> bool:
    """Tell whether a plain line is ``-----Original Message-----`` in any language, or its like."""
    if line.startswith(">>> "):
        return _GROUPWISE.match(line) is not None
    return len(line) < _LONGEST_MARK and _between_dashes(line).strip(":[]| ") in _ORIGINAL


def names_original_message(line: str) -> bool:
    """Tell whether a plain line is ``Original Message``, with or without dashes."""
    return len(line) < _LONGEST_MARK and _folded(line.strip(_DASHES + ":[]|")) in _ORIGINAL


def is_forwarded_message(line: str) -> bool:
    """Tell whether a plain line opens a message that is passed on, at most one ``>`` before it."""
    line = line.removeprefix(">").strip()
    if len(line) > _LONGEST_MARK:
        return False
    if line.endswith(":") and _folded(line[:-1].strip(_DASHES)) in _FORWARDED:
        return True
    words = _between_dashes(line).strip(":[]| ")
    return bool(words) and any(part.strip() in _FORWARDED for part in words.split("/"))


def is_tail_of_introduction(line: str, above: str) -> bool:
    """Tell whether ``> wrote:`` closes an address that ``above`` opened, instead of quoting."""
    if not _TAIL_OF_INTRODUCTION.match(line):
        return False
    return above.count("<") > above.count(">")


def ends_like_introduction(line: str) -> bool:
    """Tell whether a plain line may be the last one of an introduction."""
    return (
        line.endswith((":", "--", "..."))
        or line.rstrip(_DASHES + ".…\"'").endswith(":")
        or bool(_GMT_INTRODUCTION.match(line) or _DATE_AND_ADDRESS.match(line))
    )


def introduction_ending_at(lines: Sequence[str], last: int) -> Span | None:
    """Find the introduction whose last line is ``last``, wrapped over up to four plain lines."""
    best: Span | None = None
    joined, below = "", ""
    for first in _upwards(lines, last):
        joined = f"{lines[first]} {joined}".strip()
        if len(joined) > LONGEST:
            break
        rank, certain = _rank(joined)
        completes = rank == Introduction.DATED and (best is None or best.rank < rank)
        if below and not completes and not _may_wrap(lines[first], below, rank):
            break
        below = lines[first]
        if rank and (best is None or rank > best.rank):
            best = Span(first, last, rank, certain)
    return best


def _upwards(lines: Sequence[str], last: int) -> list[int]:
    """List up to six line numbers from ``last`` upwards; a blank line ends, save next to ``<``."""
    found = [last]
    at = last - 1
    while at >= 0 and len(found) < _MOST_LINES_BROKEN:
        below = lines[found[-1]]
        if lines[at]:
            if len(found) >= _MOST_LINES_WRAPPED and not _opens_address(below):
                break
            found.append(at)
        elif not _opens_address(below) or at == 0 or not lines[at - 1]:
            break
        at -= 1
    return found


def _opens_address(line: str) -> bool:
    return line.startswith(("<", ">", "mailto:"))


def _may_wrap(above: str, below: str, rank: Introduction) -> bool:
    """Tell whether ``above`` may be a line of the same introduction as ``below``."""
    if above.endswith((":", ";", "!", "?")):
        return False
    if _opens_address(below) or above.endswith(("<", ",", "(")) or _VERB.match(below):
        return True
    if rank == Introduction.DATED and _starts_dated(above):
        return True
    return len(above) + len(below.split(" ", 1)[0]) > _WRAPPED_AT


def _rank(text: str) -> tuple[Introduction, bool]:
    """Judge some joined lines: how surely they introduce, and whether unquoted text may follow."""
    text = text.strip(_DASHES)
    if text.count(">") > text.count("<"):
        return Introduction.NO, False
    if _GMT_INTRODUCTION.match(text) or _DATE_AND_ADDRESS.match(text):
        return Introduction.DATED, bool(_GMT_INTRODUCTION.match(text)) or text.endswith(":")
    body = text.rstrip(_DASHES + ":.…\"'")
    verb = _last_verb(body)
    if verb is not None:
        return _rank_with_verb(body, verb)
    return _rank_without_verb(body, colon=text.endswith(":"))


def _rank_without_verb(text: str, *, colon: bool) -> tuple[Introduction, bool]:
    clock, mail = bool(_CLOCK.search(text)), bool(_MAIL.search(text))
    starts_dated = _starts_dated(text)
    if starts_dated and mail and (clock or _DATE.search(text)):
        return Introduction.DATED, clock and colon and bool(_ENDS_WITH_ADDRESS.search(text))
    if starts_dated and colon and clock:
        return Introduction.ABOVE_A_QUOTE, False
    if colon and _BRACKETED_ADDRESS.search(text):
        return Introduction.ABOVE_A_QUOTE, False
    if colon and (mail or starts_dated):
        return Introduction.ABOVE_A_CONTAINER, False
    return Introduction.NO, False


def _last_verb(text: str) -> re.Match[str] | None:
    verbs = deque(_VERB.finditer(text), maxlen=1)
    return verbs.pop() if verbs else None


def _rank_with_verb(text: str, verb: re.Match[str]) -> tuple[Introduction, bool]:
    clock, mail = bool(_CLOCK.search(text)), bool(_MAIL.search(text))
    dated = clock or bool(_DATE.search(text))
    certain = ((clock and bool(_DATE.search(text))) or "<" in text) and not _is_prose(text, verb)
    if dated and _starts_dated(text):
        return Introduction.DATED, certain
    if dated and mail:
        return Introduction.DATED, certain and not text.startswith("<")
    if mail and not text.startswith("<"):
        return Introduction.NAME_FIRST, certain
    return Introduction.ABOVE_A_QUOTE, certain and _names_only(text[: verb.start()])


def _is_prose(text: str, verb: re.Match[str]) -> bool:
    """Tell whether a person may have written this: about himself, at length, or on and on."""
    rest = text[verb.end() :]
    if len(text) > _LONGEST_INTRODUCTION or _FIRST_PERSON.search(_WORD_WITH_AT.sub("", text)):
        return True
    named = _MAIL.search(rest) or _DATE.search(rest)
    return len(rest.split()) > _MOST_WORDS_OF_NAME and not named


def _names_only(text: str) -> bool:
    """Tell whether every word could be a name's (Lotus Notes writes no address)."""
    names = text.split()
    return 0 < len(names) < _MOST_WORDS_OF_NAME and not any(word[0].islower() for word in names)


def _starts_dated(text: str) -> bool:
    """Tell whether a date stands at the start, or after an opening word such as "On"."""
    if _DATE_FIRST.match(text):
        return True
    opening = _OPENING.match(text)
    return opening is not None and any(c.isdigit() for c in text[: opening.end() + 60])


def _folded(words: str) -> str:
    """Make words lower-case; the dotted capital I of Turkish leaves its dot behind."""
    return words.lower().replace("\u0307", "")
