"""Sanitising what attacks: 270 vectors, trees without end, whatever hypothesis thinks of."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailticket.sanitise import sanitise
from services.harmless import assert_contained, assert_harmless

CHARACTERS = {
    "{NUL}": "\0",
    "{TAB}": "\t",
    "{LF}": "\n",
    "{CR}": "\r",
    "{FF}": "\f",
    "{NBSP}": "\xa0",
    "{BOM}": "\ufeff",
    "{SUR}": "\udc80",
}


def vectors() -> Iterator[tuple[str, str]]:
    text = (Path(__file__).parent / "hostile_html.txt").read_text(encoding="utf-8")
    for block in text.split("\n=== ")[1:]:
        name, _, vector = block.partition("\n")
        for sign, character in CHARACTERS.items():
            vector = vector.replace(sign, character)
        yield name, vector.removesuffix("\n")


VECTORS = dict(vectors())


def test_there_are_many_vectors() -> None:
    assert len(VECTORS) >= 270


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_vector_is_harmless(vector: str) -> None:
    clean = sanitise(vector).html
    assert_harmless(clean)
    assert_contained(clean)
    assert sanitise(clean).html == clean


@pytest.mark.parametrize(
    "around", ["<table>{}", "<svg>{}", "<math><mtext>{}", "<select>{}", "<p>{}<p>"]
)
def test_a_vector_is_harmless_wherever_it_stands(around: str) -> None:
    for vector in VECTORS.values():
        clean = sanitise(around.format(vector)).html
        assert_harmless(clean)
        assert_contained(clean)
        assert sanitise(clean).html == clean


def test_all_vectors_one_after_the_other_are_harmless() -> None:
    clean = sanitise("\n".join(VECTORS.values())).html
    assert_harmless(clean)
    assert_contained(clean)


@pytest.mark.parametrize("cut", range(0, 100, 7))
def test_a_vector_cut_anywhere_is_harmless(cut: int) -> None:
    for vector in VECTORS.values():
        clean = sanitise(vector[cut:]).html + sanitise(vector[:cut]).html
        assert_harmless(clean)
        assert_contained(clean)


def test_the_check_would_see_an_attack() -> None:
    for raw in (
        '<p onclick="x">',
        "<svg>",
        '<a href="javascript:x">',
        '<p style="a:url(x)">',
        "<!-- x -->",
    ):
        with pytest.raises(AssertionError):
            assert_harmless(raw)
    with pytest.raises(AssertionError):
        assert_contained("</div></td>")


# --- trees without end -------------------------------------------------------------------------

ENDLESS = {
    "5 MB of <b>": "<b>" * 1_700_000,
    "10,000 nested divs": "<div>" * 10_000 + "x" + "</div>" * 10_000,
    "a million unclosed divs": "<div>x" * 800_000,
    "200,000 comments": "<!-- x -->" * 200_000 + "end",
    "200,000 comments without end": "<!--" * 200_000 + "end",
    "formatting repeated in each paragraph": "".join(f"<font size={n}>" for n in range(300))
    + "<p>x</p>" * 30_000,
    "nested tables": "<table><tr><td>" * 100_000 + "x",
    "nested lists and quotations": "<ul><li><blockquote>" * 100_000 + "x",
    "a megabyte of ampersands": "&" * 1_000_000,
    "a megabyte of references": "&amp;" * 200_000,
    "ampersands in an attribute": f'<p title="{"&" * 1_000_000}">x',
    "less-than signs": "<" * 1_000_000,
    "tags that never end": "<a " * 500_000,
    "attributes that never end": '<a b="' * 500_000,
    "a million attributes": "<p " + " ".join(f"a{n}=1" for n in range(300_000)) + ">x",
    "raw text without end": "<style>" * 300_000,
    "raw text that ends too often": "<style></style " * 200_000,
    "a long style": f'<p style="{"color:red;" * 300_000}">x',
    "a style of one long value": f'<p style="width:{"1 " * 500_000}">x',
    "brackets in a style": f'<p style="background:{"a(" * 500_000}">x',
    "misnested formatting": "<b><p></b>" * 200_000,
    "links in links": "<a href=http://a.invalid>" * 200_000,
    "rows without a table": "<tr><td>x" * 300_000,
    "a long image": f'<img src="data:image/png;base64,{"A" * 5_000_000}">',
    "many images": '<img src="http://a.invalid/x.png">' * 100_000,
    "NUL": "\0" * 3_000_000,
    "lone surrogates": "\ud800" * 1_000_000,
}


@pytest.mark.parametrize("html", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_endless_tree_is_answered_in_seconds(html: str) -> None:
    started = time.process_time()
    done = sanitise(html)
    assert time.process_time() - started < 10  # some 3 s on a slow core
    assert len(done.html) < 30_000_000
    assert done.html.count("<p") < 200_000


@pytest.mark.parametrize("html", [h for h in ENDLESS.values() if len(h) < 1_500_000])
def test_an_endless_tree_settles(html: str) -> None:
    clean = sanitise(html).html
    assert sanitise(clean).html == clean


def test_depth_is_limited_and_told() -> None:
    done = sanitise("<div>" * 10_000 + "deep")
    assert done.defects == ("HTML nested too deep: flattened",)
    assert "deep" in done.html
    assert done.html.count("<div>") == 150


def test_what_is_beyond_the_limit_keeps_its_text() -> None:
    done = sanitise("<p>x</p>" * 200_000 + "<p>last <b>words</b></p><script")
    assert done.defects == ("HTML too large: formatting of its end left out",)
    assert "last  words" in done.html


# --- whatever comes ----------------------------------------------------------------------------

TAGS = (
    "<b> </b> <i> </i> <a href=http://x.invalid> </a> <p> </p> <div> </div> <table> </table> <tr>"
    " <td> </td> </tr> <caption> <thead> <tbody> <tfoot> <col> <colgroup> <ul> <li> </ul> <dl> <dd>"
    " <dt> <h1> </h1> <h6> </h6> <pre> </pre> <font> </font> <nobr> </nobr> <ruby> <rt> <rp> <br>"
    " </br> <hr> <svg> </svg> <math> <mtext> <mglyph> <style> </style> <title> </title> <select>"
    " <option> <form> </form> <template> </template> <textarea> </textarea> <body> </body> <html>"
    " <center> <span> </span> <!-- --> <img> <image> <noscript> <xmp> <plaintext> <button> &lt; &"
    " &amp; &#13; &#0; &#xfeff; \" ' ` = / > < x"
)
PIECES = st.sampled_from(
    [
        *TAGS.split(" "),
        *("\n", "\r", "\f", " ", "\0", "\xa0", "\ufeff", "\ufdd0", "\ud800", "<img src=cid:a>"),
        *('<p style="color:red;x">', "<pre>\n\n", '<img src="//x.invalid" alt="', "<p class=Mso>"),
    ]
)
HTML = st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=60))


@settings(max_examples=400, deadline=None)
@given(HTML)
@example("<a><table><a>")
@example("<h1><a><h6></a></h6>")
@example("<p><table><p><table><p>")
@example("<pre>\r\n\n&#10;&#13;x")
@example("&#xfeff;x")
@example('<a href="http://a.invalid" style="position:fixed" title=x>y')
@example("<table><b><tr><td><a><table><a><td>x")
def test_whatever_comes_is_harmless_and_stays_as_it_is(html: str) -> None:
    clean = sanitise(html).html
    assert_harmless(clean)
    assert_contained(clean)
    assert sanitise(clean).html == clean
    clean.encode("utf-8")
    assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\ufdd0-\ufdef]", clean)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_style_is_tame(style: str) -> None:
    from html import escape  # noqa: PLC0415 - of this test alone

    assert_harmless(sanitise(f'<p style="{escape(style)}">x').html)
