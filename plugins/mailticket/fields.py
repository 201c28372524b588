"""A header section as raw fields (RFC 5322, 2.2): where it ends, unfolded, parameters split off."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from urllib.parse import unquote_to_bytes

from mailticket.charsets import codec_of, decode, one_line, scrub
from mailticket.encoded_words import decode_words, header_text

_BLANK = re.compile(rb"\n\r?\n|\r\r(?!\n)")
_FIELD = re.compile(
    rb"([\x21-\x39\x3b-\x7e]{1,200})[ \t]*+:"
    rb"([^\r\n]*+(?:(?:\r\n?|\n)[ \t][^\r\n]*+)*+)(?:\r\n?|\n|\Z)"
)
"""A field with its continuation lines and the line end after it."""
_FOLD = re.compile(rb"(?:\r?\n|\r)[ \t]+")
_LINE_END = re.compile(rb"\r?\n|\r")
_BLANK_BEFORE = re.compile(rb"\n[ \t]+\r?\n\Z")
_FIELD_START = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,200}[ \t]*:")

Field = tuple[str, bytes]
"""Lower-case name, raw value unfolded."""


@dataclass(frozen=True, slots=True)
class FieldSection:
    """The fields of one header section; ``size`` in bytes tells where the body begins."""

    fields: tuple[Field, ...]
    size: int
    defects: tuple[str, ...] = ()
    _firsts: Mapping[str, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the first field of each name: some forty are asked for, of which most are absent."""
        object.__setattr__(self, "_firsts", dict(reversed(self.fields)))

    def first(self, name: str) -> bytes:
        """Give the raw value of the first field of that name, ``b""`` when there is none."""
        return self._firsts.get(name, b"")

    def all(self, name: str) -> list[bytes]:
        """Give the raw values of all fields of that name, in order."""
        return [value for key, value in self.fields if key == name]


def section_size(raw: bytes, start: int, end: int) -> int:
    """Give the length of the header section at ``start``, its blank line included."""
    for mark in (b"\n", b"\r\n"):
        if raw.startswith(mark, start, end):
            return len(mark)
    blank = _BLANK.search(raw, start, end)
    return (blank.end() if blank else end) - start


def read_fields(section: bytes) -> FieldSection:
    """Split a header section; a line that is no field ends it, as every mail program has it."""
    fields: list[Field] = []
    defects: list[str] = []
    position = 0
    while position < len(section):
        if match := _FIELD.match(section, position):
            fields.append((match[1].decode("ascii").lower(), _unfolded(match[2])))
            position = match.end()
            continue
        line, following = _line(section, position)
        if not line.strip():
            position = following
            break
        if not (position == 0 and line.startswith((b"From ", b">From "))):
            defects.append("a line in the header section is no field")
            if not _more_fields(section, position, following):
                break
        position = following
    return FieldSection(tuple(fields), position, tuple(dict.fromkeys(defects)))


def _unfolded(value: bytes) -> bytes:
    if b"\n" in value or b"\r" in value:
        value = _FOLD.sub(b" ", value)
    return value.strip()


def _line(section: bytes, start: int) -> tuple[bytes, int]:
    """Give the line at ``start`` with its continuation lines, and where the next one begins."""
    scan = stop = start
    size = len(section)
    blank = True
    while scan < size:
        ending = _LINE_END.search(section, scan)
        stop, following = ending.span() if ending else (size, size)
        blank = blank and not section[scan:stop].strip()
        scan = following
        if blank or section[scan : scan + 1] not in (b" ", b"\t"):
            break
    return section[start:stop], scan


def _more_fields(section: bytes, start: int, following: int) -> bool:
    """Tell whether fields go on after a line at ``start`` that is none.

    A boundary belongs to the body, and so does what stands below a line of blanks.
    """
    if start and section.startswith(b"--", start):
        return False
    if _BLANK_BEFORE.search(section, max(0, start - 200), start):
        return False
    return _FIELD_START.match(section, following) is not None


@dataclass(frozen=True, slots=True)
class Parameters:
    """The value of a MIME field and its parameters (RFC 2045, 5.1; RFC 2231)."""

    value: str
    """Lower-case, without comments."""
    items: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """Give the first parameter of that name, decoded, ``""`` when there is none."""
        return next((value for key, value in self.items if key == name), "")


_PARAMETER = re.compile(
    r"""(?<![^;\s])([^\s=;"]{1,80})\s{0,20}=\s{0,20}(?:"((?:[^"\\]|\\.)*)"?|([^;]*))""",
    re.DOTALL,
)
# "multipart/mixed boundary=x", without the semicolon, occurs: a word before "=" is no value.
_VALUE = re.compile(
    r"\s*([^\s;=/]{1,200}(?:\s{0,9}/\s{0,9}[^\s;=]{1,200})?)(?!\s{0,9}=)(?=[\s;]|\Z)"
)
_NAMED_CHARSET = re.compile(rb"(?:\bcharset\s?=\s?\"?|=\?)([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_PLACES_OF_CHARSET = 64 * 1024
_SAYING_NOTHING = frozenset({"utf-8", "us-ascii", "cp1252", "iso8859-1"})
_EIGHT_BIT = {"iso-2022-jp": "cp932", "iso2022_jp": "cp932", "iso2022_kr": "cp949", "hz": "gb18030"}
"""What a program whose text is in a 7-bit charset writes where it does not encode."""
_ESCAPED = re.compile(r'\\(["\\])')
_PIECES = 1000


def read_parameters(raw: bytes, charset: Callable[[], str] = str) -> Parameters:
    """Read a MIME field; broken parameters are skipped, continuations joined, charsets decoded.

    ``charset`` is asked for the one that raw 8-bit values may be in, ``""`` if nobody knows.
    """
    if len(raw) <= _REMEMBERED_BYTES and raw.isascii():
        return _known_parameters(raw)
    return _read_parameters(raw, charset)


def _read_parameters(raw: bytes, charset: Callable[[], str] = str) -> Parameters:
    read: Callable[[str], str] = str
    if b"\x1b" not in raw and not is_utf_8(raw):
        read = partial(_by_itself, charset=charset())
    text = _uncommented(header_text(raw) if read is str else raw.decode("latin-1"))
    value = _VALUE.match(text)
    rest = text[value.end() :] if value else text
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(rest)):
        if count > _PIECES:
            break
        _sort_in(match, read, plain, pieces)
    for name, numbered in pieces.items():
        joined = _continued(numbered)
        if joined or name not in plain:
            plain[name] = joined
    written = "".join(one_line(value[1]).lower().split()) if value else ""
    return Parameters(written, tuple(plain.items()))


# One mail's Content-Type is asked for three times, and those of parts are much alike.
_known_parameters = lru_cache(maxsize=256)(_read_parameters)
_REMEMBERED_BYTES = 300


def is_utf_8(raw: bytes) -> bool:
    """Tell whether these bytes are valid UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _by_itself(value: str, charset: str) -> str:
    """Decode one raw 8-bit value by itself: the ASCII around it would make any guess a bad one."""
    return header_text(value.encode("latin-1"), charset)


def charset_named(section: bytes) -> str:
    """Give the charset that a header section names first and that says something of 8-bit text."""
    for match in _NAMED_CHARSET.finditer(section[:_PLACES_OF_CHARSET]):
        codec = codec_of(match[1].decode("ascii"))
        if codec and codec not in _SAYING_NOTHING:
            return _EIGHT_BIT.get(codec, codec)
    return ""


def _sort_in(
    match: re.Match[str],
    read: Callable[[str], str],
    plain: dict[str, str],
    pieces: dict[str, dict[int, tuple[bool, str]]],
) -> None:
    """File a parameter as a plain one or as a piece of a continued one (RFC 2231, 3)."""
    name, star, tail = match[1].lower().partition("*")
    quoted = match[2] is not None
    written = _ESCAPED.sub(r"\1", match[2]) if quoted else match[3].strip().strip("'\"")
    value = read(written)
    if not star:
        plain.setdefault(name, decode_words(value))
        return
    number = tail.rstrip("*")
    if number and not (number.isascii() and number.isdigit() and len(number) < 5):  # noqa: PLR2004
        return
    pieces.setdefault(name, {}).setdefault(int(number or 0), (tail[-1:] == "*" or not tail, value))


def _continued(numbered: dict[int, tuple[bool, str]]) -> str:
    charset = ""
    octets = bytearray()
    for index, key in enumerate(sorted(numbered)):
        encoded, value = numbered[key]
        if index == 0 and encoded and value.count("'") >= 2:  # noqa: PLR2004
            charset, _, value = value.split("'", 2)
        piece = value.encode("utf-8", "replace")
        octets += unquote_to_bytes(piece) if encoded else piece
    text = decode(bytes(octets), charset if codec_of(charset) else "").text
    return decode_words(text) if "=?" in text else scrub(text)


def _uncommented(text: str) -> str:
    """Drop comments outside quotes, in one pass; an open one runs to the end of its word."""
    if "(" not in text:
        return text
    out: list[str] = []
    depth = 0
    quoted = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif char == "(" and not quoted:
            depth += 1
        elif char == ")" and depth and not quoted:
            depth -= 1
            continue
        if not depth:
            out.append(char)
    return text if depth else "".join(out)
