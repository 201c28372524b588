"""Short cuts that spare time give what the long way gives."""

from __future__ import annotations

from hashlib import sha256

import pytest

from mailticket.charsets import scrub, surely_storable
from mailticket.embedded import mentions
from mailticket.fields import read_fields, read_parameters
from mailticket.identity import content_hash, header_hash, header_size
from mailticket.plaintext import html_of
from mailticket.sanitise import sanitise, storable


def test_no_character_that_a_second_look_would_change_is_surely_storable() -> None:
    every = [f"a\n{chr(code)}" for code in range(0x11000)]
    sure = [text for text in every if surely_storable(text)]
    assert [text for text in sure if storable(text) != text or scrub(text) != text] == []
    assert len(sure) > 0xE000, "most texts are spared the second look"
    changed = [text for text in every if not surely_storable(text) and storable(text) != text]
    assert {"a\n\0", "a\n\x7f", "a\n\ufeff", "a\n\ud800"} < set(changed)


@pytest.mark.parametrize(
    ("body", "hashed"),
    [
        (b"a\r\nb\r\n\r\n", b"a\nb"),
        (b"a\rb\r\n", b"a\rb"),
        (b"a\r\r\nb\n", b"a\r\nb"),
        (b"a\r\nb\r", b"a\nb\r"),
    ],
)
def test_a_cr_alone_counts_in_the_hash_of_a_body(body: bytes, hashed: bytes) -> None:
    raw = b"From: a@b.example\r\n\r\n" + body
    values = b"from:a@b.example\ndate:\nsubject:\nmessage-id:\n\n"
    assert content_hash(raw) == sha256(values + hashed).digest()
    assert content_hash(raw, header_size(raw)) == content_hash(raw)
    assert header_hash(raw, header_size(raw)) == header_hash(raw)


def test_the_first_field_of_a_name_counts_and_a_fold_becomes_one_blank() -> None:
    section = read_fields(b"A: 1\r\n\t 2\rB:\n \n 3\nA: 4\nno field\nC: 5\n\nbody")
    assert section.fields == (("a", b"1 2"), ("b", b"3"), ("a", b"4"), ("c", b"5"))
    assert section.first("a") == b"1 2"
    assert section.first("d") == b""
    assert section.defects == ("a line in the header section is no field",)


@pytest.mark.parametrize(("charset", "name"), [("cp1251", "дом"), ("cp1253", "δξμ")])
def test_parameters_in_raw_8_bit_are_read_in_the_charset_of_their_own_mail(
    charset: str, name: str
) -> None:
    read = read_parameters(b'a/b; name="\xe4\xee\xec"', lambda: charset)
    assert read.get("name") == name


def test_a_start_tag_that_occurs_again_is_written_as_the_first_one() -> None:
    tag = '<a href="https://x.example/" onclick="f()" title="t">a</a>'
    once, twice = sanitise(tag).html, sanitise(tag * 2 + f"<b>{tag}</b>").html
    assert twice == once * 2 + f"<b>{once}</b>"
    assert sanitise('<p class="x">a</p><div class="x">b</div>').html == "<p>a</p><div>b</div>"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("  a", "<p>\u00a0\u00a0a</p>"),
        ("a\n b", "<p>a<br>\n\u00a0b</p>"),
        ("a\n\tb", "<p>a<br>\n" + "\u00a0" * 4 + "b</p>"),
        ("a  b", "<p>a \u00a0b</p>"),
        ("a & b", "<p>a &amp; b</p>"),
    ],
)
def test_indents_of_a_text_stay_wherever_they_stand(text: str, html: str) -> None:
    assert html_of(text) == html


def test_a_scheme_is_found_in_any_letters() -> None:
    assert mentions('<img src="cID:a">', b"cid:")
    assert not mentions("<p>c\u0130d: acid</p>", b"cid:")
