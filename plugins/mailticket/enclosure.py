"""An original inside a mail of ours: its bytes must arrive as they are (SPEC 7.2).

RFC 2046, 5.2.1 allows only 7bit, 8bit and binary for message/rfc822, so an original that no mail
may carry as it is (NUL, a bare CR or LF, lines over 998 octets) travels as a base64 file instead.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

_LONGEST_LINE = 998  # RFC 5322, 2.1.1
_LARGEST_HEADER = 1024**2
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_LINES = re.compile(rb"[^\r\n]+")
_BOUNDARY = re.compile(
    rb'^Content-Type: multipart/mixed;\r\n boundary="([0-9a-z=_.]+)"\r$', re.MULTILINE
)
_NAME = 'Content-Disposition: attachment; filename="original.{}"\r\n'


def original_part(original: bytes) -> bytes:
    """Enclose an original: message/rfc822 where its bytes can travel unchanged, else a file.

    An original whose lines all end in LF alone gets the CRLF that it had on the wire.
    """
    if b"\r" not in original:
        original = original.replace(b"\n", b"\r\n")
    if not travels(original):
        return _as_file(original)
    encoding = "7bit" if original.isascii() else "8bit"
    return _entity("message/rfc822", encoding, "eml") + original


def header_part(header: bytes) -> bytes:
    """Enclose a header section alone (RFC 6522, 4), at most 1 MiB of it."""
    header = header[:_LARGEST_HEADER].rstrip(b"\r\n") + b"\r\n"
    if header.isascii() and travels(header):
        return _entity("text/rfc822-headers", "7bit", "txt") + header
    return _entity("text/rfc822-headers", "quoted-printable", "txt") + _quoted(header)


def travels(octets: bytes) -> bool:
    """Tell whether 8BITMIME (RFC 6152) can carry these bytes as they are."""
    if _BARE.search(octets):
        return False
    lines = _LINES.finditer(octets)
    return max((line.end() - line.start() for line in lines), default=0) <= _LONGEST_LINE


def multipart(message_id: str, parts: tuple[bytes, ...]) -> bytes:
    """Join entities into multipart/mixed, from its MIME-Version field to its last boundary."""
    boundary = _boundary(message_id, parts)
    top = f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n\r\n'
    # The CRLF before a boundary is the boundary's (RFC 2046, 5.1.1): a part keeps its last byte.
    body = b"".join(b"\r\n--%s\r\n%s" % (boundary.encode(), part) for part in parts)
    return top.encode() + body + f"\r\n--{boundary}--\r\n".encode()


def in_seven_bits(mail: bytes) -> bytes:
    """Rewrite a mail of ours for a server without 8BITMIME: 8-bit originals become files."""
    header = mail[: mail.find(b"\r\n\r\n") + 2]
    found = _BOUNDARY.search(header)
    if mail.isascii() or found is None:
        return mail
    line = b"\r\n--%s" % found[1]
    parts = mail.split(line)
    return line.join(part if part.isascii() else _refiled(part) for part in parts)


def _refiled(part: bytes) -> bytes:
    _, _, original = part.partition(b"\r\n\r\n")
    return b"\r\n" + _as_file(original)


def _as_file(original: bytes) -> bytes:
    encoded = base64.encodebytes(original).replace(b"\n", b"\r\n")
    return _entity("application/octet-stream", "base64", "eml") + encoded


def _entity(content_type: str, encoding: str, extension: str) -> bytes:
    fields = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return f"{fields}{_NAME.format(extension)}\r\n".encode()


def _quoted(octets: bytes) -> bytes:
    # istext=False also encodes stray CR and LF, so that only soft breaks are left as "=\n".
    lines = (binascii.b2a_qp(line, istext=False) for line in octets.split(b"\r\n"))
    return b"\r\n".join(line.replace(b"=\n", b"=\r\n") for line in lines)


def _boundary(message_id: str, parts: tuple[bytes, ...]) -> str:
    """Derive a boundary from our unguessable Message-ID; no part holds it, or it is made anew."""
    word = message_id
    while True:
        word = hashlib.sha256(word.encode()).hexdigest()[:40]
        boundary = f"=_mailticket.{word}"
        if not any(boundary.encode() in part for part in parts):
            return boundary
