"""What the options of an inbox do to attachments and to the choice of the body."""

from __future__ import annotations

import base64
import io

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
    found = parse(raw, ParseOptions(images_maximum_size=(200, 200))).attachments[0]
    info = inspect(found.data)
    assert info is not None
    assert (info.width, info.height, found.inline, found.left_out) == (200, 100, True, None)


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
