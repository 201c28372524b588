"""Dates that the RFC's grammar refuses, read all the same: what programs of all lands write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
# Abbreviations of other languages, where they differ; four letters where three are ambiguous.
_FOREIGN = {
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "avr": 4, "juin": 6, "juil": 7,
    "aoû": 8, "déc": 12, "ene": 1, "abr": 4, "ago": 8, "dic": 12, "gen": 1, "mag": 5, "giu": 6,
    "lug": 7, "set": 9, "ott": 10, "mrt": 3, "mei": 5, "out": 10, "fev": 2, "sty": 1, "lut": 2,
    "янв": 1, "фев": 2, "мар": 3, "апр": 4, "мая": 5, "май": 5, "июн": 6, "июл": 7, "авг": 8,
    "сен": 9, "окт": 10, "ноя": 11, "дек": 12,
    "kwi": 4, "maj": 5, "cze": 6, "lip": 7, "sie": 8, "wrz": 9, "paź": 10, "lis": 11, "gru": 12,
}  # fmt: skip
_ZONES = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "met": 60,
    "mez": 60, "cest": 120, "mest": 120, "mesz": 120, "eet": 120, "eest": 180, "msk": 180,
    "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480,
    "pdt": -420, "jst": 540, "kst": 540, "ist": 330, "aest": 600, "aedt": 660,
}  # fmt: skip
_COMMENT = re.compile(r"\([^()]*\)")
_DEEPEST_COMMENT = 4
_CLOCK = re.compile(
    r"(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:[.,]\d+)?(?:\s*([ap])\.?m\b)?", re.IGNORECASE
)
_DOTTED_CLOCK = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?![\d.])(?:\s*([ap])m\b)?")
_OFFSET = re.compile(r"(?:^|[\s\dA-Za-z:])([+-])\s?(\d{1,2})(?::?(\d{2}))?\b")
_ISO = re.compile(r"\b(\d{4})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})(?=\D|$)")
_ISO_BASIC = re.compile(r"\b(\d{4})(\d{2})(\d{2})T?(\d{2})(\d{2})(\d{2})?(?!\d)")
_DAY_OF_LOG = re.compile(r"(/\d{4}):(?=\d{1,2}:\d{2})")
"""28/Aug/2014:10:00, as web servers write it."""
_DAY_FIRST = re.compile(r"(\d{1,2})(?:\s|[-./])*([^\W\d_]{3,12})\.?(?:\s|[-./,])*(\d{2,4})\b")
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,12})\.?\s+(\d{1,2})(?!\d|:)")
_SHORT_YEAR_LAST = re.compile(
    r"([^\W\d_]{3,12})\.?\s+(\d{1,2})(?:,\s*|\s+)(\d{2})(?![\d:.]|\s*[ap]\.?m\b)", re.IGNORECASE
)
"""Nov 01 02, which is of 2002."""
_YEAR = re.compile(r"\b((?:19|20)\d{2})\b")
_NUMBERS = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{2,4})\b")
_WORD = re.compile(r"[A-Za-z]{1,4}\b")
_LONGEST = 200
_HALF_DAY = 12


def read_date(text: str) -> datetime | None:
    """Read a date and time from free text, with its offset (UTC when it names none)."""
    text = text[:_LONGEST]
    for _ in range(_DEEPEST_COMMENT):
        text = _COMMENT.sub(" ", text)
    text = _ISO_BASIC.sub(_spelt_out, _DAY_OF_LOG.sub(r"\1 ", text))
    clock = _CLOCK.search(text) or _DOTTED_CLOCK.search(text)
    day = _calendar_day(text[: clock.start()] if clock else text) or _calendar_day(text)
    if day is None:
        return None
    rest = text[clock.end() :] if clock else ""
    hour, minute, second = _time(clock)
    try:
        # 24:00 is the midnight that ends the day (ISO 8601).
        if (hour, minute, second) == (24, 0, 0):
            return datetime(*day, tzinfo=_zone(rest)) + timedelta(days=1)
        return datetime(*day, hour, minute, second, tzinfo=_zone(rest))
    except (ValueError, OverflowError):
        return None


def _spelt_out(basic: re.Match[str]) -> str:
    """Put separators into 20140708T143101 (ISO 8601, basic format)."""
    year, month, day, hour, minute, second = basic.groups(default="00")
    return f"{year}-{month}-{day} {hour}:{minute}:{second} "


def _time(clock: re.Match[str] | None) -> tuple[int, int, int]:
    if clock is None:
        return 0, 0, 0
    hour = int(clock[1])
    if clock[4] and hour <= _HALF_DAY:
        hour = hour % _HALF_DAY + (_HALF_DAY if clock[4] in "pP" else 0)
    return hour, int(clock[2]), min(int(clock[3] or 0), 59)


def _zone(text: str) -> timezone:
    if (offset := _OFFSET.search(text)) and int(offset[2]) < 24:  # noqa: PLR2004
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    for word in _WORD.findall(text):
        if word.lower() in _ZONES:
            return timezone(timedelta(minutes=_ZONES[word.lower()]))
    return UTC


def _calendar_day(text: str) -> tuple[int, int, int] | None:
    if iso := _ISO.search(text):
        return int(iso[1]), int(iso[2]), int(iso[3])
    for named in _DAY_FIRST.finditer(text):
        if month := _month(named[2]):
            return _year(named[3]), month, int(named[1])
    year = _YEAR.search(text)
    for named in _MONTH_FIRST.finditer(text):
        if year and (month := _month(named[1])):
            return int(year[1]), month, int(named[2])
    for named in _SHORT_YEAR_LAST.finditer(text):
        if month := _month(named[1]):
            return _year(named[3]), month, int(named[2])
    return _numbers(text)


def _numbers(text: str) -> tuple[int, int, int] | None:
    """Read 24.12.2026, 24/12/2026 or, where only that makes sense, 12/24/2026."""
    found = _NUMBERS.search(text)
    if not found:
        return None
    day, month = int(found[1]), int(found[3])
    if month > 12 >= day:  # noqa: PLR2004
        day, month = month, day
    return _year(found[4]), month, day


def _month(word: str) -> int:
    word = word.lower()
    for name in (word[:4], word[:3]):
        if name in _FOREIGN:
            return _FOREIGN[name]
        if name in _MONTHS:
            return _MONTHS.index(name) + 1
    return 0


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 2:  # noqa: PLR2004
        return year + (2000 if year < 50 else 1900)  # noqa: PLR2004
    return year + 1900 if year < 1000 else year  # noqa: PLR2004
