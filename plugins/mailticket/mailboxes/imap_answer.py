"""What an IMAP server answers, read with care: tokens, FETCH and LIST, UID sets (RFC 3501, 7, 9).

Pure: bytes in, values out; what cannot be read is left out, and the caller misses it by its UID.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

from imap_tools.imap_utf7 import (  # noqa: TID251 - one of the files that own the library
    utf7_decode,
    utf7_encode,
)

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".lower().split()
_DATE = re.compile(
    rb"\s*(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII
)
_LITERAL_MARK = re.compile(rb"~?\{\d+\+?\}$")
_TOKEN = re.compile(
    rb'\s*(?:(?P<open>\()|(?P<close>\))|"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"'
    rb'|(?P<atom>(?:[^\s()"\[]|\[(?:[^\[\]]{0,1000}\])?)+))',
    re.DOTALL,
)
# Listings are long and plain: numbers and simple strings are read without the tokenizer.
_FLAT = re.compile(rb'\d+ \((?:[A-Z0-9.]+ (?:\d+|"[^"\\]*")(?: |(?=\))))+\)')
_FLAT_PAIR = re.compile(rb'([A-Z0-9.]+) (?:(\d+)|"([^"]*)")')
_DEPTH = 20
_DIGITS = 20
"""No number of IMAP is as long: 64 bits are 19 digits (RFC 9051, 9)."""

Piece: TypeAlias = "bytes | tuple[bytes, bytes]"
"""As imaplib gives it: a line, or what stood before a literal and the literal."""


class Atom(bytes):
    """An unquoted word, NIL included; strings are plain ``bytes``."""

    __slots__ = ()


Token: TypeAlias = "bytes | list[Token]"  # noqa: S105 - no password


@dataclass(frozen=True, slots=True)
class Folder:
    """One line of LIST."""

    name: str
    delimiter: str
    flags: frozenset[str]
    """Lower case, with their backslash: ``\\trash``."""

    @property
    def selectable(self) -> bool:
        """False for a mere container."""
        return not self.flags & {"\\noselect", "\\nonexistent"}


def responses(pieces: Iterable[Piece | None]) -> Iterator[list[Piece]]:
    """Group imaplib's flat list: each response ends with the line after its last literal."""
    gathered: list[Piece] = []
    for piece in pieces:
        if piece is None:
            continue
        gathered.append(piece)
        if isinstance(piece, bytes):
            yield gathered
            gathered = []


def tokens(response: Sequence[Piece]) -> list[Token]:
    """Read one response; raises ``ValueError`` when its parentheses do not match."""
    stack: list[list[Token]] = [[]]
    for piece in response:
        if isinstance(piece, bytes):
            _scan(piece, stack)
            continue
        before, literal = piece
        _scan(_LITERAL_MARK.sub(b"", before), stack)
        stack[-1].append(literal)
    if len(stack) != 1:
        raise ValueError("a parenthesis is missing")
    return stack[0]


def _scan(line: bytes, stack: list[list[Token]]) -> None:
    at, end = 0, len(line.rstrip())
    while at < end:
        match = _TOKEN.match(line, at)
        if match is None:
            raise ValueError(f"unreadable at {line[at : at + 20]!r}")
        at = match.end()
        _push(match, stack)


def _push(match: re.Match[bytes], stack: list[list[Token]]) -> None:
    if match.lastgroup == "open":
        if len(stack) > _DEPTH:
            raise ValueError("too deep")
        inner: list[Token] = []
        stack[-1].append(inner)
        stack.append(inner)
    elif match.lastgroup == "close":
        if len(stack) == 1:
            raise ValueError("a parenthesis too many")
        stack.pop()
    elif match.lastgroup == "quoted":
        stack[-1].append(_unquote(match["quoted"]))
    else:
        stack[-1].append(Atom(match["atom"]))


def _unquote(inner: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", inner, flags=re.DOTALL) if b"\\" in inner else inner


def fetched(pieces: Iterable[Piece | None]) -> dict[int, dict[bytes, Token]]:
    """Merge FETCH responses by UID; those without one (flags of others, unsolicited) are left out.

    Attribute names in capitals; partial origins (``<0>``) are cut from them.
    """
    merged: dict[int, dict[bytes, Token]] = {}
    for response in responses(pieces):
        attributes = _attributes(response)
        uid = attributes.get(b"UID")
        if isinstance(uid, Atom) and uid.isdigit():
            known = merged.setdefault(int(uid), {})
            # A repeated attribute counts unless it says less than the one known.
            known |= {name: value for name, value in attributes.items() if not _is_nil(value)}
    return merged


def _is_nil(value: Token) -> bool:
    return isinstance(value, Atom) and value.upper() == b"NIL"


def _attributes(response: list[Piece]) -> dict[bytes, Token]:
    """Read ``n (name value …)``; the sequence number is of no use to us."""
    if len(response) == 1 and isinstance(response[0], bytes) and _FLAT.fullmatch(response[0]):
        plain = _FLAT_PAIR.findall(response[0])
        return {name: Atom(digits) if digits else string for name, digits, string in plain}
    try:
        found = tokens(response)
    except ValueError:
        return {}
    listed = next((token for token in found if isinstance(token, list)), [])
    pairs = zip(listed[::2], listed[1::2], strict=False)
    return {_attribute_name(name): value for name, value in pairs if isinstance(name, bytes)}


def _attribute_name(name: bytes) -> bytes:
    return bytes(re.sub(rb"<\d+>$", b"", name).upper())


def text(value: Token | None) -> bytes | None:
    """Give a string's bytes; ``None`` for NIL and for what is no string."""
    if value is None or isinstance(value, list) or _is_nil(value):
        return None
    return bytes(value)


def number(value: Token | None) -> int | None:
    """Give a number; ``None`` when it is none."""
    written = text(value) or b""
    return int(written) if written.isdigit() and len(written) < _DIGITS else None


def internal_date(value: Token | None) -> datetime | None:
    """Read INTERNALDATE (``date-time`` of RFC 3501, 9); ``None`` when it is none."""
    match = _DATE.match(text(value) or b"")
    if not match or match[2].decode().lower() not in _MONTHS:
        return None
    month = _MONTHS.index(match[2].decode().lower()) + 1
    offset = timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == b"-" else 1)
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    try:
        zone = timezone(offset) if offset else UTC
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None


def uid_set(uids: Iterable[int]) -> str:
    """Write UIDs as a sequence set, runs compressed: ``1:3,7``."""
    runs: list[list[int]] = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in runs)


def searched(lines: Iterable[Piece | None]) -> list[int]:
    """Read SEARCH responses, sorted; whatever is no number is left out."""
    words = (word for line in lines if isinstance(line, bytes) for word in line.split())
    return sorted({int(word) for word in words if word.isdigit() and len(word) < _DIGITS})


def folder_on_wire(name: str) -> str:
    """Write a folder's name: modified UTF-7, quoted (RFC 3501, 5.1.3)."""
    encoded = utf7_encode("INBOX" if name.upper() == "INBOX" else name).decode("ascii")
    return quoted(encoded)


def quoted(written: str) -> str:
    """Write a quoted string (RFC 3501, 4.3)."""
    return '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'


def folders(pieces: Iterable[Piece | None]) -> list[Folder]:
    """Read LIST responses; lines that cannot be read are left out."""
    found = []
    for response in responses(pieces):
        try:
            flags, delimiter, name = tokens(response)[:3]
        except ValueError:
            continue
        if isinstance(flags, list) and isinstance(name, bytes):
            words = frozenset(_shown(flag).lower() for flag in flags if isinstance(flag, bytes))
            found.append(Folder(_folder_name(name), _shown(text(delimiter) or b""), words))
    return found


def _folder_name(raw: bytes) -> str:
    try:
        if raw.isascii():
            return utf7_decode(raw).replace("\0", "")
    except (UnicodeError, binascii.Error):
        pass
    return _shown(raw)


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\0", "")
