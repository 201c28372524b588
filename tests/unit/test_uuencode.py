"""Files in the text become attachments; text that only looks like one stays whole."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailticket.parsing import parse
from mailticket.uuencode import taken_out


def block(octets: bytes, name: str = "a.bin", *, blanks: bool = False) -> str:
    pieces = [octets[at : at + 45] for at in range(0, len(octets), 45)]
    lines = (binascii.b2a_uu(piece, backtick=not blanks).decode() for piece in pieces)
    return f"begin 644 {name}\n{''.join(lines)}{' ' if blanks else '`'}\nend\n"


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_what_was_encoded_comes_out(octets: bytes, blanks: bool) -> None:
    found = taken_out("before\n\n" + block(octets, blanks=blanks) + "\nafter")
    assert found.files == (("a.bin", octets),)
    assert found.text == "before\n\nafter"


def test_lost_blanks_at_line_ends_are_put_back() -> None:
    octets = bytes(range(1, 226)) + bytes(45)
    text = "\n".join(line.rstrip() for line in block(octets, blanks=True).split("\n"))
    assert taken_out(text).files == (("a.bin", octets),)


def test_several_files_and_the_text_between_them() -> None:
    text = f"one\n{block(b'x' * 50, 'x.txt')}two\n{block(b'y', 'dir/y z.txt')}three\n"
    found = taken_out(text)
    assert found.text == "one\ntwo\nthree\n"
    assert found.files == (("x.txt", b"x" * 50), ("y z.txt", b"y"))


def test_the_form_in_base64_is_read_too() -> None:
    lines = base64.encodebytes(b"content" * 20).decode()
    found = taken_out(f"see\nbegin-base64 644 c.txt\n{lines}====\nend")
    assert (found.text, found.files) == ("see\nend", (("c.txt", b"content" * 20),))


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 a\nend\n",
        "begin 644 a\n\nend\n",
        "begin 644 a\n`\nend\n",
        "begin 644 a\nMAKE IT SO\nend\n",
        "begin 644 a\nM is a letter\nend\n",
        "begin 644 a\n#86)C\n",
        "begin 644 a\n#86)C\nand words\nend\n",
        "begin 644 a\n#86)C\n#86)C\nend\n",
        "begin 999 a\n#86)C\n`\nend\n",
        "begin 644\n#86)C\n`\nend\n",
        "> begin 644 a\n> #86)C\n> `\n> end\n",
        " begin 644 a\n#86)C\n`\nend\n",
        "begin 644 a\n#86)Cx and a remark\n`\nend\n",
        "begin-base64 644 a\nnot base64!\n====\n",
        "begin-base64 644 a\n====\n",
        "Begin 644 a\n#86)C\n`\nend\n",
    ],
)
def test_text_that_is_no_file_stays_whole(text: str) -> None:
    assert taken_out(f"Hi\n\n\n\n{text}").files == ()
    assert taken_out(f"Hi\n\n\n\n{text}").text == f"Hi\n\n\n\n{text}"


@given(st.text("begin 64\n`M#end\0ü", max_size=200))
def test_nothing_but_whole_files_is_taken_out_of_a_text(text: str) -> None:
    found = taken_out(text)
    assert found.files or found.text == text


def test_many_beginnings_without_an_end_take_no_time() -> None:
    text = "begin 644 a\n" * 200_000 + "begin 644 b\n" + "#86)C\n" * 200_000
    assert taken_out(text).text == text


def test_a_mail_with_a_file_in_its_text() -> None:
    raw = (
        "From: a@b.example\nSubject: x\n\nHello,\n\n" + block(b"%PDF-1.4 x", "bill.pdf") + "\nBye\n"
    )
    message = parse(raw.encode())
    assert message.body.text == "Hello,\n\nBye"
    assert [(each.filename, each.content_type, each.data) for each in message.attachments] == [
        ("bill.pdf", "application/pdf", b"%PDF-1.4 x")
    ]
