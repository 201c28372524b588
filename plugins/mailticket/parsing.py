"""From the original's bytes to a Message: the one way in, and the boundary for every surprise.

``LimitExceeded`` is the only exception that leaves this module. What cannot be decoded becomes a
defect, and the mail's text is shown as plain text as far as that goes.
"""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html import escape, unescape

import mailparser  # noqa: TID251 - this is the file that owns it

from mailticket import bounces
from mailticket.attachments import aliases, collected, identity, location
from mailticket.body import Rendered, Source, rendered
from mailticket.charsets import decode, one_line
from mailticket.content import read_content
from mailticket.dates import read_date
from mailticket.embedded import comparable, mentions, referenced
from mailticket.errors import LimitExceeded
from mailticket.fields import FieldSection, read_fields, section_size
from mailticket.filenames import safe_name, shortened
from mailticket.headers import decoded, header_section
from mailticket.message import Attachment, HeaderSection, Limits, Message, NewPart
from mailticket.options import ParseOptions
from mailticket.parts import Part
from mailticket.quotation import Answers
from mailticket.reply import answers
from mailticket.sanitise import drop_images, drop_others
from mailticket.wellformed import plain_addresses, plain_date

_NO_LIMITS = Limits()
_NO_OPTIONS = ParseOptions()
_IDENTITY = frozenset({"from", "sender", "reply-to", "to", "cc", "date"})
_IDENTITY_BYTES = 16 * 1024
"""Of address fields shown to mailparser, for its diagnosis; our own reader takes them all."""
_LINE_END = re.compile(rb"[\r\n]")
_NO_FIELD = b"\r\n\xef\xbb\xbf \t\0"
_EMBEDDED = re.compile(r'src="cid:([^"<>]*)"', re.IGNORECASE)
"""An image of sanitised HTML that the mail itself holds."""

_DEEPEST_RELATIVE = 3
"""Segments of a path: ``page_files/image001.png`` has two."""


# --- the header section ------------------------------------------------------------------------


def read_header(raw: bytes, limits: Limits = _NO_LIMITS) -> HeaderSection:
    """Decode the header section of an original; the body, if it is there, is not looked at."""
    return _remembered(raw, limits, lambda: _header(_section(_straightened(raw), limits), limits))


def _known_header(raw: bytes, section: FieldSection, limits: Limits) -> HeaderSection:
    """Decode a section whose fields are read, if this process or its parent did not before."""
    if section.defects:
        return _header(section, limits)
    return _remembered(raw[: section.size], limits, lambda: _header(section, limits))


_known: dict[tuple[bytes, Limits], HeaderSection] = {}
"""A pass in one process comes back to each header section in every step."""
_MOST_REMEMBERED = 1024
_REMEMBERED_BYTES = 16 * 1024
_REMEMBERED_PIECES = 400
"""Lines, addresses and ids: a stranger's section of tiny ones takes fifty times its size."""


def _remembered(raw: bytes, limits: Limits, read: Callable[[], HeaderSection]) -> HeaderSection:
    """Give what is known of a section, else ``read`` it."""
    if not _may_be_remembered(raw):
        return read()
    if (found := _known.get((raw, limits))) is not None:
        return found
    if len(_known) >= _MOST_REMEMBERED:
        _known.clear()
    found = _known[raw, limits] = read()
    return found


def _may_be_remembered(raw: bytes) -> bool:
    short = len(raw) <= _REMEMBERED_BYTES
    return short and sum(map(raw.count, (b"\n", b"\r", b",", b"<"))) <= _REMEMBERED_PIECES


def before_fields(raw: bytes) -> int:
    """Give how many bytes of blank lines and byte order marks stand before the first field."""
    if raw[:1] not in _NO_FIELD:
        return 0
    beginning = raw[:4096]
    rest = beginning.lstrip(_NO_FIELD)
    return len(beginning) - len(rest) if rest else 0


def _straightened(raw: bytes) -> bytes:
    """Skip what stands before the first field, and mend line ends of other centuries."""
    start = before_fields(raw)
    raw = raw[start:] if start else raw
    if b"\r\r\n" in raw[:4096]:
        return raw.replace(b"\r\r\n", b"\r\n")
    if b"\n" not in raw[:4096] and b"\r" in raw[:4096]:
        return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return raw


def _section(raw: bytes, limits: Limits) -> FieldSection:
    size = section_size(raw, 0, len(raw))
    if limits.header_bytes < size < len(raw):
        raise _endless(limits)
    # Without a blank line all of it may be fields: no more are read than there may be.
    most = limits.header_bytes + 1
    section = read_fields(raw[: min(size, most)])
    is_cut = size > most and not _LINE_END.search(raw, section.size, most)
    if section.size > limits.header_bytes or is_cut:
        raise _endless(limits)
    return section


def _endless(limits: Limits) -> LimitExceeded:
    # Its real size is not told: a run has not read it, and decides in the same words as `explain`.
    reason = f"it goes on after the {limits.header_bytes} bytes that are allowed"
    return LimitExceeded("limit_header_bytes", reason)


def _header(section: FieldSection, limits: Limits) -> HeaderSection:
    try:
        date, defects = _diagnosed(section)
        return header_section(section, date, defects, limits)
    except Exception as error:  # noqa: BLE001 - no mail may stop a mailbox
        return _unreadable_header(section, error)


def _unreadable_header(section: FieldSection, error: Exception) -> HeaderSection:
    fields = tuple((name, decode(value).text) for name, value in section.fields)
    title = decode(section.first("subject")).text
    defect = f"header section not decoded: {_sentence(error)}"
    return HeaderSection(
        "", (), (), None, None, (), (), (), one_line(title), None, fields, (defect,)
    )


def _diagnosed(section: FieldSection) -> tuple[datetime | None, tuple[str, ...]]:
    """Ask mailparser for the date and for what is wrong with dates and addresses."""
    fields = dict(reversed(section.fields))
    addresses = [fields[name] for name in _IDENTITY - {"date"} if name in fields]
    if (date := plain_date(section.first("date"))) and plain_addresses(addresses):
        return date, ()
    written = decoded(section.first("date"))
    try:
        parser = mailparser.MailParser(email.message_from_bytes(_identity(section)))
    except Exception as error:  # noqa: BLE001 - it raises on some encoded words
        return read_date(written), (f"header section not diagnosed: {_sentence(error)}",)
    date = _with_offset(parser.date, parser.timezone) if written else None
    defects = {
        f"{one_line(str(each.get('header')))}: {one_line(str(each.get('reason')))}": None
        for each in (*parser.address_header_defects, *parser.date_header_defects)
    }
    return date or read_date(written), tuple(defects)


def _identity(section: FieldSection) -> bytes:
    """Write the fields that mailparser may see, each once and short."""
    lines: dict[str, bytes] = {}
    left = _IDENTITY_BYTES
    for name, value in section.fields:
        if name in _IDENTITY and name not in lines and len(value) <= left:
            left -= len(value)
            lines[name] = name.encode() + b": " + value.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"\n".join(lines.values()) + b"\n\n"


def _with_offset(moment: datetime | None, offset: object) -> datetime | None:
    """Give mailparser's UTC date the offset that the header named, in hours."""
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        minutes = round(float(str(offset)) * 60)
        return moment.astimezone(timezone(timedelta(minutes=minutes)))
    except (ValueError, OverflowError):
        return moment


# --- the whole message -------------------------------------------------------------------------


def parse(raw: bytes, options: ParseOptions = _NO_OPTIONS) -> Message:
    """Decode a whole original."""
    raw = _straightened(raw)
    section = _section(raw, options.limits)
    header = _known_header(raw, section, options.limits)
    try:
        return _message(raw, section, header, options)
    except LimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001 - no mail may stop a mailbox
        return _as_plain_text(raw, section, header, error)


def _message(
    raw: bytes, section: FieldSection, header: HeaderSection, options: ParseOptions
) -> Message:
    content = read_content(raw, section, options)
    source = content.source
    locations = _locations(content.attached)
    shown = rendered(source, options, locations, answers(header, source))
    attached = collected(content.attached, content.files, referenced(shown.body.html), options)
    shown = _without_holes(shown, attached.attachments)
    defects = (*header.defects, *content.defects, *source.defects, *shown.defects)
    attachments = attached.attachments
    if not content.complete or any("limit_" in defect for defect in defects):
        attachments = (*attachments, _original(raw, header))
    return Message(
        header=header,
        body=shown.body,
        new_part=shown.new_part,
        automatic=bounces.by_content(header, content.attached, shown.body.text),
        attachments=attachments,
        defects=tuple(dict.fromkeys((*defects, *attached.defects))),
        encrypted=content.encrypted,
    )


def _locations(parts: tuple[Part, ...]) -> dict[str, str]:
    """Say which Content-Location belongs to which Content-ID (RFC 2557)."""
    found: dict[str, str] = {}
    for part in parts:
        # A relative address resolves against that of the page: it is the end of the image's own.
        ends = location(part).rsplit("/", _DEEPEST_RELATIVE)
        for name in filter(None, ("/".join(ends[at:]) for at in range(len(ends)))):
            found.setdefault(name, identity(part))
    return found


def _without_holes(shown: Rendered, attachments: tuple[Attachment, ...]) -> Rendered:
    """Take out images that are not there, and point repeated ones at the one that stays."""
    same = aliases(attachments)
    stays = {comparable(each.content_id) for each in attachments if _is_shown(each)} | same.keys()
    identities = {each.content_id for each in attachments if each.content_id}
    gone = {each for each in identities if comparable(each) not in stays}

    def mended(html: str) -> str:
        if not mentions(html, b"cid:"):
            return html
        # One pass for all of them: a mail can repeat an image a thousand times.
        html = _EMBEDDED.sub(lambda each: _same_image(each, same), html) if same else html
        html = drop_images(html, gone) if gone else html
        named = (comparable(unescape(each[1])) for each in _EMBEDDED.finditer(html))
        return html if stays.issuperset(named) else drop_others(html, stays)

    whole, new = shown.body, shown.new_part
    body = replace(whole, html=mended(whole.html))
    kept = body.html if new.html is whole.html else mended(new.html)
    new_part = replace(new, html=kept, cut_html=mended(new.cut_html))
    return replace(shown, body=body, new_part=new_part)


def _same_image(written: re.Match[str], same: Mapping[str, str]) -> str:
    stays = same.get(comparable(unescape(written[1])))
    return written[0] if stays is None else f'src="cid:{escape(stays)}"'


def _is_shown(attachment: Attachment) -> bool:
    return attachment.inline and attachment.left_out is None


def _original(raw: bytes, header: HeaderSection) -> Attachment:
    """Attach the original of a message that was taken in part."""
    name = shortened((safe_name(header.subject) or "original") + ".eml")
    return Attachment(name, "message/rfc822", "message/rfc822", raw)


def _as_plain_text(
    raw: bytes, section: FieldSection, header: HeaderSection, error: Exception
) -> Message:
    """Show what could not be decoded as it stands, with the original beside it."""
    start = min(section.size, len(raw))
    text = decode(raw[start : start + 100_000]).text
    body = rendered(Source("text/plain", text), _NO_OPTIONS, {}, Answers.NO).body
    defect = f"body not decoded: {_sentence(error)}"
    return Message(
        header=header,
        body=body,
        new_part=NewPart(body.html, body.text),
        automatic=header.automatic,
        attachments=(_original(raw, header),),
        defects=(*header.defects, defect),
    )


def _sentence(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")[:200]
