"""Each mail of tests/messages with a sidecar says what its sidecar says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mailticket.message import Attachment, Message
from mailticket.parsing import parse

MESSAGES = Path(__file__).parent.parent / "messages"
SIDECARS = sorted(path for path in MESSAGES.glob("*/*.toml") if path.with_suffix(".eml").exists())


def seen(message: Message) -> dict[str, Any]:
    """Say about a message what sidecars may ask."""
    header, automatic = message.header, message.automatic
    return {
        "from": str(header.from_ or ""),
        "to": [str(each) for each in header.to],
        "cc": [str(each) for each in header.cc],
        "reply_to": [str(each) for each in header.reply_to],
        "subject": header.subject,
        "date": header.date.isoformat() if header.date else "",
        "message_id": header.message_id,
        "in_reply_to": list(header.in_reply_to),
        "references": list(header.references),
        "body_type": message.body.content_type,
        "text": message.body.text,
        "new_text": message.new_part.text,
        "automatic": automatic.kind if automatic else "",
        "failed_recipients": list(automatic.failed_recipients) if automatic else [],
        "about": list(automatic.about) if automatic else [],
        "encrypted": message.encrypted,
        "defects": list(message.defects),
    }


def seen_of(attachment: Attachment, asked: dict[str, Any]) -> dict[str, Any]:
    """Give what is asked of an attachment; ``left_out`` always."""
    return {key: getattr(attachment, key) for key in (*asked, "left_out")}


@pytest.mark.parametrize("sidecar", SIDECARS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_mail_says_what_its_sidecar_says(sidecar: Path) -> None:
    asked = tomllib.loads(sidecar.read_text(encoding="utf-8"))
    message = parse(sidecar.with_suffix(".eml").read_bytes())
    texts = {"text": message.body.text, "html": message.body.html}
    for key in ("text", "html"):
        for piece in asked.pop(f"{key}_contains", []):
            assert piece in texts[key]
        for piece in asked.pop(f"{key}_lacks", []):
            assert piece not in texts[key]
    attachments = asked.pop("attachments", None)
    found = seen(message)
    if "defects" in asked:
        assert set(asked.pop("defects")) <= set(found["defects"])
    assert {key: found[key] for key in asked} == asked
    if attachments is not None:
        expected = [{"left_out": None, **each} for each in attachments]
        assert len(message.attachments) == len(expected)
        assert list(map(seen_of, message.attachments, expected)) == expected


def test_the_corpus_is_there() -> None:
    assert len(SIDECARS) > 70
