"""Whom a delivery report could not reach, and which mail it is about (RFC 3464, 5965, 8098)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from mailticket.addresses import read_addresses
from mailticket.bounce_wording import ORIGINAL_BELOW, SYSTEM
from mailticket.charsets import decode
from mailticket.encoded_words import header_text
from mailticket.fields import FieldSection, read_fields, section_size
from mailticket.headers import message_id
from mailticket.message import HeaderSection
from mailticket.parts import Part

REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
ORIGINALS = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822", "message/partial"}
)
_NOTICES = frozenset({"message/disposition-notification", "message/feedback-report"})
_WHO = ("original-recipient", "final-recipient", "original-rcpt-to")
"""RFC 3464, 2.3.1 and 2.3.2; RFC 5965, 3.2."""
_ABOVE = 6000
_LOOKED_THROUGH = 60_000
_RECIPIENTS = 50
_MOST_TO = 10
_ADDRESS = re.compile(
    r"(?<![\w.+=@-])([\w.+=%&'*/!#$^~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63})(?![\w@])"
)
_LOCAL = re.compile(r"[^\s<>;@,]{1,64}(?:@[^\s<>;,]{1,255})?")
_ALONE = re.compile(
    r"^[ \t<\"']*([^\s<>\"':]{1,64}@[^\s<>\"':]{1,255})[>\"']?[ \t]*:?[ \t]*$",
    re.MULTILINE,
)
_QUOTED_FIELDS = re.compile(r"^(?:[\w-]{2,60}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}", re.MULTILINE)
_REPORT_FIELD = re.compile(
    rb"^(?:original|final)-recipient:[^\r\n]{1,1000}", re.IGNORECASE | re.MULTILINE
)
_ORIGINAL_ID = re.compile(
    r"^[ \t>|]*message-id:[ \t]*<([^<>\s]{1,900})>", re.IGNORECASE | re.MULTILINE
)
_JSON_ADDRESS = re.compile(r"emailAddress\\?\"\s*:\s*\\?\"([^\"\\\s]{3,320})\\?\"")


# --- who could not be reached ------------------------------------------------------------------


def failed(header: HeaderSection, parts: Sequence[Part], text: str) -> tuple[str, ...]:
    """Name the recipients by the best evidence: the report, Exim's field, the text, the original.

    The last is whom the mail that came back was written to: right unless it reached some of them.
    """
    for found in _evidence(header, parts, text):
        if named := tuple(dict.fromkeys(found))[:_RECIPIENTS]:
            return named
    return ()


def _evidence(header: HeaderSection, parts: Sequence[Part], text: str) -> Iterator[Iterable[str]]:
    """Yield what each place says, the best first; what comes later is looked at only if need be."""
    yield _reported(parts)
    yield _ADDRESS.findall(header.first("x-failed-recipients")[:5000])
    yield _in_text(header, text)
    yield _nested(parts)
    yield _written_to(parts, text)


def _reported(parts: Sequence[Part]) -> Iterator[str]:
    """RFC 3464, 2.3: one group of fields for each recipient, the first group for the message."""
    for part in parts:
        if part.content_type not in REPORTS | _NOTICES:
            continue
        octets = part.payload().octets[:_LOOKED_THROUGH].replace(b"\r\n", b"\n")
        for group in re.split(rb"\n[ \t]*\n", octets):
            fields = read_fields(group.strip() + b"\n")
            action = fields.first("action").strip().lower()
            if not action.startswith((b"deliver", b"relay", b"expand")):
                yield from _recipient(next(filter(None, map(fields.first, _WHO)), b""))


def _recipient(written: bytes) -> list[str]:
    """Read ``rfc822; <ann@example.org>``: the address, or whatever name stands there."""
    text = decode(written[:1000]).text
    found = _ADDRESS.findall(text.replace(";", " "))
    return found[:1] or _LOCAL.findall(text.rpartition(";")[2])[:1]


def _in_text(header: HeaderSection, text: str) -> list[str]:
    """Take the addresses above the original, but for those of the report itself."""
    if found := _JSON_ADDRESS.findall(text[:_LOOKED_THROUGH]):
        return found
    below = ORIGINAL_BELOW.search(text, 1, _LOOKED_THROUGH)
    above = text[: below.start() if below else _ABOVE]
    own = {each.address.lower() for each in (*header.to, *header.cc)}
    own.add(header.from_.address.lower() if header.from_ else "")
    found = [each for each in _ADDRESS.findall(above) if each.lower() not in own]
    people = [each for each in found if not SYSTEM.search(each)]
    return (people or found)[:_MOST_TO] or _ALONE.findall(above)[:_MOST_TO]


def _nested(parts: Iterable[Part]) -> Iterator[str]:
    """Look into a report that a gateway wrapped in a mail of its own."""
    for part in parts:
        if part.content_type in ORIGINALS:
            octets = part.payload().octets[:_LOOKED_THROUGH]
            for field in _REPORT_FIELD.findall(octets):
                yield from _recipient(field.partition(b":")[2])


def _written_to(parts: Iterable[Part], text: str) -> list[str]:
    below = ORIGINAL_BELOW.search(text, 0, _LOOKED_THROUGH)
    quoted = _QUOTED_FIELDS.search(text, below.start(), _LOOKED_THROUGH) if below else None
    sections = [_original_fields(part) for part in parts if part.content_type in ORIGINALS]
    if quoted:
        sections.append(read_fields(quoted[0].encode("utf-8", "replace")))
    for fields in sections:
        to = read_addresses([header_text(raw) for raw in fields.all("to")], _MOST_TO).addresses
        if named := [each.address for each in to if "@" in each.address]:
            return named
    return []


# --- which mail it is about --------------------------------------------------------------------


def about(header: HeaderSection, parts: Sequence[Part], text: str) -> tuple[str, ...]:
    """Name the mail that came back or was answered, then what the report refers to."""
    ids = [*_original_ids(parts), *_ORIGINAL_ID.findall(text[:_LOOKED_THROUGH])]
    ids += header.in_reply_to or header.references[-1:]
    return tuple(dict.fromkeys(ids))[:_RECIPIENTS]


def _original_ids(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if part.content_type not in ORIGINALS | _NOTICES | REPORTS:
            continue
        fields = _original_fields(part)
        if part.content_type in ORIGINALS:
            yield from filter(None, [message_id(fields)])
        elif written := fields.first("original-message-id") or _x_original(fields):
            yield decode(written[:1000]).text.strip("<> ")


def _original_fields(part: Part) -> FieldSection:
    octets = part.payload().octets[:_LOOKED_THROUGH]
    return read_fields(octets[: section_size(octets, 0, len(octets))])


def _x_original(fields: FieldSection) -> bytes:
    return fields.first("x-original-message-id")
