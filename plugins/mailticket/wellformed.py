"""Date and address fields that are beyond doubt: most are, and need no diagnosis."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d?) "
    rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ((?:19[7-9]|20\d)\d) "
    rb"(\d\d):(\d\d):(\d\d) (?!-0000)([+-])(\d\d)(\d\d)(?: \([A-Z]{3,5}\))?"
)
_ATOM = rb"[A-Za-z0-9_+-]{1,64}"
_ADDRESS = rb"%b(?:\.%b){0,9}@%b(?:\.%b){0,9}" % ((_ATOM,) * 4)
_WORDS = rb"%b(?: %b){0,9}" % (_ATOM, _ATOM)
_ENCODED = rb"=\?utf-8\?(?:q\?[A-Za-z0-9_=.'-]{1,60}|b\?[A-Za-z0-9+/]{1,60}={0,2})\?="
_QUOTED = rb'"[A-Za-z0-9 .,\'_+()-]{1,200}"'
_NAME = rb"(?:%b|%b|%b(?: %b){0,4})" % (_WORDS, _QUOTED, _ENCODED, _ENCODED)
_ONE = rb"(?:%b|(?:%b )?<%b>)" % (_ADDRESS, _NAME, _ADDRESS)
_LIST = re.compile(rb"%b(?:, ?%b){0,99}" % (_ONE, _ONE))
_LONGEST = 4000


def plain_date(written: bytes) -> datetime | None:
    """Read a date as RFC 5322 has it, in the offset that it names; None where it may not be one."""
    match = _DATE.fullmatch(written)
    if match is None:
        return None
    weekday, day, month, year, hour, minute, second, sign, hours, minutes = (
        each.decode("ascii").lower() for each in match.groups()
    )
    if int(hours) > 14 or int(minutes) > 59:  # noqa: PLR2004 - the offsets in use
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        zone = timezone(offset) if offset else UTC
        clock = (int(hour), int(minute), int(second))
        date = datetime(int(year), _MONTHS.index(month) + 1, int(day), *clock, tzinfo=zone)
    except ValueError:
        return None
    return date if _DAYS[date.weekday()] == weekday else None


def plain_addresses(fields: Iterable[bytes]) -> bool:
    """Tell whether each of these is a list of addresses as RFC 5322 and RFC 2047 have it."""
    return all(map(_is_plain, fields))


def _is_plain(field: bytes) -> bool:
    if len(field) > _LONGEST or not _LIST.fullmatch(field):
        return False
    return b"=?" not in field or all(map(_is_text, re.findall(_ENCODED, field)))


def _is_text(word: bytes) -> bool:
    _, _, encoding, payload, _ = word.split(b"?")
    try:
        octets = _undone(encoding, payload)
        text = octets.decode("utf-8")
    except ValueError:
        return False
    return text.isprintable() and not any(each in text for each in '"\\')


def _undone(encoding: bytes, payload: bytes) -> bytes:
    """Decode an encoded word; raises ``ValueError`` for a broken one."""
    if encoding == b"b":
        return binascii.a2b_base64(payload, strict_mode=True)
    return binascii.a2b_qp(payload, header=True)
