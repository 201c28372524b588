"""What the headers of PNG, GIF and WebP say, read without a decoder.

Pillow would allocate the canvas of a WebP to open it, decode a PNG to find its orientation, and
take the size of a GIF from its screen, beyond which the frames may reach. So these three are read
here, in one pass over their chunks; JPEG, BMP and TIFF are Pillow's business in ``images.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_FRAMES = 1000
"""Counted; ``MAX_FRAMES + 1`` stands for any more."""
_MAX_CHUNKS = 100_000


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels as stored, number of frames, alpha, and the EXIF block if there is one."""

    format: str
    width: int
    height: int
    frames: int
    has_alpha: bool
    exif: bytes = b""


def read(content: bytes) -> Header | None:
    """Read the header of a PNG, GIF or WebP; ``None`` for anything else, and for broken ones."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(content)
        if content.startswith((b"GIF87a", b"GIF89a")):
            return _gif(content)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return _webp(content)
    except (struct.error, IndexError):
        return None
    return None


def _png(content: bytes) -> Header | None:
    """Read IHDR, and acTL, tRNS, eXIf where they stand before the pixels (PNG 3rd ed., 5.6)."""
    length, kind, width, height, _, colour = struct.unpack_from(">I4sIIBB", content, 8)
    if kind != b"IHDR" or length != 13 or not width or not height:  # noqa: PLR2004
        return None
    frames, has_alpha, exif = 1, colour in {4, 6}, b""
    for kind, start, end in _png_chunks(content):
        if kind == b"acTL":
            frames = max(1, struct.unpack_from(">I", content, start)[0])
        elif kind == b"tRNS":
            has_alpha = True
        elif kind == b"eXIf":
            exif = content[start:end]
        elif kind == b"IDAT":
            break
    return Header("PNG", width, height, min(frames, MAX_FRAMES + 1), has_alpha, exif)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give kind, start and end of each chunk."""
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            return
        length, kind = struct.unpack_from(">I4s", content, at)
        yield kind, at + 8, at + 8 + length
        at += 12 + length


def _gif(content: bytes) -> Header | None:
    """Count the frames, find how far they reach (GIF89a, 18, 20, 23)."""
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    at = 13 + _colours(flags)
    frames, has_alpha = 0, False
    while frames <= MAX_FRAMES and at < len(content):
        if content[at] == 0x21:  # extension; 0xF9: graphic control  # noqa: PLR2004
            has_alpha |= content[at + 1] == 0xF9 and bool(content[at + 3] & 1)  # noqa: PLR2004
            at = _after_blocks(content, at + 2)
        elif content[at] == 0x2C:  # image  # noqa: PLR2004
            left, top, w, h, flags = struct.unpack_from("<HHHHB", content, at + 1)
            width, height, frames = max(width, left + w), max(height, top + h), frames + 1
            at = _after_blocks(content, at + 11 + _colours(flags))
        else:
            break
    return Header("GIF", width, height, frames, has_alpha) if frames and width and height else None


def _colours(flags: int) -> int:
    """Give the bytes of a colour table."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(content: bytes, at: int) -> int:
    """Skip sub-blocks; a file that ends in them has ended."""
    while at < len(content) and content[at]:
        at += content[at] + 1
    return at + 1


def _webp(content: bytes) -> Header | None:
    """Read VP8X, VP8L or VP8, and count the frames (RFC 9649)."""
    size: tuple[int, int] | None = None
    frames, has_alpha, exif = 0, False, b""
    for kind, start, end in _webp_chunks(content):
        found, alpha = _webp_size(content, kind, start)
        size, has_alpha = size or found, has_alpha or alpha
        if kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            exif = content[start:end]
        if frames > MAX_FRAMES:
            break
    if size is None or not all(size):
        return None
    return Header("WEBP", *size, max(1, frames), has_alpha, exif.removeprefix(b"Exif\0\0"))


def _webp_size(content: bytes, kind: bytes, at: int) -> tuple[tuple[int, int] | None, bool]:
    """Give size and alpha, as far as this chunk says."""
    if kind == b"VP8X":
        flags, w, h = content[at], content[at + 4 : at + 7], content[at + 7 : at + 10]
        size = int.from_bytes(w, "little") + 1, int.from_bytes(h, "little") + 1
        return size, bool(flags & 0x10)
    if kind == b"VP8L":
        bits = int(struct.unpack_from("<I", content, at + 1)[0])
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)
    if kind == b"VP8 ":
        w, h = struct.unpack_from("<HH", content, at + 6)
        return (w & 0x3FFF, h & 0x3FFF), False
    return None, False


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give kind, start and end of each chunk."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            return
        kind, length = struct.unpack_from("<4sI", content, at)
        yield kind, at + 8, at + 8 + length
        at += 8 + length + (length & 1)
