"""The line or lines that a mail program puts above a quote: who wrote it, and when.

All patterns are linear: they run on lines that were cut, and contain no nested quantifier. Lines
come as ``quotation_marks.plain`` makes them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise

from mailticket import quotation_languages as languages
from mailticket.quotation_marks import OUTER_DASHES

_LONGEST_INTRODUCTION = 400
_LONGEST_JOINED = 2 * _LONGEST_INTRODUCTION
"""Characters of joined lines beyond which they introduce nothing."""
_MOST_LINES_WRAPPED = 5
_MOST_LINES_BROKEN = 6
"""Lines of an introduction whose address a program has put on lines of its own."""
_WRAPPED_AT = 55  # below that few programs break a line
_LONGEST_DATE = 16  # "Am 26.5.2017" on a line of its own
_MOST_WORDS_OF_NAME = 7
"""Words behind "wrote" that may be a name; more are a sentence that somebody wrote."""
_MOST_LITTLE_WORDS = 8
"""Words of an introduction that are neither a name nor its verb: months, "at", "o'clock"."""

_MOST_WORDS_OF_ZONE = 2
"""Words behind a clock: "p.m.", "o'clock", a zone of time."""

_CLOCK = re.compile(r"(?<![\d.:])\d{1,2} ?[:.h∶] ?\d{2}(?![\d./])")
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}|\d ?[年년]|\d ?[月월]"
)
_MAIL = re.compile(r"[^\s<>@]@[^\s<>@]|<[^<>]{1,200}>")
_VERB = re.compile(
    rf"(?<!\w)(?:{'|'.join(languages.WROTE)})(?!\w)|{languages.WROTE_UNSPACED}", re.IGNORECASE
)
_FIRST_PERSON = re.compile(rf"(?<![\w@.])(?:{languages.FIRST_PERSON})(?!\w)")
_WORD_WITH_AT = re.compile(r"[^\s<>]*@[^\s<>]*")
_ENDS_WITH_ADDRESS = re.compile(r"<[^<>\s]+@[^<>\s]+>\)?$")
_BRACKETED_ADDRESS = re.compile(r"<[^<>\s]+@[^<>\s]+>")
_OPENING = re.compile(rf"(?:{languages.OPENINGS})(?![^\W\d_])", re.IGNORECASE)
_DATE_FIRST = re.compile(
    rf"[(\[]?(?:\d{{1,4}}[./\-年년 ]|\d{{1,2}}:\d\d|(?:{languages.WEEKDAYS_AND_MONTHS})[.,]* ?\d"
    rf"|(?:{languages.WEEKDAYS_AND_MONTHS})[.,]+ |(?![!-~])[^\s\d]{{1,12}}[.,] ?\d)",
    re.IGNORECASE,
)
_GMT_INTRODUCTION = re.compile(r"\d{4}-\d\d?-\d\d? \d\d?:\d\d GMT[+-]\d\d?:?\d\d ")
_DATE_AND_ADDRESS = re.compile(r"\d{4}[/-]\d{1,2}[/-]\d{1,2} [^<>]{1,100}< ?[^<>@ ]+@[^<>@ ]+>:?$")
_ADDRESS_ALONE = re.compile(r"[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+ $")
_ADDRESS_AND_VERB = re.compile(
    rf"(?<![^<>\s])[^<>\s@]+@[^<>\s@]+>[\"']? (?:{'|'.join(languages.WROTE)})$", re.IGNORECASE
)
"""How a line ends where the program leaves the colon out."""
_ADDRESS_LAST = re.compile(r"(?<![^\s,])[^\s<>@,]+@[^\s<>@,]+\.[^\s<>@,]+ $")
_ARTICLE = re.compile(
    r"(?:the|an?|der|die|das|eine?|les?|une?|el|los|las|il|lo|gli|um|uma|het|een)(?!\w)",
)
_LITTLE_WORD = re.compile(r"(?<![\w@.<])[^\W\d_A-ZÀ-ÖØ-Þ]\w*(?![\w@])")


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


def ends_like_introduction(line: str) -> bool:
    """Tell whether a plain line may be the last one of an introduction."""
    return (
        line.endswith((":", "--", "...", ">"))
        or line.rstrip(OUTER_DASHES + ".…\"'").endswith(":")
        or bool(_GMT_INTRODUCTION.match(line) or _DATE_AND_ADDRESS.match(line))
        or _ends_bare(line)
    )


def _is_ended(line: str, below: str) -> bool:
    """Tell whether a line belongs to nothing below it; a colon alone there may be its own."""
    if line.endswith((":", ";", "!", "?")):
        return True
    return below != ":" and _ends_bare(line)


def _ends_bare(line: str) -> bool:
    """Tell whether a line ends with an address and a verb, the colon left out."""
    return "@" in line and _ADDRESS_AND_VERB.search(line) is not None


def introduction_ending_at(lines: Sequence[str], last: int) -> Span | None:
    """Find the introduction whose last line is ``last``, wrapped over up to five plain lines."""
    best: Span | None = None
    joined, below, chained = "", "", True
    for first in _upwards(lines, last):
        if below and _is_ended(lines[first], joined):
            break
        lower, joined = joined, f"{lines[first]} {joined}".strip()
        if len(joined) > _LONGEST_JOINED:
            break
        rank, certain = _rank(joined)
        completes = rank == Introduction.DATED and _starts_dated(lines[first])
        if below and not completes and not _may_wrap(lines[first], below, rank):
            chained = False
        below = lines[first]
        wins = chained and (best is None or rank > best.rank)
        if rank and (wins or (lower and _completes(lines[first : last + 1], lower, joined))):
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
    if _opens_address(below) or above.endswith(("<", ",", "(")) or _VERB.match(below):
        return True
    if rank == Introduction.DATED and _starts_dated(above):
        return True
    return len(above) + len(below.split(" ", 1)[0]) > _WRAPPED_AT


def _completes(lines: Sequence[str], lower: str, joined: str) -> bool:
    """Tell whether the first of these lines is what an introduction in a narrow window lacks.

    ``lower`` is what the others say: a date, a clock, a verb or an address must be missing there.
    """
    gained = _marks(joined) - _marks(lower)
    if gained == {"date"} and len(lines[0]) <= _LONGEST_DATE and _starts_dated(lines[0]):
        return True
    if not gained or not _breaks_evenly(lines) or not _is_terse(joined):
        return False
    upper = lines[0]
    if _starts_dated(upper):
        return True
    verb = _last_verb(upper)
    if verb is not None and "verb" in gained:
        return "mail" in gained or _names_only(upper[: verb.start()])
    if "mail" in gained and _MAIL.search(upper):
        return not upper.endswith(">") and "@" not in upper.rsplit(" ", 1)[-1]
    return gained.issuperset(("date", "clock")) and "verb" not in _marks(joined)


def _marks(text: str) -> frozenset[str]:
    """List what tells an introduction from other words."""
    marks = {"verb": _VERB, "date": _DATE, "clock": _CLOCK, "mail": _MAIL}
    return frozenset(name for name, pattern in marks.items() if pattern.search(text))


def _breaks_evenly(lines: Sequence[str]) -> bool:
    """Tell whether no line had room for the first word of the next one."""
    width = max(map(len, lines))
    return all(
        len(line) + 1 + len(below.split(" ", 1)[0]) > width for line, below in pairwise(lines)
    )


def _is_terse(text: str) -> bool:
    """Tell whether a text is little more than names, figures and a verb, and not about oneself."""
    words = _VERB.sub("", _WORD_WITH_AT.sub("", text))
    if _tells_of_himself(text):
        return False
    return sum(1 for _ in _LITTLE_WORD.finditer(words)) <= _MOST_LITTLE_WORDS


@lru_cache(maxsize=1024)  # HTML asks twice: for its elements, and for its rows
def _rank(text: str) -> tuple[Introduction, bool]:
    """Judge some joined lines: how surely they introduce, and whether unquoted text may follow."""
    bare = text[-1:].isalpha()  # without a colon only a whole date speaks for it
    text = text.strip(OUTER_DASHES)
    if text.count(">") > text.count("<"):
        return Introduction.NO, False
    if _GMT_INTRODUCTION.match(text) or _DATE_AND_ADDRESS.match(text):
        return Introduction.DATED, bool(_GMT_INTRODUCTION.match(text)) or text.endswith(":")
    body = text.rstrip(OUTER_DASHES + ":.…\"'")
    verb = _last_verb(body)
    if verb is not None:
        rank, certain = _rank_with_verb(body, verb)
        if bare and rank < Introduction.DATED:
            named = rank == Introduction.NAME_FIRST and body.endswith(verb[0])
            return (Introduction.ABOVE_A_QUOTE, False) if named else (Introduction.NO, False)
        return rank, certain
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
    told = (clock and bool(_DATE.search(text))) or "<" in text
    before = text[: verb.start()]
    told = told or bool(_ADDRESS_ALONE.match(before) or (dated and _ADDRESS_LAST.search(before)))
    certain = told and not _is_prose(text, verb)
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
    if len(text) > _LONGEST_INTRODUCTION or _tells_of_himself(text):
        return True
    if "@" not in text and _is_about_a_thing(text, verb):
        return True
    named = _MAIL.search(rest) or _DATE.search(rest)
    return len(rest.split()) > _MOST_WORDS_OF_NAME and not named


def _is_about_a_thing(text: str, verb: re.Match[str]) -> bool:
    """Tell whether an article opens the name, or more words follow date and verb than a zone."""
    digits = [at for at, character in enumerate(text) if character.isdigit()]
    before = [at for at in digits if at < verb.start()]
    name = text[before[-1] + 1 : verb.start()] if before else ""
    if _ARTICLE.match(name.lstrip(" ,.")) or _ARTICLE.match(text[verb.end() :].lstrip()):
        return True
    tail = text[digits[-1] + 1 :] if digits and digits[-1] > verb.end() else ""
    return sum(1 for _ in _LITTLE_WORD.finditer(tail)) > _MOST_WORDS_OF_ZONE


def _tells_of_himself(text: str) -> bool:
    """Tell whether a word such as "I" stands outside of addresses and of the verb itself."""
    return _FIRST_PERSON.search(_VERB.sub("", _WORD_WITH_AT.sub("", text))) is not None


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
