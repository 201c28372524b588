"""The attributes of a start tag, read as the tokenizer of the HTML standard does (13.2.5.32)."""

from __future__ import annotations

import re
from functools import lru_cache

from mailticket.character_references import decoded_attribute

REMEMBERED = 300
"""Characters of a start tag; it is read again where it is longer."""

_PAIR = re.compile(
    r"([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>][^\s>]*+)))?+"
)

Attributes = dict[str, str]
"""Lower-case name to value, its character references decoded."""


def attributes_of(text: str) -> Attributes:
    """Read the inside of a start tag; of a repeated attribute the first counts (13.2.5.33)."""
    if not text:
        return {}
    return dict((_known_pairs if len(text) <= REMEMBERED else _pairs)(text))


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    found: Attributes = {}
    for name, double, single, bare in _PAIR.findall(text):
        found.setdefault(name.lower(), decoded_attribute(double or single or bare))
    return tuple(found.items())


_known_pairs = lru_cache(maxsize=512)(_pairs)
