"""Outlook's winmail.dat opened (MS-OXTNEF), where the optional tnefparse is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mailticket import tnef_counts
from mailticket.charsets import decode

try:
    import tnefparse
except ImportError:  # an optional extra: without it the file is kept as it is
    tnefparse = None

TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_MOST_FILES = 200
_LARGEST = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Opened:
    """What a winmail.dat holds: named files, and a body (``""`` where it has none)."""

    files: tuple[tuple[str, bytes], ...]
    html: str = ""
    text: str = ""


def opened(octets: bytes) -> Opened | None:
    """Open a winmail.dat; ``None`` when that is not possible or gives nothing.

    Raises ``Overdrawn`` for one that would keep its reader busy without end.
    """
    if tnefparse is None or len(octets) > _LARGEST:
        return None
    tnef_counts.check(octets)
    try:
        parsed = tnefparse.TNEF(octets, do_checksum=False)
        found = Opened(_files(parsed), _body(parsed, "htmlbody"), _body(parsed, "body"))
    except Exception:  # noqa: BLE001 - a third party's parser on hostile bytes
        return None
    return found if found.files or found.html or found.text else None


def _files(parsed: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple(
        (_name(each), bytes(each.data))
        for each in parsed.attachments[:_MOST_FILES]
        if isinstance(each.data, (bytes, bytearray)) and each.data
    )


def _name(attachment: Any) -> str:
    name = attachment.long_filename() or attachment.name
    return name if isinstance(name, str) else decode(bytes(name or b"")).text


def _body(parsed: Any, which: str) -> str:
    body = getattr(parsed, which, None)
    if isinstance(body, bytes):
        return decode(body, str(getattr(parsed, "codepage", "") or "")).text
    return decode(body.encode("utf-8", "replace")).text if isinstance(body, str) else ""
