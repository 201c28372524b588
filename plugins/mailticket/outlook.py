"""A message as Outlook keeps it in winmail.dat and .msg, and as a mail of RFC 5322."""

from __future__ import annotations

import re
from base64 import encodebytes
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from hashlib import sha256

from mailticket.charsets import one_line
from mailticket.compressed_rtf import laid_open
from mailticket.embedded import comparable, referenced
from mailticket.filenames import safe_name, shortened
from mailticket.media_types import type_of_name
from mailticket.message import Address
from mailticket.rtf import unwrapped

_OWN_FIELDS = re.compile(r"(?:content-[^:]*|mime-version)\s*:", re.IGNORECASE)
_FIELD = re.compile(r"[!-9;-~]{1,200}\s*:")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
_LONGEST_LINE = 900
_EML = "message/rfc822"


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file inside a message; ``content_type`` is ``""`` where nothing says it."""

    filename: str
    octets: bytes
    content_type: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class OutlookMessage:
    """What was read of one message."""

    subject: str = ""
    sender: Address | None = None
    to: str = ""
    cc: str = ""
    """As shown, not as addresses: often names alone."""
    date: datetime | None = None
    header: str = ""
    """The header section of the mail that it was, ``""`` for one that never was sent."""
    html: str = ""
    text: str = ""
    files: tuple[HeldFile, ...] = ()
    complete: bool = True
    """Nothing in it had to be passed over."""

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to be shown."""
        return not (self.files or self.html.strip() or self.text.strip())


def mime_type(written: str) -> str:
    """Give a declared type in lower case, ``""`` for what is none."""
    return written.lower() if _TYPE.fullmatch(written.lower()) else ""


def bodies(html: str, text: str, compressed_rtf: bytes) -> tuple[str, str]:
    """Give HTML and text; RTF counts where there is no HTML, and is laid open for that alone."""
    if html.strip() or not compressed_rtf:
        return html, text
    inside = unwrapped(laid_open(compressed_rtf))
    return inside.html, text if text.strip() else inside.text


def eml_name(message: OutlookMessage) -> str:
    """Name a message by its subject."""
    title = safe_name(message.subject.replace("/", "-").replace("\\", "-"))
    return shortened((title or "message") + ".eml")


def shown_in(html: str, files: tuple[HeldFile, ...]) -> tuple[HeldFile, ...]:
    """Give the files that HTML refers to."""
    names = referenced(html)
    return tuple(each for each in files if comparable(each.content_id) in names)


def as_eml(message: OutlookMessage, files: tuple[HeldFile, ...]) -> bytes:
    """Write a message with some of its files as a mail; the same bytes each time."""
    parts = [*_texts(message), *map(_file_part, files)]
    boundary = f"=_{sha256(b''.join(parts)).hexdigest()[:40]}"
    kind = "related" if message.html and shown_in(message.html, files) else "mixed"
    top = f'MIME-Version: 1.0\nContent-Type: multipart/{kind};\n boundary="{boundary}"\n\n'
    body = b"".join(b"--%s\n%s\n" % (boundary.encode(), part) for part in parts)
    written = _header(message) + top.encode() + body + f"--{boundary}--\n".encode()
    return written.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# --- its parts ---------------------------------------------------------------------------------


def _texts(message: OutlookMessage) -> list[bytes]:
    """Give the best form of the body: HTML, else text."""
    kind, text = ("html", message.html) if message.html.strip() else ("plain", message.text)
    octets = text.encode("utf-8", "replace")
    return [_part([f"Content-Type: text/{kind}; charset=utf-8"], octets)]


def _file_part(file: HeldFile) -> bytes:
    name = safe_name(file.filename)
    content_type = file.content_type or type_of_name(name) or "application/octet-stream"
    fields = [f"Content-Type: {content_type}"]
    if name and name.isascii():
        fields.append(f'Content-Disposition: attachment;\n filename="{name}"')
    elif name:
        fields.append(f"Content-Disposition: attachment;\n filename*=utf-8''{_percents(name)}")
    if file.content_id:
        fields.append(f"Content-ID: <{one_line(file.content_id)}>")
    if file.content_type == _EML:
        # RFC 2046, 5.2.1 forbids base64 here; our own .eml has short lines and no NUL.
        encoding = "7bit" if file.octets.isascii() else "8bit"
        written = "\n".join([*fields, f"Content-Transfer-Encoding: {encoding}", "", ""])
        return written.encode() + file.octets
    return _part(fields, file.octets)


def _percents(name: str) -> str:
    return "".join(
        chr(octet) if chr(octet).isalnum() and octet < 128 else f"%{octet:02X}"  # noqa: PLR2004
        for octet in name.encode()
    )


def _part(fields: list[str], octets: bytes) -> bytes:
    written = "\n".join([*fields, "Content-Transfer-Encoding: base64", "", ""])
    return written.encode("utf-8", "replace") + encodebytes(octets)


# --- its header section ------------------------------------------------------------------------


def _header(message: OutlookMessage) -> bytes:
    """Give the header section that it was sent with, else one made of what is known."""
    if message.header and (kept := _kept_fields(message.header)):
        return kept
    fields = [
        ("From", _address(message.sender)),
        ("To", _encoded(message.to)),
        ("Cc", _encoded(message.cc)),
        ("Subject", _encoded(message.subject)),
        ("Date", format_datetime(message.date) if message.date else ""),
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields if value).encode()


def _kept_fields(header: str) -> bytes:
    """Leave out what describes the body as it was then."""
    lines: list[str] = []
    keeps = False
    for line in header.splitlines():
        if not line[:1].isspace():
            keeps = bool(_FIELD.match(line)) and not _OWN_FIELDS.match(line)
        if keeps and line.strip():
            lines.append(line[:_LONGEST_LINE] + "\n")
    return "".join(lines).encode("utf-8", "replace")


def _address(sender: Address | None) -> str:
    if sender is None:
        return ""
    return formataddr((_encoded(sender.name), one_line(sender.address)), "utf-8")


def _encoded(value: str) -> str:
    line = one_line(value)
    return line if line.isascii() and len(line) < _LONGEST_LINE else Header(line, "utf-8").encode()
