"""The header section decoded: who wrote to whom, when, about what, in answer to which message."""

from __future__ import annotations

import re
from datetime import datetime

from mailticket import automatic
from mailticket.addresses import MOST_CHARACTERS, AddressList, read_addresses
from mailticket.charsets import one_line, scrub
from mailticket.encoded_words import decode_words, header_text
from mailticket.fields import FieldSection, read_parameters
from mailticket.message import Address, HeaderSection, Limits, folded

_ID = re.compile(r"<([^<>]{1,2000})>")
_BARE_ID = re.compile(r"(?<![^\s<>,;\"])[^\s<>,;\"]{1,1000}@[^\s<>,;\"]{1,1000}")
_MOST_IDS = 1000
_MOST_SENDERS = 20
_LONGEST_ID = 998
"""Characters: a line of a mail can hold no longer one (RFC 5322, 2.1.1)."""


def header_section(
    section: FieldSection, date: datetime | None, defects: tuple[str, ...], limits: Limits
) -> HeaderSection:
    """Decode a header section whose date was read already."""
    charset = read_parameters(section.first("content-type")).get("charset")
    reader = _AddressReader(section, limits.addresses, charset)
    to, cc = reader.all("to"), reader.all("cc")
    reply_to = reader.all("reply-to")
    sender = reader.sender()
    return HeaderSection(
        message_id=message_id(section),
        in_reply_to=_ids(section, "in-reply-to"),
        references=_ids(section, "references"),
        date=date,
        from_=sender,
        reply_to=reply_to,
        to=to,
        cc=cc,
        subject=subject(section, charset),
        automatic=automatic.by_header(section),
        fields=tuple((name, field_text(value, charset)) for name, value in section.fields),
        defects=(*section.defects, *defects, *reader.defects),
    )


def field_text(raw: bytes, charset: str = "") -> str:
    """Turn a raw field value into text that is safe to store, encoded words left as they are."""
    return scrub(header_text(raw, charset))


def decoded(raw: bytes, charset: str = "") -> str:
    """Decode an unstructured field on one line."""
    return one_line(decode_words(header_text(raw, charset)))


def subject(section: FieldSection, charset: str = "") -> str:
    """Give the first Subject that says something."""
    texts = (decoded(raw, charset) for raw in section.all("subject"))
    return next((text for text in texts if text), "")


def message_id(section: FieldSection) -> str:
    """Give the Message-ID without ``<>``, whatever stands between them."""
    for raw in section.all("message-id"):
        text = header_text(raw)
        found = _ID.search(text)
        plain = _squeezed(found[1] if found else text.strip().strip("<>"))
        if plain:
            return plain
    return ""


def _ids(section: FieldSection, name: str) -> tuple[str, ...]:
    """Give the ids of a field in order, each once; bare ones where none has brackets.

    Of more than ``_MOST_IDS`` the last are taken: the nearest ancestors stand there.
    """
    ids: dict[str, None] = {}
    for raw in section.all(name):
        text = header_text(raw)
        found = _ID.findall(text) or _BARE_ID.findall(text)
        ids |= dict.fromkeys(filter(None, map(_squeezed, found)))
    return tuple(ids)[-_MOST_IDS:]


def _squeezed(text: str) -> str:
    """Drop the white space that folding put into an id."""
    return "".join(scrub(text).split())[:_LONGEST_ID]


class _AddressReader:
    """Reads the address fields of one section, within one limit for all of them."""

    def __init__(self, section: FieldSection, limit: int, charset: str) -> None:
        self.section = section
        self.charset = charset
        self.left = limit
        self.limit = limit
        self.defects: list[str] = []

    def all(self, name: str) -> tuple[Address, ...]:
        found = self._read(name, self.left)
        self.left -= len(found.addresses)
        if not found.complete and not found.too_long:
            self.defects.append(f"limit_addresses: more than {self.limit}, {name} taken in part")
        return found.addresses

    def sender(self) -> Address | None:
        """Give the first usable address of From, else of Sender (RFC 5322, 3.6.2)."""
        bare: Address | None = None
        for name in ("from", "sender"):
            found = self._read(name, _MOST_SENDERS).addresses
            usable = [each for each in found if "@" in each.address]
            if usable:
                self._note_others(name, usable)
                return usable[0]
            bare = bare or next(iter(found), None)
        return bare

    def _note_others(self, name: str, senders: list[Address]) -> None:
        """Say that there are others: who checked From on the way may have looked at one of them."""
        others = dict.fromkeys(map(folded, (each.address for each in senders)))
        if len(others) > 1:
            told = ", ".join(others)[:200]
            self.defects.append(f"{name}: several senders, of whom the first is taken: {told}")

    def _read(self, name: str, limit: int) -> AddressList:
        texts = [header_text(raw, self.charset) for raw in self.section.all(name)]
        found = read_addresses(texts, limit)
        if found.too_long:
            what = f"more than {MOST_CHARACTERS} characters"
            self.defects.append(f"limit_addresses: {what}, {name} taken in part")
        return found
