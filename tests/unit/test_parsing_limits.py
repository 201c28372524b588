"""Mails that break naive parsers are read, in part or whole, within their bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailticket.errors import LimitExceeded
from mailticket.message import Limits, Message
from mailticket.options import ParseOptions
from mailticket.parsing import parse, read_header

SECONDS = 5
HEAD = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\nIn-Reply-To: <q@b.example>\r\n"
HTML = HEAD + b"Content-Type: text/html\r\n\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


@pytest.fixture
def within_seconds() -> Iterator[None]:
    """Fail when a test takes as long as a naive parser would."""
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def nested(count: int) -> bytes:
    opening = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    return HEAD + b"".join(opening % (each, each) for each in range(count)) + b"\r\nhello\r\n"


def is_storable(message: Message) -> bool:
    texts = [
        *(value for _, value in message.header.fields),
        message.header.subject,
        message.header.message_id,
        message.body.text,
        message.body.html,
        message.new_part.text,
        message.new_part.html,
        message.new_part.cut_text,
        *(each.filename + each.content_id for each in message.attachments),
        *message.defects,
        message.automatic.reason if message.automatic else "",
    ]
    whole = "".join(texts)
    return "\0" not in whole and whole == whole.encode("utf-8", "replace").decode("utf-8")


def repeated_image(copies: int, shown: int) -> bytes:
    """Give a mail with one image in many copies, and HTML that shows each of them often."""
    image = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\xc8\0\0\0\xc8\x08\0\0\0\0\0\0\0\0" + b"\0" * 8
    opening = b"--b\r\nContent-Type: text/html\r\n\r\n"
    html = b"".join(b'<img src="cid:c%d">' % (each % copies) for each in range(shown))
    part = b"\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <c%d>\r\n\r\n" + image
    kind = b"Content-Type: multipart/related; boundary=b\r\n\r\n"
    return HEAD + kind + opening + html + b"".join(part % each for each in range(copies))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "640 KB of encoded words": lambda: (
        b"From: a@b.example\r\nSubject: "
        + b"\r\n ".join([b"=?utf-8?B?w7zDvMO8w7zDvMO8w7zDvMO8?="] * 17000)
        + b"\r\n\r\nx"
    ),
    "encoded words never closed": lambda: b"Subject: " + b"=?a?q?" * 100_000 + b"\r\n\r\nx",
    "nested comments": lambda: (
        b"From: " + b"(" * 200_000 + b")" * 200_000 + b"a@b.example\r\nTo: " + b"(" * 300_000
    ),
    "quotes never closed": lambda: b"To: " + b'"' * 300_001 + b"\r\n\r\nx",
    "1,300 nested multiparts": lambda: nested(1300),
    "one boundary everywhere": lambda: (
        MIXED + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 20_000
    ),
    "50,000 one-byte attachments": lambda: (
        MIXED + b"--b\r\nContent-Type: application/x; name=a\r\n\r\nx\r\n" * 50_000 + b"--b--\r\n"
    ),
    "parameters without end": lambda: (
        HEAD + b"Content-Type: text/plain; " + b"n*1*=a;" * 100_000 + b"\r\n\r\nx"
    ),
    "100 KB lines": lambda: HEAD + b"\r\n" + (b"x" * 100_000 + b"\r\n") * 30,
    "lines of addresses": lambda: HEAD + b"\r\n" + (b"ann@b.example" * 500 + b"\r\n") * 50,
    "100 KB of quote marks": lambda: HEAD + b"\r\n" + (b"> " * 50_000 + b"\r\n") * 10,
    "5 MB of <b>": lambda: HTML + b"<b>" * 1_700_000,
    "10,000 nested divs": lambda: HTML + b"<div>" * 10_000 + b"x",
    "200,000 comments": lambda: HTML + b"<!--" * 200_000,
    "800,000 hard blanks": lambda: HTML + b"&nbsp;" * 800_000,
    "4 MB of <": lambda: HTML + b"<" * 4_000_000,
    "data URLs": lambda: HTML + b'<img src="data:image/png;base64,iVBORw0KGgo=">' * 20_000,
    "2 MB of line ends": lambda: HEAD + b"\r\n" + b"\n" * 2_000_000,
    "broken base64": lambda: (
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD=\n=" * 300_000
    ),
    "base64 with padding amid its lines": lambda: (
        MIXED
        + b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"QUJDRA==\r\n" * 40
        + b"-\r\n--b--\r\n"
    ),
    "an SVG of prologues": lambda: (
        MIXED + (b"--b\r\nContent-Type: image/svg+xml\r\n\r\n" + b" <?xml" * 1500 + b"\r\n") * 500
    ),
    "report of line ends": lambda: (
        MIXED + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + b"\n\n" * 500_000
    ),
    "noise": lambda: bytes(range(256)) * 8_000,
    "nothing": lambda: b"",
    "line ends only": lambda: b"\r\n" * 100_000,
}


@pytest.mark.usefixtures("within_seconds")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_answered_in_time(name: str) -> None:
    message = parse(HOSTILE[name]())
    assert is_storable(message)
    assert not [each for each in message.defects if "not decoded" in each]


def test_a_header_section_beyond_its_limit_is_refused() -> None:
    raw = b"X-Field: y\r\n" * 100_000 + b"\r\nx"
    with pytest.raises(LimitExceeded) as refused:
        parse(raw)
    assert refused.value.limit == "limit_header_bytes"
    with pytest.raises(LimitExceeded):
        read_header(raw)


def test_header_sections_without_an_end_are_refused_too() -> None:
    with pytest.raises(LimitExceeded):
        read_header(b"X-Field: y\r\n" * 100_000)


@pytest.mark.usefixtures("within_seconds")
def test_of_32000_recipients_2000_are_taken_and_the_original_is_attached() -> None:
    people = b",\r\n ".join(b"U%d <u%d@e.example>" % (each, each) for each in range(32_000))
    raw = b"From: a@b.example\r\nSubject: many\r\nTo: " + people + b"\r\n\r\nx"
    message = parse(raw, ParseOptions(limits=Limits(header_bytes=2 * 1024**2)))
    assert len(message.header.to) == 2000
    assert [(each.filename, each.data) for each in message.attachments] == [("many.eml", raw)]
    assert message.attachments[0].left_out is None
    assert "limit_addresses" in " ".join(message.defects)


@pytest.mark.parametrize(
    ("raw", "limit"),
    [
        (nested(60), "limit_depth"),
        (MIXED + b"--b\r\n\r\nx\r\n" * 1200, "limit_parts"),
        (HTML + b"<p>" + b"long " * 1_100_000, "limit_html_bytes"),
    ],
    ids=["depth", "parts", "html"],
)
def test_beyond_a_limit_a_mail_is_taken_in_part_with_its_original(raw: bytes, limit: str) -> None:
    message = parse(raw)
    assert any(limit in defect for defect in message.defects)
    assert message.attachments[-1].content_type == "message/rfc822"
    assert message.attachments[-1].data == raw


def test_within_its_limits_no_original_is_attached() -> None:
    assert parse(nested(40)).attachments == ()


def test_an_image_beyond_the_pixel_limit_stays_unopened() -> None:
    png = (
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
        b"\0\0\0\0\0\0\0\0IDAT\0\0\0\0\0\0\0\0IEND\0\0\0\0"
    )
    raw = MIXED + b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\n" + png + b"\r\n--b--\r\n"
    message = parse(raw, ParseOptions(images_maximum_size=(100, 100)))
    assert [(each.data, each.inline) for each in message.attachments] == [(png, False)]
    assert message.defects == (
        "a.png: image of 30000x30000 attached unopened (limit_image_pixels)",
    )


PIECES = st.sampled_from(
    rb"""From: |a@b.example|\r\n|\r\n\r\n|\n |Subject: |=?utf-8?B?|?=|=?x?q?
|Content-Type: |text/html|multipart/mixed; boundary=b|; charset=|utf-7|iso-2022-jp|hz|\r\n--b\r\n
|\r\n--b--\r\n
|Content-Transfer-Encoding: base64|quoted-printable|message/rfc822|\x1b$B|\xff|\x00|<p>|"|(|<|>|,|;
|<img src=cid:x>|&#0;|&#xD800;|Date: |Content-ID: <x>|filename*0*=utf-8''%00|\xed\xa0\x80|> |~{<:~}
|BEGIN:VEVENT|text/calendar|application/pkcs7-mime|\x30\x80\x06\x09|application/ms-tnef
|message/delivery-status|multipart/report|data:image/png;base64,""".replace(b"\n", b"")
    .decode("unicode-escape")
    .encode("latin-1")
    .split(b"|")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=60))
def test_no_bytes_at_all_raise_anything(pieces: list[bytes]) -> None:
    message = parse(b"".join(pieces))
    assert is_storable(message)
    assert not [each for each in message.defects if "not decoded" in each]
    assert all(each.filename for each in message.attachments)


@pytest.mark.parametrize("name", ["In-Reply-To", "References"])
def test_of_many_ids_the_last_thousand_are_taken(name: str) -> None:
    ids = [f"{each}@b.example" for each in range(1500)]
    written = "".join(f"<{each}>" for each in ids)
    header = read_header(f"{name}: {written}\r\n\r\n".encode())
    found = header.in_reply_to if name == "In-Reply-To" else header.references
    assert list(found) == ids[-1000:]


def test_every_copy_of_a_repeated_image_is_shown_by_the_one_that_stays() -> None:
    html = parse(repeated_image(900, 20_000)).body.html
    assert html.count('src="cid:c0"') == html.count("<img") > 2000


ENDLESS_ADDRESSES = {
    "escaped quotes never closed": b'"' + b'\\"' * 300_000,
    "words with colons": b"x@y " + b"a@b:" * 200_000,
    "angle brackets within quotes": b'<"\\"\\' * 150_000,
    "angle brackets among words": b'<@"\\"\\' * 140_000,
    "angle brackets after an open quote": b'"' + b'\\<\\"' * 200_000,
}


@pytest.mark.parametrize("name", ["From", "To"])
@pytest.mark.parametrize("written", ENDLESS_ADDRESSES)
def test_an_endless_address_field_is_read_in_part(name: str, written: str) -> None:
    raw = name.encode() + b": " + ENDLESS_ADDRESSES[written] + b"\r\nSubject: x\r\n\r\nhello"
    header = read_header(raw)
    assert header.subject == "x"
    reason = f"more than 65536 characters, {name.lower()} taken in part"
    assert f"limit_addresses: {reason}" in header.defects
