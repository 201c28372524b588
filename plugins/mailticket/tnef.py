"""Outlook's winmail.dat opened (MS-OXTNEF), where the optional tnefparse is installed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from struct import pack, unpack_from
from typing import Any

from mailticket import tnef_counts
from mailticket.charsets import decode, one_line
from mailticket.message import Address
from mailticket.outlook import HeldFile, OutlookMessage, as_eml, bodies, eml_name, mime_type

try:
    import tnefparse
except ImportError:  # an optional extra: without it the file is kept as it is
    tnefparse = None

TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_MOST_FILES = 200
_MOST_NESTED = 5
_LARGEST = 64 * 1024**2
_HEAD, _CHECKSUM = 9, 2
_FIRST_OBJECT = 6
_LEAST_OBJECT = 12
_READ = frozenset({0x800C, 0x9002, 0x9003, 0x9007})
"""Body, start of an attachment, properties, code page: on the others tnefparse may stumble."""
_CP1252 = pack("<BHHI", 1, 0x9007, 6, 8) + pack("<II", 1252, 0) + b"\0\0"

_SUBJECT, _SENT, _HEADERS = 0x0037, 0x0039, 0x007D
_SENDER_NAME, _SENDER_EMAIL, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_CC, _TO = 0x0E03, 0x0E04
_MIME_TYPE, _CONTENT_ID = 0x370E, 0x3712
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def opened(octets: bytes) -> OutlookMessage | None:
    """Open a winmail.dat; ``None`` when that is not possible or gives nothing.

    Raises ``Overdrawn`` for one that would keep its reader busy without end.
    """
    if tnefparse is None or len(octets) > _LARGEST:
        return None
    tnef_counts.check(octets)
    try:
        found = _message(tnefparse.TNEF(_readable(octets), do_checksum=False), 0)
    except Exception:  # noqa: BLE001 - a third party's parser on hostile bytes
        return None
    return None if found.is_empty else found


def _readable(octets: bytes) -> bytes:
    """Leave the objects that are asked for, behind a code page for files that name none."""
    return octets[:_FIRST_OBJECT] + _CP1252 + b"".join(_objects(octets))


def _objects(octets: bytes) -> Iterator[bytes]:
    at = _FIRST_OBJECT
    while at + _LEAST_OBJECT < len(octets):
        level, name, length = unpack_from("<BH2xI", octets, at)
        end = min(len(octets), at + _HEAD + length + _CHECKSUM)
        if level == tnefparse.TNEF.LVL_ATTACHMENT or name in _READ:
            yield octets[at:end]
        at = end


def _message(parsed: Any, depth: int) -> OutlookMessage:
    said = {each.name: each for each in reversed(parsed.mapiprops)}
    text, html = _body(parsed, "body"), _body(parsed, "htmlbody")
    html, text = bodies(html, text, _octets(getattr(parsed, "_rtfbody", b"")))
    held = [_file(each, depth) for each in parsed.attachments]
    files = tuple(each for each in held if each is not None)[:_MOST_FILES]
    return OutlookMessage(
        subject=_text(said, _SUBJECT) or _subject(parsed),
        sender=_sender(said),
        to=_text(said, _TO),
        cc=_text(said, _CC),
        date=_date(said),
        header=_text(said, _HEADERS, lines=True),
        html=html,
        text=text,
        files=files,
        complete=len(held) == len(files),
    )


def _subject(parsed: Any) -> str:
    """Give the subject of a message that has it as an object of its own, not as a property."""
    title = tnefparse.TNEF.ATTSUBJECT
    return next((_said(each.data) for each in parsed.msgprops if each.name == title), "")


def _file(attachment: Any, depth: int) -> HeldFile | None:
    """Read an attachment; a message becomes an .eml with its subject as name."""
    if (inner := getattr(attachment, "embed", None)) is not None and depth < _MOST_NESTED:
        message = _message(inner, depth + 1)
        return HeldFile(eml_name(message), as_eml(message, message.files), "message/rfc822")
    if not isinstance(attachment.data, (bytes, bytearray)) or not attachment.data:
        return None
    said = {each.name: each for each in attachment.mapi_attrs}
    content_id = _text(said, _CONTENT_ID).strip("<>")
    name = _name(attachment)
    return HeldFile(name, bytes(attachment.data), mime_type(_text(said, _MIME_TYPE)), content_id)


def _name(attachment: Any) -> str:
    # Its own ``name`` takes bytes for UTF-8, and raises where they are none.
    short = getattr(attachment, "_name", b"")
    said = {each.name: each for each in attachment.mapi_attrs}
    long = _text(said, tnefparse.properties.MAPI_ATTACH_LONG_FILENAME)
    return long or _said(short)


def _said(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    text = value if isinstance(value, str) else decode(_octets(value).rstrip(b"\0")).text
    return one_line(text.split("\0", 1)[0])


def _text(said: dict[int, Any], name: int, *, lines: bool = False) -> str:
    value = said[name].data if name in said else ""
    if lines and isinstance(value, str):
        return value.replace("\0", "")
    return _said(value) if isinstance(value, (str, bytes, list)) else ""


def _octets(value: Any) -> bytes:
    if isinstance(value, list):
        value = value[0] if value else b""
    return bytes(value) if isinstance(value, (bytes, bytearray)) else b""


def _sender(said: dict[int, Any]) -> Address | None:
    address = _text(said, _SENDER_SMTP) or _text(said, _SENDER_EMAIL)
    name = _text(said, _SENDER_NAME)
    return Address(name, address if "@" in address else "") if name or address else None


def _date(said: dict[int, Any]) -> datetime | None:
    value = said[_SENT].raw_data if _SENT in said else b""
    return moment(value) if isinstance(value, bytes) and len(value) == 8 else None  # noqa: PLR2004


def moment(octets: bytes) -> datetime | None:
    """Read a FILETIME, tenths of microseconds since 1601; ``None`` outside of 1970 to 9999."""
    try:
        found = _EPOCH + timedelta(microseconds=int.from_bytes(octets, "little") // 10)
    except OverflowError:
        return None
    return found if found.year >= 1970 else None  # noqa: PLR2004


def _body(parsed: Any, which: str) -> str:
    body = getattr(parsed, which, None)
    if isinstance(body, list):
        body = body[0] if body else ""
    if isinstance(body, bytes):
        return decode(body.rstrip(b"\0"), str(getattr(parsed, "codepage", "") or "")).text
    return decode(body.encode("utf-8", "replace")).text if isinstance(body, str) else ""
