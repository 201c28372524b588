"""What ``parse`` hands to ``upsert_ticket``: the decoded message, its files named by digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import Any

from mailticket.embedded import comparable
from mailticket.message import Address, Attachment, Automatic, Body, Message, NewPart
from mailticket.sanitise import drop_images, point_images, sanitise
from mailticket.ticket import DESCRIPTION_CHARACTERS

_OVERHANG = 100_000
"""Characters that closing its tags and pointing its images may add to HTML that was cut."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """An attachment without its bytes: those lie in ``blob`` under their SHA-256 (hex)."""

    filename: str
    content_type: str
    sha256: str
    size: int
    content_id: str = ""
    inline: bool = False
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as a ticket will take it; HTML shows its images by ``attachment:<sha256>``."""

    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    date: datetime | None
    body: Body
    new_part: NewPart
    automatic: Automatic | None
    files: tuple[AttachedFile, ...]
    defects: tuple[str, ...]
    whole_body: AttachedFile | None = None
    """All of the body's HTML, where ``body`` has a part of it."""
    whole_new_part: AttachedFile | None = None


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft, and by their digest the bytes of files that it has and the message has not."""

    draft: Draft
    added: Mapping[str, bytes]


def draft_of(message: Message, inline_image_max_width: int) -> Drafted:
    """Reduce a message to what its ticket needs."""
    header = message.header
    files = tuple(map(_attached_file, message.attachments))
    show = _Showing(files, inline_image_max_width)
    new = message.new_part
    body_html, whole_body = show.fitting(message.body.html, message.body.text)
    new_html, whole_new_part = body_html, whole_body
    if new.html != message.body.html:
        new_html, whole_new_part = show.fitting(new.html, new.text)
    cut_html, _ = show.fitting(new.cut_html, new.cut_text)
    draft = Draft(
        header.from_,
        header.to,
        header.cc,
        header.subject,
        header.date,
        Body(message.body.content_type, body_html, message.body.text),
        NewPart(new_html, new.text, cut_html, new.cut_text),
        message.automatic,
        files,
        message.defects,
        _body_file(whole_body),
        _body_file(whole_new_part),
    )
    return Drafted(
        draft, {_digest(whole): whole for whole in (whole_body, whole_new_part) if whole}
    )


def _body_file(whole: bytes) -> AttachedFile | None:
    return AttachedFile("body.html", "text/html", _digest(whole), len(whole)) if whole else None


def _digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()


def _attached_file(attachment: Attachment) -> AttachedFile:
    return AttachedFile(
        attachment.filename,
        attachment.content_type,
        attachment.sha256,
        attachment.size,
        attachment.content_id,
        attachment.inline,
        attachment.left_out,
    )


class _Showing:
    """Points ``cid:`` images at their files and takes out those that were left out."""

    def __init__(self, files: tuple[AttachedFile, ...], max_width: int) -> None:
        kept = {file.sha256 for file in files if not file.left_out}
        self.targets: dict[str, str] = {}
        self.dropped: list[str] = []
        for file in files:
            key = comparable(file.content_id)
            # Of two parts with one Content-ID the first is meant. A second copy of an image is
            # left out as a file, yet the first one can be shown for it.
            if not key or key in self.targets or key in self.dropped:
                continue
            if file.sha256 in kept:
                self.targets[key] = file.sha256
            else:
                self.dropped.append(key)
        self.max_width = max_width

    def fitting(self, html: str, text: str) -> tuple[str, bytes]:
        """Give HTML as a ticket shows it; where that is but a part, the whole of it as well."""
        whole = self._images(html)
        if len(whole) <= DESCRIPTION_CHARACTERS:
            return whole, b""
        # The same image can be shown often, and its address is long: then less is taken.
        for most in (DESCRIPTION_CHARACTERS, DESCRIPTION_CHARACTERS // 8):
            # Cutting may split a tag or leave some open: the sanitiser closes them. It has to come
            # first, since no mail may write the addresses that images are pointed at.
            cut = self._images(sanitise(html[:most], self.max_width).html)
            if len(cut) <= DESCRIPTION_CHARACTERS + _OVERHANG:
                return cut, whole.encode()
        return f"<pre>{escape(text[: DESCRIPTION_CHARACTERS // 8])}</pre>", whole.encode()

    def _images(self, html: str) -> str:
        if "cid:" not in html:
            return html
        return point_images(drop_images(html, self.dropped), self.targets, self.max_width)


def to_document(draft: Draft) -> dict[str, Any]:
    """Give the draft as JSON-able values."""
    return {
        **(_values(draft) or {}),
        "date": draft.date.isoformat() if draft.date else None,
        "sender": _values(draft.sender),
        "to": list(map(_values, draft.to)),
        "cc": list(map(_values, draft.cc)),
        "body": _values(draft.body),
        "new_part": _new_part_document(draft),
        "automatic": _values(draft.automatic),
        "files": list(map(_values, draft.files)),
        "whole_body": _values(draft.whole_body),
        "whole_new_part": _values(draft.whole_new_part),
    }


def _new_part_document(draft: Draft) -> dict[str, Any] | None:
    """Give None where all is new: the longest texts of a draft are not written twice."""
    return (
        None
        if draft.new_part == NewPart(draft.body.html, draft.body.text)
        else _values(draft.new_part)
    )


def _values(part: Any) -> dict[str, Any] | None:
    """Give the fields of one dataclass; ``asdict`` would copy each text in them."""
    return {each: getattr(part, each) for each in part.__slots__} if part is not None else None


class OtherVersion(Exception):
    """The document was written by a version of mailticket whose drafts have other fields."""


def from_document(document: Mapping[str, Any]) -> Draft:
    """Read what ``to_document`` gave; raises ``OtherVersion``."""
    try:
        return _read(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OtherVersion(f"{type(error).__name__}: {error}") from error


def _read(document: Mapping[str, Any]) -> Draft:
    body = Body(**document["body"])
    new_part = document["new_part"]
    return Draft(
        _address(document["sender"]),
        tuple(Address(**one) for one in document["to"]),
        tuple(Address(**one) for one in document["cc"]),
        document["subject"],
        datetime.fromisoformat(document["date"]) if document["date"] else None,
        body,
        NewPart(**new_part) if new_part else NewPart(body.html, body.text),
        _automatic(document["automatic"]),
        tuple(AttachedFile(**one) for one in document["files"]),
        tuple(document["defects"]),
        _file(document.get("whole_body")),
        _file(document.get("whole_new_part")),
    )


def _address(value: Mapping[str, str] | None) -> Address | None:
    return Address(**value) if value else None


def _file(value: Mapping[str, Any] | None) -> AttachedFile | None:
    return AttachedFile(**value) if value else None


def _automatic(value: Mapping[str, Any] | None) -> Automatic | None:
    if not value:
        return None
    failed, about = tuple(value["failed_recipients"]), tuple(value["about"])
    return Automatic(value["kind"], value["reason"], failed, about)
