"""What a POP3 maildrop holds: the whole list, read in two answers, whatever their length."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from mailticket.mailboxes import pop3_session, pop3_wire, server_words
from mailticket.mailboxes.pop3_wire import Wire

_REGULAR = re.compile(rb"(?:[0-9]{1,9} [!-~]{1,200}\r\n)*")
"""What LIST and UIDL should look like (RFC 1939, 5 and 7)."""
_LONGEST_UIDL = 200
"""Characters; 70 are allowed, and an index of PostgreSQL takes some thousand."""
_MOST_BYTES = 2**40


def maildrop(wire: Wire) -> tuple[dict[str, int], dict[str, int]]:
    """List sizes and numbers by UIDL; messages that share one are named by their content.

    A place behind the UIDL would not do: it shifts, and the wrong message would be deleted.
    """
    listed = _pairs(wire, "LIST")
    # A size that is none hides no message.
    sizes = {n: min(int(s), _MOST_BYTES) if s.isdecimal() else 0 for n, s in listed}
    uidls = _uidls(wire)
    names = [(number, uid) for number, uid in uidls if number in sizes]
    if len(names) == len(sizes) == len(by_uid := {uid: number for number, uid in names}):
        return {uid: sizes[number] for uid, number in by_uid.items()}, by_uid
    return _named_by_content(wire, sizes, dict(names))


def _named_by_content(
    wire: Wire, sizes: dict[int, int], uidls: dict[int, str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Name those by their content that have no UIDL, or one that others have, too."""
    times = Counter(uidls.values())
    numbers = {
        uidls[number]
        if times[uidls.get(number, "")] == 1
        else _by_content(wire, number, sizes[number]): number
        for number in sizes
    }
    return {uid: sizes[number] for uid, number in numbers.items()}, numbers


def _pairs(wire: Wire, command: str) -> list[tuple[int, str]]:
    """Ask for a list of numbers and words; a line that is none is left out."""
    answer = b"".join(wire.pieces(command))
    if _REGULAR.fullmatch(answer):
        words = answer.decode("ascii").split()
        return list(zip(map(int, words[::2]), words[1::2], strict=True))
    lines = (line.split(None, 2) for line in answer.split(b"\r\n"))
    return [
        (int(words[0]), _printable(words[1]))
        for words in lines
        if len(words) > 1 and words[0].isdigit() and len(words[0]) < 10  # noqa: PLR2004
    ]


def _printable(word: bytes) -> str:
    """Write a word in printable ASCII, as it should be; too long a one by its digest."""
    if len(word) > _LONGEST_UIDL:
        return f"sha256-{hashlib.sha256(word).hexdigest()}"
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else f"\\x{byte:02x}" for byte in word)  # noqa: PLR2004


def _uidls(wire: Wire) -> list[tuple[int, str]]:
    """Ask for UIDLs; none where the server does not know the question.

    One that cannot answer now must not be taken for one: each message would be named anew.
    """
    try:
        return _pairs(wire, "UIDL")
    except pop3_wire.error as error:
        if server_words.is_passing(pop3_session.words_of(error, wire.login)):
            raise
        return []


def _by_content(wire: Wire, number: int, size: int) -> str:
    """Name a message by its size and header section: Received lines make it its own."""
    wire.begin()
    section = b"".join(wire.pieces(f"TOP {number} 0"))
    return f"top-{size}-{hashlib.sha256(section).hexdigest()[:40]}"
