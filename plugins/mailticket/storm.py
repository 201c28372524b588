"""Storm caps: so many of a thing within some minutes, and no more (SPEC 1.3)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mailticket.sizes import Rate

_LONGEST_KEY = 320
"""Characters: what is counted lies in an index, whose keys have a limit."""
_LONGEST_LABEL = 63
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What separates the labels of a domain (RFC 3490, 3.1)."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What a message is held for: all that one storm holds is told by one mail."""

    key: str
    """``sender ada@acme.example``, ``inbox support``, ``ticket R-000012``."""
    minutes: int
    """A pause of this length ends the storm."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps that the database counts for, each for its window."""

    tickets_per_sender: tuple[Rate, ...] = ()
    tickets_per_inbox: tuple[Rate, ...] = ()
    reopens_per_ticket: tuple[Rate, ...] = ()


NO_CAPS = Caps()


def person_behind(address: str) -> str:
    """Fold the addresses that reach one mailbox: without ``+tag``, case, accents and Punycode."""
    local, _, domain = address.rpartition("@")
    domain = ".".join(map(_as_read, _DOTS.split(domain)))
    whole = f"{local.partition('+')[0] or local}@{domain}"
    if whole.isascii():
        return whole.lower()[:_LONGEST_KEY]
    letters = unicodedata.normalize("NFKD", whole).casefold()
    return "".join(c for c in letters if not unicodedata.combining(c))[:_LONGEST_KEY]


def _as_read(label: str) -> str:
    """Give a label of a domain in the letters that it stands for (RFC 5890, 2.3.2.1)."""
    if label[:4].lower() != "xn--" or len(label) > _LONGEST_LABEL or not label.isascii():
        return label
    try:
        letters = label[4:].encode().decode("punycode")
    except UnicodeError:
        return label
    # Python decodes lone surrogates and control characters, too.
    return letters if letters.isprintable() else label


def reached(caps: Sequence[Rate], counts: Sequence[int]) -> Rate | None:
    """Give the first cap that one more would pass; ``counts`` are of each cap's own window."""
    pairs = zip(caps, counts, strict=False)  # what was not counted is not capped
    return next((cap for cap, count in pairs if count >= cap.number), None)


def ended_by(caps: Sequence[Rate]) -> int:
    """Give the minutes without a held message after which a storm is over: the longest window."""
    return max((cap.minutes for cap in caps), default=0)
