"""What the options of an inbox do to attachments and to the choice of the body."""

from __future__ import annotations

import base64
import io
import random

import pytest
from PIL import Image  # noqa: TID251 - the tests need a picture

from mailticket.filenames import LONGEST, safe_name
from mailticket.images import inspect
from mailticket.options import ParseOptions
from mailticket.parsing import parse

HEAD = b"From: a@b.example\r\nSubject: x\r\n"


def picture(width: int, height: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(written, "PNG")
    return written.getvalue()


def related(html: bytes, image: bytes) -> bytes:
    return b"".join(
        [
            HEAD,
            b"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\n",
            b"Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nplain words\r\n",
            b"--a\r\nContent-Type: text/html\r\n\r\n" + html + b"\r\n--a--\r\n",
            b"--r\r\nContent-Type: image/png; name=a.png\r\nContent-ID: <one@x>\r\n",
            b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(image),
            b"\r\n--r--\r\n",
        ]
    )


def with_file(name: str, content_type: str, content: bytes = b"content") -> bytes:
    head = f"Content-Type: {content_type}; name={name}\r\nContent-Disposition: attachment\r\n\r\n"
    return (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\ntext\r\n--m\r\n"
        + head.encode()
        + content
        + b"\r\n--m--\r\n"
    )


def test_with_text_first_embedded_images_become_ordinary_attachments() -> None:
    raw = related(b'<p>html words<img src="cid:one@x"></p>', picture(200, 50))
    html_first = parse(raw)
    text_first = parse(raw, ParseOptions(body_parts_order=("text/plain", "text/html")))
    assert (html_first.body.text, html_first.attachments[0].inline) == ("html words", True)
    assert (text_first.body.text, text_first.attachments[0].inline) == ("plain words", False)


@pytest.mark.parametrize(
    ("entry", "name", "content_type", "excluded"),
    [
        ("application/zip", "a.bin", "application/zip", True),
        ("video/*", "a.mp4", "video/mp4", True),
        ("video/*", "a.png", "image/png", False),
        (".iso", "A.ISO", "application/octet-stream", True),
        ("zip", "gzip", "application/x-foo", False),
        ("*.js", "a.js", "text/plain", True),
        ("application/exe", "setup.msi", "application/octet-stream", True),
        ("application/exe", "letter.pdf", "application/pdf", False),
    ],
)
def test_types_are_excluded_by_type_wildcard_and_extension(
    entry: str, name: str, content_type: str, excluded: bool
) -> None:
    options = ParseOptions(exclude_attachment_types=(entry,))
    found = parse(with_file(name, content_type), options).attachments[0]
    assert found.left_out == (f"excluded type {entry}" if excluded else None)


def test_a_wildcard_looks_at_the_bytes_too() -> None:
    raw = with_file("a.pdf", "application/pdf", picture(200, 50).replace(b"\r\n", b"\n"))
    options = ParseOptions(exclude_attachment_types=("image/*",))
    assert parse(raw.replace(b"\x89PNG\n", b"\x89PNG\r\n"), options).attachments[0].left_out


def test_an_image_that_is_too_big_is_reduced_and_stays_inline() -> None:
    raw = related(b'<p><img src="cid:one@x"></p>', picture(800, 400))
    message = parse(raw, ParseOptions(images_maximum_size=(200, 200)))
    found = message.attachments[0]
    info = inspect(found.data)
    assert info is not None
    assert message.defects == ("a.png: image of 800x400 reduced to 200x100",)
    assert (info.width, info.height, found.inline, found.left_out) == (200, 100, True, None)


def test_an_image_that_cannot_be_reduced_stays_as_it_is_and_that_is_said() -> None:
    broken = picture(800, 400)[:60]
    raw = related(b'<p><img src="cid:one@x"></p>', broken)
    message = parse(raw, ParseOptions(images_maximum_size=(200, 200)))
    assert [each.data for each in message.attachments] == [broken]
    assert message.defects == ("a.png: image of 800x400 cannot be reduced: attached as it is",)


def test_a_big_image_within_the_html_becomes_an_attachment_that_is_shown() -> None:
    written = io.BytesIO()
    Image.frombytes("RGB", (800, 800), random.Random(1).randbytes(800 * 800 * 3)).save(
        written, "PNG"
    )
    url = b"data:image/png;base64," + base64.b64encode(written.getvalue())
    html = HEAD + b"Content-Type: text/html\r\n\r\n"
    message = parse(html + b'<p>see<img src="' + url + b'"></p>')
    assert [(each.size, each.inline) for each in message.attachments] == [
        (len(written.getvalue()), True)
    ]
    assert 'src="cid:' in message.body.html


@pytest.mark.parametrize(
    "url",
    [
        '"data:image/png;base64,{}"',
        "'data:image/png;base64,{}'",
        "data:image/png;base64,{}",
        "'data:image/png;charset=utf-8;name=\"a.png\";base64,{}'",
        '"data:image/png;name=a(1).png;base64,{}"',
        '" data:;base64,{}"',
        '"data:application/octet-stream;base64,{}"',
        '"data:image/png;base64&#44;{}"',
    ],
)
def test_an_image_within_the_html_is_attached_however_its_url_is_written(url: str) -> None:
    image = picture(200, 50)
    tag = f"<p><img src={url.format(base64.b64encode(image).decode())}></p>".encode()
    message = parse(HEAD + b"Content-Type: text/html\r\n\r\n" + tag)
    assert [(each.data, each.inline) for each in message.attachments] == [(image, True)]


def test_an_image_within_the_html_that_cannot_be_decoded_is_named() -> None:
    html = b"Content-Type: text/html\r\n\r\n<p>a<img src='data:image/png;base64,%%%'>b</p>"
    message = parse(HEAD + html)
    assert message.body.html == "<p>ab</p>"
    assert message.defects == ("an image within the HTML cannot be decoded: it is left out",)


def test_a_file_within_the_html_becomes_an_attachment_but_no_font_and_no_page() -> None:
    html = (
        b"Content-Type: text/html\r\n\r\n<style>@font-face{src:url(data:font/woff2;base64,AAAA)}"
        b"</style><a href='data:text/html;base64,AAAA'>p</a>"
        b"<a href='data:application/pdf;name=bill.pdf;base64,JVBERi0xLjQK'>bill</a>"
    )
    message = parse(HEAD + html)
    assert [(each.filename, each.data) for each in message.attachments] == [
        ("bill.pdf", b"%PDF-1.4\n")
    ]
    assert "data:" not in message.body.html


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("a/b\\c.txt", "c.txt"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\r\nb.txt", "a b.txt"),
        ("nul", "_nul"),
        (".htaccess", ".htaccess"),
        ("..", ""),
        ("a<b>:c?.txt", "a_b__c_.txt"),
        ("trailing. . ", "trailing"),
        ("cafe\u0301.txt", "café.txt"),
        ("x" * 300 + ".pdf", "x" * (LONGEST - 4) + ".pdf"),
    ],
)
def test_names_are_safe_to_show_and_to_save(written: str, safe: str) -> None:
    assert safe_name(written) == safe
