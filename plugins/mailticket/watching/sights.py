"""What a look at a mailbox shows that our rows do not know yet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """News of a mailbox; without news ``key`` is None."""

    key: str | None
    """Changes when there is other news than before, or when some of it was fetched."""
    said: str = ""
    """For whoever looks at the bell."""


NOTHING_NEW = Sight(None)


def by_uid(uidvalidity: int, cursor: int, uids: Sequence[int]) -> Sight:
    """Give the news of an IMAP folder: its UIDs above the one up to which all have rows."""
    if not uids:
        return NOTHING_NEW
    return Sight(f"{uidvalidity}:{cursor}:{uids[-1]}", _many(len(uids)))


def by_name(unknown: Sequence[str]) -> Sight:
    """Give the news of a maildrop: the UIDLs that have no row."""
    if not unknown:
        return NOTHING_NEW
    digest = hashlib.sha256("\n".join(sorted(unknown)).encode()).hexdigest()
    return Sight(f"{len(unknown)}:{digest[:16]}", _many(len(unknown)))


def _many(number: int) -> str:
    return f"{number} new message{'' if number == 1 else 's'}"
