"""What ``explain`` tells about one file: a JSON object, and the same for a person."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailticket.body import Source, rendered
from mailticket.charsets import decode
from mailticket.message import Address, Attachment, Body, HeaderSection, Message, NewPart
from mailticket.options import ParseOptions
from mailticket.quotation import Answers

Document = Mapping[str, Any]

_WIDTH = 100
_MARKS = {"hit": "✓", "miss": "–", "skipped": "·"}
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


# --- from values to documents ------------------------------------------------------------------


def explanation(
    file: str,
    *,
    error: str | None = None,
    message: Message | None = None,
    decision: Document | None = None,
) -> Document:
    """Give the object that stands for one file; without a message it could not be read."""
    return {
        "file": file,
        "ok": message is not None,
        "error": error,
        "message": message_document(message) if message else None,
        "decision": decision,
    }


def message_document(message: Message) -> Document:
    """Give a message as JSON-able values."""
    header = message.header
    return {
        "message_id": header.message_id,
        "in_reply_to": list(header.in_reply_to),
        "references": list(header.references),
        "date": header.date.isoformat() if header.date else None,
        "from": _address(header.from_) if header.from_ else None,
        "reply_to": [_address(one) for one in header.reply_to],
        "to": [_address(one) for one in header.to],
        "cc": [_address(one) for one in header.cc],
        "subject": header.subject,
        "body": {
            "content_type": message.body.content_type,
            "html": message.body.html,
            "text": message.body.text,
        },
        "new_part": {"html": message.new_part.html, "text": message.new_part.text},
        "automatic": {"kind": message.automatic.kind, "reason": message.automatic.reason}
        if message.automatic
        else None,
        "attachments": [_attachment(one) for one in message.attachments],
        "defects": list(message.defects),
    }


def _address(address: Address) -> Document:
    return {"name": address.name, "address": address.address}


def _attachment(attachment: Attachment) -> Document:
    return {
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "content_id": attachment.content_id,
        "inline": attachment.inline,
        "left_out": attachment.left_out,
    }


def bare_body(octets: bytes, content_type: str, options: ParseOptions) -> Message:
    """Make a message of a body without header section, in UTF-8, taken for a reply's."""
    found = decode(octets, "utf-8")
    text = found.text.replace("\r\n", "\n").replace("\r", "\n")
    shown = rendered(Source(content_type, text), options, {}, Answers.YES)
    defects = tuple(filter(None, (found.defect, *shown.defects)))
    header = HeaderSection("", (), (), None, None, (), (), (), "", None)
    body, new = shown.body, shown.new_part
    return Message(
        header,
        Body(content_type, body.html, body.text),
        NewPart(new.html, new.text, new.cut_html, new.cut_text),
        None,
        (),
        defects,
    )


def json_line(document: Document) -> bytes:
    """Write one line in ASCII, which no file name and no mail can break."""
    return json.dumps(document, ensure_ascii=True, default=str).encode("ascii") + b"\n"


# --- for a person ------------------------------------------------------------------------------


def for_person(document: Document) -> str:
    """Write what ``json_line`` writes as plain text; no terminal can be steered by it."""
    return "".join(f"{_visible(line)}\n" for line in _lines(document))


def _lines(document: Document) -> Iterator[str]:
    yield f"── {document['file']} ".ljust(_WIDTH, "─")
    if document["error"]:
        yield f"error: {document['error']}"
    if document["message"]:
        yield from _message(document["message"])
    if document["decision"]:
        yield from _decision(document["decision"])
    yield ""


def _message(message: Document) -> Iterator[str]:
    yield from _header(message)
    body, new = message["body"], message["new_part"]
    yield from _text(f"body ({body['content_type'] or 'none'})", body["text"])
    if new == {"html": body["html"], "text": body["text"]}:
        yield from ("", "new part: the whole body")
    else:
        yield from _text("new part", new["text"])
    yield from _attachments(message["attachments"])
    yield from _list("defects", message["defects"])


def _header(message: Document) -> Iterator[str]:
    automatic = message["automatic"]
    shown = {
        "message-id": message["message_id"],
        "in-reply-to": ", ".join(message["in_reply_to"]),
        "references": ", ".join(message["references"]),
        "date": message["date"] or "",
        "from": _person(message["from"]) if message["from"] else "nobody",
        "reply-to": ", ".join(map(_person, message["reply_to"])),
        "to": ", ".join(map(_person, message["to"])),
        "cc": ", ".join(map(_person, message["cc"])),
        "subject": message["subject"] or "none",
        "automatic": f"{automatic['kind']}: {automatic['reason']}" if automatic else "",
    }
    width = max(map(len, shown))
    return (f"{name:<{width}}  {value}" for name, value in shown.items() if value)


def _person(address: Document) -> str:
    name, addr_spec = address["name"], address["address"]
    return f"{name} <{addr_spec}>" if name else str(addr_spec)


def _text(title: str, text: str) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    for line in _LINE_BREAK.sub("\n", text or "(empty)").split("\n"):
        yield f"    {line}"


def _attachments(attachments: Sequence[Document]) -> Iterator[str]:
    if not attachments:
        return
    rows = [("file name", "type", "bytes", ""), *map(_attachment_row, attachments)]
    widths = [min(44, max(len(row[n]) for row in rows)) for n in range(3)]
    yield ""
    yield "attachments:"
    for name, content_type, size, note in rows:
        shown = f"{name:<{widths[0]}}  {content_type:<{widths[1]}}  {size:>{widths[2]}}  {note}"
        yield f"    {shown.rstrip()}"


def _attachment_row(one: Document) -> tuple[str, str, str, str]:
    note = "shown in the body" if one["inline"] else ""
    if one["left_out"]:
        note = f"left out: {one['left_out']}"
    return one["filename"], one["content_type"], f"{one['size']:,}", note


def _list(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield from ("", f"{title}:")
        yield from (f"    {entry}" for entry in entries)


def _decision(decision: Document) -> Iterator[str]:
    by = f" by {decision['decided_by']}" if decision["decided_by"] else ""
    yield ""
    yield f"decision: {decision['verdict'] or 'not decided yet'}{by}: {decision['reason']}"
    width = max((len(step["rule"]) for step in decision["steps"]), default=0)
    for step in decision["steps"]:
        told = f"{_MARKS[step['outcome']]} {step['rule']:<{width}}  {step['detail']}"
        yield f"    {told.rstrip()}"
    yield from _list("changes", [_change(one) for one in decision["changes"]])


def _change(change: Document) -> str:
    rest = {**change, **(change.get("fields") or {})}
    told = (
        f"{name} {_short(value)}"
        for name, value in rest.items()
        if name not in ("change", "fields") and value not in (None, "")
    )
    return f"{change['change'].replace('_', ' ')}: {', '.join(told)}"


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return f"{text[:60]}…" if len(text) > 60 else text  # noqa: PLR2004


def _visible(line: str) -> str:
    """Spell out control and format characters, tabs aside: a mail may hold escape sequences."""
    return "".join(
        one if one == "\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs") else _spelt(one)
        for one in line
    )


def _spelt(character: str) -> str:
    # Joiners belong to the scripts and emoji that need them, and steer nothing.
    return character if character in "\u200c\u200d\u00ad" else f"\\u{ord(character):04x}"
