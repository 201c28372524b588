"""Content-Transfer-Encoding undone (RFC 2045, 6), also where the encoder was at fault."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_BASE64_LINES = re.compile(
    rb"(?:[ \t]*+[A-Za-z0-9+/]*+={0,2}[ \t]*+(?:\r?\n|\r|\Z))*+(?:[A-Za-z0-9+/]{2,100}={1,2})?"
)
_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
"""Transports add blanks at the ends of lines (RFC 2045, 6.7)."""
_CHUNKS = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_CONVINCING = 16
"""Letters: a shorter run may as well be a word of plain text."""
_ENCODED = ("base64", "quotedprintable", "xuuencode", "uuencode", "xuue", "uue")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)
_CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_LETTERS = re.compile(r"[^a-z0-9]+")


class Payload(NamedTuple):
    """Decoded bytes, and what was wrong with their encoding (or ``""``)."""

    octets: bytes
    defect: str = ""


def undo(encoded: bytes, encoding: str, *, is_text: bool) -> Payload:
    """Decode a part's body; unknown encodings are taken as none."""
    name = _LETTERS.sub("", encoding.partition(";")[0].partition("(")[0].lower())
    if name.startswith("base64"):
        return _base64_text(encoded) if is_text else _base64(encoded)
    if name.startswith("quotedprintable"):
        return Payload(binascii.a2b_qp(_SOFT_BREAK.sub(b"=", encoded)))
    if name in _ENCODED:
        return _uu(encoded)
    if name in ("", "7bit", "8bit", "binary"):
        return Payload(encoded)
    return Payload(encoded, f"unknown transfer encoding {encoding[:40]!r}")


def base64_octets(encoded: bytes) -> bytes:
    """Decode base64 that may lack padding or carry foreign characters."""
    if _is_in_pieces(encoded):
        return _joined(encoded)
    try:
        return binascii.a2b_base64(encoded)
    except binascii.Error:
        return _mended(encoded)


def _is_in_pieces(encoded: bytes) -> bool:
    """Tell whether it was encoded piece by piece, each with an end of its own."""
    padded = encoded.find(b"=") + 1
    rest = encoded[padded:].strip(b"= \t\r\n") if padded else b""
    return bool(rest) and _BASE64_LINES.fullmatch(encoded) is not None


def _joined(encoded: bytes) -> bytes:
    return b"".join(map(_mended, _CHUNKS.findall(b"".join(encoded.split()))))


def _mended(encoded: bytes) -> bytes:
    """Drop what is no base64, then cut or pad to a whole number of quartets."""
    letters = _NOT_BASE64.sub(b"", encoded).replace(b"=", b"")
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _base64(encoded: bytes) -> Payload:
    try:
        octets = binascii.a2b_base64(encoded)
    except binascii.Error:
        return Payload(_mended(encoded), "broken base64")
    return Payload(_joined(encoded) if _is_in_pieces(encoded) else octets)


def _base64_text(encoded: bytes) -> Payload:
    """Decode a text part: list servers append their footer in clear below the base64."""
    match = _BASE64_LINES.match(encoded)
    end = match.end() if match else 0
    rest = encoded[end:]
    if not rest.strip(b"= \t\r\n\0"):
        return _base64(encoded)
    letters = b"".join(encoded[:end].split())
    if len(letters) % 4 or not (letters.endswith(b"=") or len(letters) >= _CONVINCING):
        return _readable(encoded)
    footer = b"" if letters.endswith(b"=") and b"\n" not in rest.strip() else b"\n" + rest
    return Payload(base64_octets(letters) + footer, "plain text after base64")


def _readable(encoded: bytes) -> Payload:
    """Choose between broken base64 and plain text: what decodes to text was no accident."""
    octets = _mended(encoded)
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if text and _CONTROLS.search(text) is None:
        return Payload(octets, "broken base64")
    return Payload(encoded, "declared base64 is plain text")


def _uu(encoded: bytes) -> Payload:
    begin = _UU_BEGIN.search(encoded)
    if begin is None:
        return Payload(encoded, "declared uuencode is none")
    out = bytearray()
    for line in encoded[begin.end() :].splitlines():
        if line.strip() in (b"end", b"`", b""):
            break
        out += _uu_line(line)
    return Payload(bytes(out))


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders pad lines too far: keep the bytes that the length announces.
        kept = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:kept])
        except binascii.Error:
            return b""
