"""Signed mail read: the content inside an opaque S/MIME signature (RFC 8551, RFC 5652), PGP armour.

Nothing is verified: what a signature is worth is not decided here.
"""

from __future__ import annotations

import re

TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_SEQUENCE, _OCTETS, _EXPLICIT_0 = 0x30, 0x04, 0xA0
_CONSTRUCTED = 0x20
_DEEPEST = 16
_MOST_PIECES = 200_000

_CLEAR_SIGNED = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]{1,40}: [^\n]*\n)*\n?"
    r"(?P<text>.*?)\n-----BEGIN PGP SIGNATURE-----.*?(?:-----END PGP SIGNATURE-----|\Z)",
    re.DOTALL | re.MULTILINE,
)
_ENCRYPTED = re.compile(r"^-----BEGIN PGP MESSAGE-----[ \t]*$", re.MULTILINE)


def without_armour(text: str) -> str:
    """Take the text out of PGP's clear-signed form (RFC 9580, 7)."""
    if "-----BEGIN PGP SIGNED" not in text:
        return text
    return _CLEAR_SIGNED.sub(lambda found: re.sub("(?m)^- ", "", found["text"]), text, count=1)


def is_encrypted(text: str) -> bool:
    """Tell whether a text is, or holds, an armoured PGP message."""
    return "-----BEGIN PGP MESSAGE" in text and _ENCRYPTED.search(text) is not None


def content_of(octets: bytes) -> bytes | None:
    """Give the MIME entity inside SignedData, ``None`` when there is none to be found."""
    try:
        info = _children(octets, 0, len(octets))[0]
        kind, wrapped = _inside(octets, info, _SEQUENCE)[:2]
        if octets[kind[1] : kind[2]] != _SIGNED_DATA:
            return None
        signed = _inside(octets, wrapped, _EXPLICIT_0)[0]
        encapsulated = _inside(octets, signed, _SEQUENCE)[2]
        content = _inside(octets, encapsulated, _SEQUENCE)[1]
        pieces: list[bytes] = []
        for each in _inside(octets, content, _EXPLICIT_0):
            _gather(octets, each, pieces, 0)
        return b"".join(pieces) or None
    except (IndexError, ValueError):
        return None


Value = tuple[int, int, int]
"""Tag, where the content begins, where it ends."""


def _inside(octets: bytes, value: Value, tag: int) -> list[Value]:
    if value[0] != tag:
        raise ValueError("not the structure of RFC 5652")
    return _children(octets, value[1], value[2])


def _children(octets: bytes, start: int, end: int) -> list[Value]:
    found: list[Value] = []
    while start < end and len(found) < _MOST_PIECES:
        if octets[start : start + 2] == b"\0\0":
            break
        value, start = _value(octets, start, end, 0)
        found.append(value)
    return found


def _value(octets: bytes, start: int, end: int, depth: int) -> tuple[Value, int]:
    """Read one value in BER; of indefinite length, it ends where two zero bytes stand."""
    tag, length = octets[start], octets[start + 1]
    body = start + 2
    if length == 0x80:  # noqa: PLR2004
        return _indefinite(octets, tag, body, end, depth)
    if length > 0x80:  # noqa: PLR2004
        size = length & 0x7F
        length = int.from_bytes(octets[body : body + size], "big")
        body += size
    if body + length > end:
        raise ValueError("longer than its container")
    return (tag, body, body + length), body + length


def _indefinite(octets: bytes, tag: int, body: int, end: int, depth: int) -> tuple[Value, int]:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    position = body
    while octets[position : position + 2] != b"\0\0":
        position = _value(octets, position, end, depth + 1)[1]
    return (tag, body, position), position + 2


def _gather(octets: bytes, value: Value, pieces: list[bytes], depth: int) -> None:
    """Join an octet string, which BER may cut into pieces."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if value[0] == _OCTETS:
        pieces.append(octets[value[1] : value[2]])
    elif value[0] == _OCTETS | _CONSTRUCTED:
        for each in _children(octets, value[1], value[2]):
            _gather(octets, each, pieces, depth + 1)
