"""Files that stand in the text itself: ``begin 644 name`` to ``end`` (POSIX uuencode).

A word too many is better than one too few: only a block that is right from its first line to its
last is taken out of the text, so that people may write about ``begin 644`` as they like.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from mailticket.filenames import safe_name

_BEGIN = re.compile(
    r"^begin(?P<base64>-base64)? [0-7]{3,4} (?P<name>[^\n]{1,250}?)[ \t]*\n", re.MULTILINE
)
_MOST = 200
_FULL = 45
"""Bytes of each line but the last."""
_EMPTY_LINES = frozenset({"", "`", " "})
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text without its files, and these: name and content."""

    text: str
    files: tuple[tuple[str, bytes], ...] = ()


def taken_out(text: str) -> Decoded:
    """Take each file out of a text."""
    if "begin" not in text:
        return Decoded(text)
    kept: list[str] = []
    files: list[tuple[str, bytes]] = []
    at = 0
    while len(files) < _MOST and (begin := _BEGIN.search(text, at)):
        octets, end = _block(text, begin)
        kept.append(text[at : begin.start() if octets else end])
        if octets:
            files.append((safe_name(begin["name"]), octets))
        at = end
    if not files:
        return Decoded(text)
    return Decoded(_BLANK_LINES.sub("\n\n", "".join((*kept, text[at:]))), tuple(files))


def _block(text: str, begin: re.Match[str]) -> tuple[bytes, int]:
    """Give the content of a block and where it ends; ``b""`` for what is none."""
    at = begin.end()
    lines: list[str] = []
    last = "====" if begin["base64"] else "end"
    while True:
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        at = end + 1 if end >= 0 else len(text)
        if line.rstrip() == last:
            octets = _base64(lines) if begin["base64"] else _uuencoded(lines)
            return octets, at if octets else begin.end()
        if end < 0 or len(line) > 100 or not line.isascii() or _BEGIN.match(line + "\n"):  # noqa: PLR2004
            return b"", begin.end()
        lines.append(line)


def _base64(lines: list[str]) -> bytes:
    try:
        return binascii.a2b_base64("".join(lines), strict_mode=True)
    except binascii.Error:
        return b""


def _uuencoded(lines: list[str]) -> bytes:
    if lines and lines[-1] in _EMPTY_LINES:
        lines.pop()
    out: list[bytes] = []
    short = 0
    for number, line in enumerate(lines, 1):
        size = ord(line[0]) - 32 if line else 0
        if not 0 < size <= _FULL or (size < _FULL and number < len(lines)):
            return b""
        expected = 1 + -(-size // 3) * 4
        short += len(line) < expected
        # Some programs end each line in a check of their own.
        if not (octets := _line(line[: expected + (len(line) > expected + 1)])):
            return b""
        out.append(octets)
    # Blanks at the ends of lines get lost on the way, but not on every line.
    return b"".join(out) if short * 4 <= len(lines) - short else b""


def _line(line: str) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""
