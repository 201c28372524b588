"""HTML replies of tests/messages/quotation/html_replies.toml, and the shape of what stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from mailticket.quotation import Cut, new_part_of_html

MAILS = tomllib.loads(
    (Path(__file__).parents[1] / "messages/quotation/html_replies.toml").read_text("utf-8")
)["mail"]


def words(html: str) -> list[str]:
    tree = LexborHTMLParser(html)
    return tree.body.text(separator=" ").split() if tree.body else []


@pytest.mark.parametrize("mail", MAILS, ids=[mail["name"] for mail in MAILS])
def test_the_new_part_is_what_the_sender_wrote(mail: dict[str, str]) -> None:
    cut = new_part_of_html(mail["html"])
    if "kept" not in mail:
        assert cut == Cut(mail["html"])
        return
    assert words(cut.kept) == mail["kept"].split()
    assert sorted(words(cut.kept) + words(cut.cut)) == sorted(words(mail["html"]))


STABLE = [mail for mail in MAILS if mail.get("again", True)]


@pytest.mark.parametrize("mail", STABLE, ids=[mail["name"] for mail in STABLE])
def test_what_stays_is_not_cut_again(mail: dict[str, str]) -> None:
    once = new_part_of_html(mail["html"])
    assert new_part_of_html(once.kept) == Cut(once.kept)


def test_formatting_links_and_images_of_the_new_part_stay() -> None:
    new = '<p style="color: red">It <b>works</b>, <a href="https://x.example">see</a>:</p>'
    image = '<p><img src="cid:1@x" alt="shot"></p>'
    table = "<table><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    cut = new_part_of_html(f"{new}{image}{table}<blockquote>old</blockquote>")
    assert cut.kept == new + image + table
    assert cut.cut.strip() == "<blockquote>old</blockquote>"


def test_a_cut_in_the_middle_of_nested_elements_leaves_them_well_formed() -> None:
    cut = new_part_of_html(
        "<div id=a><div id=b><p>New</p><p>-----Original Message-----</p><p>old</p></div>"
        "<p>older</p></div><p>oldest</p>"
    )
    assert cut.kept == '<div id="a"><div id="b"><p>New</p></div></div>'
    assert words(cut.cut) == ["-----Original", "Message-----", "old", "older", "oldest"]


def test_an_answer_that_is_only_an_image_is_something() -> None:
    cut = new_part_of_html('<div><img src="cid:1"></div><blockquote>old</blockquote>')
    assert cut.kept == '<div><img src="cid:1"></div>'


def test_the_line_and_the_rule_above_a_header_block_go() -> None:
    cut = new_part_of_html(
        "<p>New</p><p><br></p><hr><b>From:</b> a@x.example<br><b>Sent:</b> 5.5.2026<br>old"
    )
    assert cut.kept == "<p>New</p>"


def test_lines_of_preformatted_text_are_cut_one_by_one() -> None:
    cut = new_part_of_html("<pre>one.\n&gt; old &lt;b&gt;\ntwo &amp; three</pre>")
    assert cut == Cut("<pre>one.\ntwo &amp; three</pre>", "&gt; old &lt;b&gt;\n")


def test_a_blockquote_that_was_indented_by_hand_goes_below_an_introduction() -> None:
    indented = '<blockquote style="border:none;margin:0 0 0 40px">text</blockquote>'
    assert new_part_of_html(f"<p>New</p>{indented}").cut == ""
    introduced = f"<p>New</p><p>On 5.5.2026 12:04, Ann wrote:</p>{indented}"
    assert words(new_part_of_html(introduced).kept) == ["New"]


def test_script_style_and_comments_are_not_read() -> None:
    html = "<style>> x</style><script>-----Original Message-----</script><!-- > y --><p>New</p>"
    assert new_part_of_html(html) == Cut(html)


def test_an_empty_body_has_an_empty_new_part() -> None:
    assert new_part_of_html("") == Cut("")


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 9_000 + "new<blockquote>old</blockquote>",
        "new<blockquote>old</blockquote>" + "<!-- x -->" * 100_000,
    ],
    ids=["nested divs", "comments"],
)
def test_hostile_html_is_cut_like_any_other(html: str) -> None:
    cut = new_part_of_html(html)
    assert words(cut.kept) == ["new"]
    assert words(cut.cut) == ["old"]


@pytest.mark.parametrize(
    "html",
    [
        "<b>" * (5 * 1024 * 1024 // 3),
        "new<blockquote>" * 20_000,
        "<ul><li>" * 20_000,
        "<p " + " ".join(f"a{n}" for n in range(100_000)) + ">new<blockquote>old",
        "<p " + " ".join(f"a{n}='>'" for n in range(100_000)) + ">new<blockquote>old",
    ],
    ids=["tags", "nested quotes", "nested lists", "attributes", "attributes with signs"],
)
def test_html_that_a_parser_chokes_on_is_left_whole_and_told(html: str) -> None:
    defects: list[str] = []
    assert new_part_of_html(html, defects=defects) == Cut(html)
    assert len(defects) == 1
