"""What a single line says: quoted, nothing but dashes, original message, forwarded message.

All patterns are linear: they run on lines cut to ``LONGEST`` characters and contain no nested
quantifier. Lines come as ``plain`` makes them.
"""

from __future__ import annotations

import re
import unicodedata

from mailticket import quotation_languages as languages

LONGEST = 2000
"""Characters of a line that are looked at."""
_LONGEST_MARK = 120
OUTER_DASHES = "-_=*~‐‑‒–—―─━­+ "

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_GROUPWISE = re.compile(r">>> .{1,200}\d[:.]\d\d.{0,20} >>>$")
_QUOTE_SIGN = re.compile(r"[ \t]{0,3}>")
_TAIL_OF_INTRODUCTION = re.compile(r"> ?[^>]{0,40}:$")
_GLUED_ORIGINAL = re.compile(r"[-_=*]{4,} ?([^-_=*]{5,60}?) ?[-_=*]{4,}[^\W\d_]")
"""``---- Original Message ----From: …``, as HTML that lost its line breaks says."""
_TWO_LANGUAGES = re.compile(r"/|-{3}")
"""Between the words of the program's language and the same in English."""
_DAVID = "original message processed by david"
_ORIGINAL = frozenset(languages.ORIGINAL_MESSAGE.split("|"))
_FORWARDED = frozenset(languages.FORWARDED_MESSAGE.split("|"))


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
    return len(line) > 1 and not line.strip(OUTER_DASHES)


def _between_dashes(line: str) -> str:
    """Give the lower-case words of ``----- Words -----``, ``""`` when no dashes stand before."""
    words = line.strip(OUTER_DASHES)
    return _folded(words) if words and line[:1] in OUTER_DASHES and line[:1] != "+" else ""


def is_original_message(line: str) -> bool:
    """Tell whether a plain line is ``-----Original Message-----`` in any language, or its like."""
    if line.startswith(">>> "):
        return _GROUPWISE.match(line) is not None
    if line.strip("[*> ").lower().startswith(_DAVID):
        return len(line) < _LONGEST_MARK
    glued = _GLUED_ORIGINAL.match(line)
    if glued is not None:
        return _folded(glued[1]) in _ORIGINAL
    return len(line) < _LONGEST_MARK and _between_dashes(line).strip(":[]| ") in _ORIGINAL


def names_original_message(line: str) -> bool:
    """Tell whether a plain line is ``Original Message``, with or without dashes."""
    return len(line) < _LONGEST_MARK and _folded(line.strip(OUTER_DASHES + ":[]|")) in _ORIGINAL


def is_forwarded_message(line: str) -> bool:
    """Tell whether a plain line opens a message that is passed on, at most one ``>`` before it."""
    line = line.removeprefix(">").strip()
    if len(line) > _LONGEST_MARK:
        return False
    if line.endswith(":") and _folded(line[:-1].strip(OUTER_DASHES)) in _FORWARDED:
        return True
    words = _between_dashes(line).strip(":[]| ")
    return bool(words) and any(part.strip() in _FORWARDED for part in _TWO_LANGUAGES.split(words))


def is_tail_of_introduction(line: str, above: str) -> bool:
    """Tell whether ``> wrote:`` closes an address that ``above`` opened, instead of quoting."""
    if not _TAIL_OF_INTRODUCTION.match(line):
        return False
    return above.count("<") > above.count(">")


def _folded(words: str) -> str:
    """Make words lower-case; the dotted capital I of Turkish leaves its dot behind."""
    return words.lower().replace("\u0307", "")
