"""A message that arrives: what of it is kept to tell it from others, and to be told by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from mailticket.errors import LimitExceeded
from mailticket.identity import content_hash, header_hash, header_size
from mailticket.mailboxes.base import Listed
from mailticket.message import HeaderSection, folded
from mailticket.parsing import before_fields, read_header
from mailticket.store.intake import Arrival, message_key

_READ_INSTEAD = (8192, 1024, 0)
"""Bytes of a header section that is beyond a limit: enough to say who wrote about what."""

_NAMELESS = HeaderSection("", (), (), None, None, (), (), (), "", None)


def arrival(
    listed: Listed, raw: bytes, *, whole: bool, read: Callable[[bytes], HeaderSection] = read_header
) -> Arrival:
    """Describe a message by its original or, where that is not had, by its header section.

    A header section that breaks its reader leaves it without a name: no message may keep those
    after it from being fetched.
    """
    size = header_size(raw)
    end = _section_end(raw, size)
    header = _header(raw[:end], read)
    people = [folded(a.address) for a in (header.from_, *header.to, *header.cc) if a]
    return Arrival(
        uid=listed.uid,
        size=listed.size,
        received_at=_moment(listed.received_at),
        header_size=end,
        header_hash=header_hash(raw, size),
        content_hash=content_hash(raw, size) if whole else None,
        message_id=header.message_id,
        sent_at=_moment(header.date),
        sender=header.from_.address if header.from_ else "",
        sender_name=header.from_.name if header.from_ else "",
        subject=header.subject,
        participants=tuple(dict.fromkeys(people))[:500],
        raw=raw,
        whole=whole,
    )


def nameless(refused: Arrival) -> Arrival:
    """Keep the original of a message whose header section the database does not take."""
    return replace(
        refused, message_id="", sent_at=None, sender="", sender_name="", subject="", participants=()
    )


def is_the_same(message_id: str, known_hash: bytes, header: bytes) -> bool:
    """Tell whether a header section is that of a known message.

    By its Message-ID where it has one: some servers write the rest anew each time.
    """
    size = header_size(header)
    section = header[: _section_end(header, size)]
    if message_id and message_key(_header(section, read_header).message_id) == message_id:
        return True
    return known_hash == header_hash(header, size)


def _header(section: bytes, read: Callable[[bytes], HeaderSection]) -> HeaderSection:
    for length in (len(section), *_READ_INSTEAD):
        try:
            return read(section[:length])
        except LimitExceeded:  # decided in `filter`, where limits have their reason
            continue
        except Exception:  # noqa: BLE001  what is wrong with it is told by `filter`
            return _NAMELESS
    raise AssertionError("nothing is within every limit")


def _section_end(raw: bytes, size: int) -> int:
    """Find the header section where ``parse`` does: they must not see different senders.

    It has ``size`` bytes, if nothing stands before its first field.
    """
    start = before_fields(raw)
    return start + header_size(raw[start:]) if start else size


def _moment(moment: datetime | None) -> datetime | None:
    """Give a date as PostgreSQL takes it: offsets beyond 16 hours are no dates to it."""
    try:
        return moment.astimezone(UTC) if moment else None
    except (OverflowError, ValueError):
        return None
