"""A mail that we write ourselves, down to its bytes (RFC 5322, 2045 to 2047, 3834).

Pure: dates and Message-IDs are passed in. Whatever a stranger wrote goes through ``one_line``
or ``many_lines`` first, so that no value can add a field, a line or a control character.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime

from mailticket.message import Address

CRLF = "\r\n"
_LINE = 250
"""Characters of a subject or name: below RFC 5322's 998 octets even where nothing can fold."""
_TEXT = 200_000
_LONGEST_ADDRESS = 254  # RFC 3696, erratum 1690
_LONGEST_LOCAL = 64  # RFC 5321, 4.5.3.1.1
_REFERENCES = 32
# Overrides and isolates turn text round on screen and make a file.exe look like a text.
_BIDI = {ord(c): None for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
_SEVEN_BIT = policy.SMTP.clone(cte_type="7bit")
_ID = re.compile(r"[!-;=?-~]{1,900}")
_NOT_IN_ADDRESS = frozenset('()<>[]:;,"\\@')
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Heading:
    """What every mail of ours is told: who, to whom, when, under which Message-ID."""

    message_id: str
    """Without ``<>``, as ``reference.sign`` makes it."""
    date: datetime
    """Aware."""
    author: Address
    """From: the inbox's address, or ``forward_errors_from``."""
    recipient: str
    """One addr-spec for which ``mailable`` is true."""
    reply_to: str = ""
    """``""``: answers go to the author."""
    language: str = "en"
    """Of the templates: ``fr``, ``fr-CH``; one without templates is written to in English."""


@dataclass(frozen=True, slots=True)
class Thread:
    """The mail that ours answers, and those before it; ids without ``<>``, oldest first."""

    parent: str = ""
    ancestors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Marks:
    """The fields that tell machines to leave a mail unanswered."""

    auto_submitted: str
    suppress: str
    precedence: str = ""


def one_line(text: str, limit: int = _LINE) -> str:
    """Make a stranger's text safe in a header field or a line: no control, no fold, bounded."""
    visible = text[: limit * 4]
    if not visible.isprintable():
        visible = "".join(" " if _breaks(c) else c for c in visible).translate(_BIDI)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def many_lines(text: str, limit: int = _TEXT) -> str:
    """Make a stranger's text safe as a paragraph: line ends and tabs stay, bounded."""
    lines = text[:limit].replace("\r\n", "\n").replace("\r", "\n")
    safe = "".join(" " if c not in "\n\t" and _breaks(c) else c for c in lines).translate(_BIDI)
    return safe if len(text) <= limit else safe + "\n[…]"


def wire_address(address: str) -> str:
    """Give an addr-spec as SMTP and a header can carry it; ``ValueError`` where none can.

    A domain beyond ASCII becomes its A-label (RFC 5891). Quoted local parts and address literals
    are refused: no person writes from them, and they are how commands are smuggled.
    """
    local, _, domain = address.rpartition("@")
    if len(address) > _LONGEST_ADDRESS or not 0 < len(local.encode("utf-8", "replace")) <= (
        _LONGEST_LOCAL
    ):
        raise ValueError("an address has 1 to 64 octets before the @, and 254 in all")
    # A hyphen in front is an option to the programs of a mail server that are given addresses.
    hostile = local.startswith("-") or " " in local or _NOT_IN_ADDRESS.intersection(local)
    if hostile or not local.isprintable():
        raise ValueError("a character before the @ cannot be sent")
    # UnicodeError, a ValueError, where a label is empty, too long or forbidden.
    ascii_domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    if not _DOMAIN.fullmatch(ascii_domain):
        raise ValueError("what stands after the @ is no domain")
    return f"{local}@{ascii_domain}"


def mailable(address: str) -> bool:
    """Tell whether an address, as a stranger wrote it, can be sent to at all."""
    try:
        wire_address(address)
    except ValueError:
        return False
    return True


def header_section(heading: Heading, subject: str, thread: Thread, marks: Marks) -> bytes:
    """Write our header fields, each ended by CRLF, without those of MIME."""
    author = Address(heading.author.name, wire_address(heading.author.address))
    fields = (
        ("Date", format_datetime(_aware(heading.date))),
        ("From", _mailbox(author)),
        ("To", wire_address(heading.recipient)),
        ("Reply-To", wire_address(heading.reply_to or author.address)),
        ("Message-ID", f"<{_checked_id(heading.message_id)}>"),
        ("In-Reply-To", _ids((thread.parent,))),
        ("References", _ids(_lineage(thread))),
        ("Subject", _phrase(one_line(subject), "Subject")),
        ("Auto-Submitted", marks.auto_submitted),
        ("X-Auto-Response-Suppress", marks.suppress),
        ("Precedence", marks.precedence),
    )
    return "".join(f"{name}: {value}{CRLF}" for name, value in fields if value).encode()


def text_part(text: str) -> bytes:
    """Write a text/plain entity in UTF-8 that is 7-bit on the wire, MIME-Version included."""
    part = EmailMessage(policy=_SEVEN_BIT)
    part.set_content(many_lines(text).rstrip("\n") + "\n", charset="utf-8")
    return part.as_bytes()


def _breaks(character: str) -> bool:
    # Cc: controls, NUL, CR, LF; Cs: lone surrogates; Zl, Zp: what str.splitlines also breaks at.
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


def _aware(date: datetime) -> datetime:
    if date.tzinfo is None:
        raise ValueError("the date of a mail needs its offset")
    return date


def _mailbox(address: Address) -> str:
    name = one_line(address.name, 100)
    if not name:
        return address.address
    if name.isascii() and "=?" not in name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address.address}>'
    return f"{_phrase(name, 'From')}{CRLF} <{address.address}>"


def _phrase(text: str, field: str) -> str:
    """Encode as RFC 2047 says, also what only looks encoded: it would be decoded on arrival."""
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    return Header(text, charset, maxlinelen=76, header_name=field).encode(linesep=CRLF)


def _checked_id(message_id: str) -> str:
    if not _ID.fullmatch(message_id):
        raise ValueError("a Message-ID is printable ASCII without spaces and angle brackets")
    return message_id


def _lineage(thread: Thread) -> tuple[str, ...]:
    known = (*thread.ancestors, thread.parent)
    if len(known) <= _REFERENCES:
        return known
    return (known[0], *known[1 - _REFERENCES :])  # the first holds the thread together


def _ids(message_ids: tuple[str, ...]) -> str:
    """List ids one a line; one that a stranger made unwritable is left out."""
    stripped = (i.strip().removeprefix("<").removesuffix(">") for i in message_ids)
    usable = dict.fromkeys(i for i in stripped if _ID.fullmatch(i))
    return f"{CRLF} ".join(f"<{i}>" for i in usable)
