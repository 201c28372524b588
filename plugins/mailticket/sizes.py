"""Sizes, counts and rates in the short notation that operators write: 10M, 100x20, 20/120."""

from __future__ import annotations

import re
from typing import NamedTuple

CEILING = 256 * 1024**2
"""Bytes: no mail beyond it is ever taken (SPEC 1.3)."""

_SHORT = re.compile(r"([0-9]{1,12}) ?([KMGkmg]?)")
_PIXELS = re.compile(r"([0-9]{1,5}) ?[xX×] ?([0-9]{1,5})")
_RATE = re.compile(r"([0-9]{1,7}) ?/ ?([0-9]{1,7})")
_POWER = {"": 0, "K": 1, "M": 2, "G": 3}


class Pixels(NamedTuple):
    """Width and height of an image."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Rate(NamedTuple):
    """A storm cap: so many, in so many minutes."""

    number: int
    minutes: int

    def __str__(self) -> str:
        return f"{self.number}/{self.minutes}"


def size_of(text: str) -> int:
    """Read bytes from ``100K`` or ``3M``, a K being 1024; raises ``ValueError``."""
    return _short(text, 1024, "this is not a size; write 10M, 100K or a number of bytes")


def count_of(text: str) -> int:
    """Read a number from ``500K`` or ``50M``, a K being 1000; raises ``ValueError``."""
    return _short(text, 1000, "this is not a number; write 50M, 500K or all its digits")


def pixels_of(text: str) -> Pixels:
    """Read width and height from ``100x20``; raises ``ValueError``."""
    match = _PIXELS.fullmatch(text.strip())
    if match is None:
        raise ValueError("this is not a size in pixels; write width and height, as in 100x20")
    return Pixels(int(match[1]), int(match[2]))


def rate_of(text: str) -> Rate:
    """Read count and minutes from ``20/120``; raises ``ValueError``."""
    match = _RATE.fullmatch(text.strip())
    if match is None or not int(match[1]) or not int(match[2]):
        raise ValueError("this is not a rate; write count/minutes, as in 20/120")
    return Rate(int(match[1]), int(match[2]))


def short_size(size: int) -> str:
    """Write bytes as ``size_of`` reads them, exactly: ``10M``, ``1536K``, ``1000``."""
    for letter in "GMK":
        unit = 1024 ** _POWER[letter]
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)


def _short(text: str, kilo: int, allowed: str) -> int:
    match = _SHORT.fullmatch(text.strip())
    if match is None:
        raise ValueError(allowed)
    return int(match[1]) * int(kilo ** _POWER[match[2].upper()])
