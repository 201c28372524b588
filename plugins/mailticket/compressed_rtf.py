"""RTF as Outlook compresses it, laid open ([MS-OXRTFCP])."""

from __future__ import annotations

from struct import error as TooShort  # noqa: N812 - what it means here
from struct import unpack_from

_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D
_HEADER = 16
_LARGEST = 8 * 1024**2
"""Bytes, laid open: seconds of a loop in Python."""
_WINDOW = 4096
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    b"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
    b"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
"""What every compressed text may refer to (2.1.2.1)."""


def laid_open(octets: bytes) -> bytes:
    """Give the RTF, as much of it as there is; ``b""`` for what is no compressed RTF."""
    try:
        size, kind = unpack_from("<4xII", octets)
    except TooShort:
        return b""
    size = min(size, _LARGEST)
    if kind == _PLAIN:
        return octets[_HEADER : _HEADER + size]
    return _expanded(octets, size) if kind == _COMPRESSED else b""


def _expanded(octets: bytes, size: int) -> bytes:
    """Follow the runs: of eight items, a byte says which are references to what came before."""
    out = bytearray(_DICTIONARY)
    start, at = len(out), _HEADER
    while at < len(octets) and len(out) - start < size:
        control = octets[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                out += octets[at : at + 1]
                at += 1
            elif not _copy(out, octets[at : at + 2]):
                return bytes(out[start : start + size])
            else:
                at += 2
    return bytes(out[start : start + size])


def _copy(out: bytearray, reference: bytes) -> bool:
    """Repeat up to 17 bytes of the last 4096; False at the end, which refers to itself."""
    value = int.from_bytes(reference, "big")
    # All bytes ever written stand in ``out``, so that a place in the window is so far behind.
    behind = (len(out) - (value >> 4)) % _WINDOW
    if len(reference) < 2 or not behind:  # noqa: PLR2004
        return False
    for _ in range((value & 15) + 2):
        out.append(out[-behind] if behind <= len(out) else 0)
    return True
