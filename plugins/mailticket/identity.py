"""What a message is, whatever place it lies in (SPEC 2.3): hashes of its raw bytes."""

from __future__ import annotations

import hashlib
import re

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE = re.compile(rb"[^\r\n]+")
_LONE_CR = re.compile(rb"\r(?!\n)")
_SAME_IN_EVERY_COPY = (b"from", b"date", b"subject", b"message-id")


def header_size(raw: bytes) -> int:
    """Give the length of the header section with its blank line (RFC 5322, 2.1)."""
    if raw[:1] in (b"\r", b"\n"):
        return 2 if raw[:2] == b"\r\n" else 1
    found = _BLANK_LINE.search(raw)
    return found.end() if found else len(raw)


def header_hash(raw: bytes, size: int | None = None) -> bytes:
    """Hash the header section: SHA-256, line ends and the blank line at its end aside.

    ``size`` is its length, where that is known.
    """
    section = (
        raw[: header_size(raw) if size is None else size].replace(b"\r\n", b"\n").rstrip(b"\n")
    )
    return hashlib.sha256(section).digest()


def content_hash(raw: bytes, size: int | None = None) -> bytes:
    """Hash what copies of a message share: From, Date, Subject, Message-ID and the body.

    Received lines differ from copy to copy, line ends and the last blank lines from server to
    server. ``size`` is the length of the header section, where that is known.
    """
    size = header_size(raw) if size is None else size
    digest = hashlib.sha256()
    for name, value in _first_values(raw[:size]).items():
        digest.update(name + b":" + value + b"\n")
    digest.update(b"\n")
    digest.update(_with_plain_ends(raw[size:]).rstrip(b"\n"))
    return digest.digest()


def _with_plain_ends(raw: bytes) -> bytes:
    """Turn CRLF into LF; a CR alone stays. Where there is none, to drop each CR is faster."""
    if _LONE_CR.search(raw):
        return raw.replace(b"\r\n", b"\n")
    return raw.replace(b"\r", b"")


def _first_values(section: bytes) -> dict[bytes, bytes]:
    found = dict.fromkeys(_SAME_IN_EVERY_COPY, b"")
    # One line at a time: of a message that is all header section there can be millions.
    for line in _LINE.finditer(_FOLD.sub(b" ", section)):
        name, colon, value = line[0].partition(b":")
        key = name.strip().lower()
        if colon and key in found and not found[key]:
            found[key] = b" ".join(value.split())
    return found
