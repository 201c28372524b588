"""A draft holds what a ticket can show, and the whole of what is too long for it."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

from mailticket.draft import Drafted, draft_of, from_document, to_document
from mailticket.message import Attachment, Body, Message, NewPart
from mailticket.ticket import DESCRIPTION_CHARACTERS
from services.cases import header

IMAGE = Attachment("a.png", "image/png", "image/png", b"png", "a@x", inline=True)
SHOWN = '<img src="cid:a@x" alt="here">'
POINTED = f'src="attachment:{IMAGE.sha256}"'
LONG = "<p>" + "plain words &amp; " * 80_000 + "</p>"
SPACE = 100_100
"""Characters that a part may be longer than the limit."""


def drafted(html: str, text: str = "", new: NewPart | None = None) -> Drafted:
    """Make a draft of a message with one image."""
    body = Body("text/html", html, text)
    message = Message(header(), body, new or NewPart("", ""), None, (IMAGE,))
    return draft_of(message, 250)


def test_a_short_body_is_taken_whole_with_its_images() -> None:
    found = drafted(f"<p>{SHOWN}</p>")
    assert POINTED in found.draft.body.html
    assert (found.draft.whole_body, found.draft.whole_new_part) == (None, None)
    assert found.added == {}


def test_too_long_a_body_is_cut_where_html_stays_whole_and_comes_as_a_file() -> None:
    found = drafted(LONG)
    html, whole = found.draft.body.html, found.draft.whole_body
    assert DESCRIPTION_CHARACTERS - 100 < len(html) <= DESCRIPTION_CHARACTERS + 100
    assert html.endswith("</p>")
    assert whole is not None
    assert (whole.filename, whole.content_type, whole.size) == ("body.html", "text/html", len(LONG))
    assert found.added == {whole.sha256: LONG.encode()}
    assert whole.sha256 == sha256(LONG.encode()).hexdigest()


def test_a_mail_that_is_all_new_is_written_once_and_read_as_it_was() -> None:
    draft = drafted("<p>Hello</p>", "Hello", NewPart("<p>Hello</p>", "Hello")).draft
    written = json.dumps(to_document(draft))
    assert written.count("<p>Hello</p>") == 1
    assert from_document(json.loads(written)) == draft


def test_images_stay_in_a_body_that_is_cut() -> None:
    found = drafted(SHOWN + LONG + SHOWN)
    assert found.draft.body.html.count(POINTED) == 1
    assert next(iter(found.added.values())).decode().count(POINTED) == 2


def test_an_address_that_a_mail_may_not_write_does_not_come_in_by_cutting() -> None:
    found = drafted(f'<img {POINTED} alt="mine">' + LONG)
    assert "attachment:" not in found.draft.body.html


def test_an_image_shown_without_end_leaves_a_part_that_shows_it_too() -> None:
    found = drafted(SHOWN * 40_000)
    assert len(found.draft.body.html) <= DESCRIPTION_CHARACTERS + SPACE
    assert found.draft.body.html.count(POINTED) > 1000


def test_a_new_part_is_cut_as_a_body_and_of_what_was_cut_off_no_file_is_made() -> None:
    found = drafted("", new=NewPart(SHOWN + LONG, "", LONG, ""))
    new = found.draft.new_part
    assert max(len(new.html), len(new.cut_html)) <= DESCRIPTION_CHARACTERS + SPACE
    assert POINTED in new.html
    assert found.draft.whole_body is None
    assert found.draft.whole_new_part is not None
    assert list(found.added) == [found.draft.whole_new_part.sha256]


def test_a_draft_is_the_same_after_it_was_stored() -> None:
    draft = drafted(LONG, new=NewPart(LONG, "x", LONG, "y")).draft
    assert from_document(json.loads(json.dumps(to_document(draft)))) == draft


def test_a_draft_of_a_former_version_is_read() -> None:
    draft = drafted("<p>x</p>").draft
    document = to_document(replace(draft, whole_body=None))
    del document["whole_body"], document["whole_new_part"]
    assert from_document(document) == draft
