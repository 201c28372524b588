"""Readers: each turns one value as an operator wrote it into what the code works with.

A reader raises ``Wrong`` (or another ``ValueError``) with a plain sentence that says what is
allowed. Lists and objects have their readers in ``config_lists.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from mailticket import sizes
from mailticket.patterns import compile_pattern

MAX_TEXT = 20_000
MAX_LINE = 998  # RFC 5322, 2.1.1

Reader = Callable[[object], Any]
Constant = str | int | float | bool

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ADDRESS = re.compile(
    r"(?P<name>[^<>\x00-\x1f\x7f]*<)?"
    r"[^\s@<>(),;:\"\\\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\"\\\x00-\x1f\x7f]{1,255}"
    r"(?(name)>)"
)
_TYPE = r"[a-z0-9*][a-z0-9!#$&^_.+*-]*"
_ATTACHMENT = re.compile(rf"{_TYPE}/{_TYPE}|(?:\*?\.)?[a-z0-9_+~-]{{1,30}}")
_HTML_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)?")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#]|file:///")
_CREDENTIALS = re.compile(r"[^/]*//[^/@]*:[^/]*@")
_FIELD = r"[A-Za-z_][A-Za-z0-9_]{0,62}"


class Place(NamedTuple):
    """Where inside a value something is wrong (``[2]``, ``.caller_id``), what it is, the cure."""

    path: str
    value: object
    allowed: str


class Wrong(ValueError):
    """A value that is not allowed; ``places``, if any, are what inside it is at fault."""

    def __init__(self, allowed: str, *places: Place) -> None:
        self.places = places
        super().__init__(allowed)


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Wrong("write true or false, without quotes")
    return value


def whole(low: int, high: int, unit: str = "") -> Reader:
    """Read a whole number within bounds."""
    allowed = f"write a whole number{unit and f' of {unit}'} from {low} to {high}, without quotes"

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(allowed)
        return value

    return read


def seconds(value: object) -> float:
    """Read a time that one message may take."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:  # noqa: PLR2004
        raise Wrong("write a number of seconds above 0, up to 3600, without quotes")
    return value


def size(low: int, high: int = sizes.CEILING) -> Reader:
    """Read bytes, ``10M`` or a number, within bounds."""
    return _amount(sizes.size_of, sizes.short_size, low, high)


def count(low: int, high: int) -> Reader:
    """Read a number, ``50M`` or in full, within bounds."""
    return _amount(sizes.count_of, str, low, high)


def email_size(value: object) -> int:
    """Read the biggest size of a mail; 0 stands for the ceiling."""
    try:
        return size(1)(value) if value not in (0, "0") or value is False else sizes.CEILING
    except ValueError:
        raise Wrong(
            "write a size up to the ceiling of 256M, such as 10M or 100K; 0 means the ceiling"
        ) from None


def pixels(value: object) -> sizes.Pixels:
    """Read width and height."""
    if isinstance(value, sizes.Pixels):
        return value
    if not isinstance(value, str):
        raise Wrong("write width and height in quotes, as in 100x20")
    return sizes.pixels_of(value)


def rate(value: object) -> sizes.Rate:
    """Read a storm cap."""
    if isinstance(value, sizes.Rate):
        return value
    if not isinstance(value, str):
        raise Wrong("write count/minutes in quotes, as in 20/120")
    return sizes.rate_of(value)


def text(value: object) -> str:
    """Read a text of one or more lines."""
    if not isinstance(value, str) or not value.strip():
        raise Wrong("write a text in quotes, or leave the field out")
    if len(value) > MAX_TEXT:
        raise Wrong(f"write {MAX_TEXT} characters at most")
    if _UNSTORABLE.search(value):
        raise Wrong("take out the NUL or the half of a surrogate pair")
    return value


def line(value: object) -> str:
    """Read a text of one line."""
    written = text(value)
    if len(written) > MAX_LINE or _CONTROL.search(written):
        raise Wrong(f"write one line of {MAX_LINE} characters at most, without control characters")
    return written


def short_line(longest: int) -> Reader:
    """Read a text of one line that a field of a ticket can take."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise Wrong(f"write 1 to {longest} characters in quotes")
        return line(value)

    return read


def like(expression: str, allowed: str) -> Reader:
    """Read a name of a certain form."""
    compiled = re.compile(expression)

    def read(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise Wrong(allowed)
        return value

    return read


def mail_address(value: object) -> str:
    """Read ``name@example.org`` or ``Name <name@example.org>``."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(line(value).strip()):
        raise Wrong("this is not a mail address; write name@example.org")
    return value.strip()


def bare_address(value: object) -> str:
    """Read ``name@example.org``."""
    if "<" in mail_address(value):
        raise Wrong("write the address alone, as in name@example.org")
    return str(value).strip()


def pattern(value: object) -> str:
    """Read a pattern that compiles."""
    if not isinstance(value, str):
        raise Wrong("write a pattern in quotes, as in /^Out of office/i")
    compile_pattern(value)
    return value


def html_tag(value: object) -> str:
    """Read ``blockquote`` or ``div.gmail_quote``."""
    if not isinstance(value, str) or not _HTML_TAG.fullmatch(value):
        raise Wrong("write a tag, or tag.class, as in blockquote or div.gmail_quote")
    return value


def attachment_type(value: object) -> str:
    """Read a MIME type, a wildcard, or a file extension; lower case."""
    written = value.strip().lower() if isinstance(value, str) else ""
    if not _ATTACHMENT.fullmatch(written):
        raise Wrong("write a MIME type, a wildcard or an extension: image/png, video/*, .exe")
    return written


def inbox_name(value: object) -> str:
    """Read an inbox's name."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or not value.strip("."):
        raise Wrong("write a name of up to 200 of the characters A-Z a-z 0-9 _ . - only")
    return value


def place_for_files(value: object) -> str:
    """Read an absolute path, or the URL of a folder in an object store, without credentials."""
    written = line(value)
    if _CREDENTIALS.match(written):
        raise Wrong(
            "take the password out of the URL; name an Airflow Connection: s3://conn@bucket"
        )
    if not written.startswith("/") and not _URL.match(written):
        raise Wrong(
            "write an absolute path or an object-store URL, as in /var/mail/big or s3://bucket"
        )
    return written


def one_of(*choices: str) -> Reader:
    """Read one word of a fixed set."""
    allowed = f"write one of {', '.join(choices)}"

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise Wrong(allowed)
        return value

    return read


def field_name(value: object) -> str:
    """Read the name of a column."""
    return str(like(_FIELD, "a field's name has letters, digits and _ only")(value))


def constant(value: object) -> Constant:
    """Read a constant for a field of a ticket or a person."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and len(value) <= MAX_TEXT and not _UNSTORABLE.search(value):
        return value
    raise Wrong("write a text, a number, true or false")


def _amount(
    read_short: Callable[[str], int], show: Callable[[int], str], low: int, high: int
) -> Reader:
    def read(value: object) -> int:
        amount = read_short(value) if isinstance(value, str) else value
        if isinstance(amount, bool) or not isinstance(amount, int) or not low <= amount <= high:
            raise Wrong(f"write a number from {show(low)} to {show(high)}")
        return amount

    return read
