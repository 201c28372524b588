"""What may stand in sanitised HTML, said once more by parsers that had no part in writing it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from selectolax.lexbor import LexborHTMLParser

from mailticket.elements import KNOWN, names

ATTRIBUTES = names(
    "align alt bgcolor border bordercolor cellpadding cellspacing clear color colspan compact"
    " data-remote-src dir face frame height href hspace lang noshade nowrap rel reversed rowspan"
    " rules scope size span src start style target title type valign value vspace width"
)
STYLE = re.compile(
    r"(?:[a-z-]+:(?:[\w\s.,#%/+-]|\b(?i:rgb|rgba|hsl|hsla)\([\d\s.,%/+-]*\)|\"[^\"]*\"|'[^']*')*;?)*"
)


class Tags(HTMLParser):
    """Another reader of HTML than those that write it: Python's."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.others: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), attrs
        self.seen.append((tag, {name: value or "" for name, value in attrs}))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_harmless(html: str) -> None:
    """Check by two parsers that only known tags and attributes with tame values are there."""
    tags = Tags(html)
    assert not tags.others
    tree = LexborHTMLParser(html, is_fragment=True)
    elements = [
        (node.tag, {name: value or "" for name, value in node.attributes.items()})
        for node in tree.css("*")
    ]
    for tag, attributes in tags.seen + elements:
        assert tag in KNOWN, tag
        assert attributes.keys() <= ATTRIBUTES, attributes
        assert_tame(tag, attributes)


def assert_tame(tag: str, attributes: dict[str, str]) -> None:
    assert re.match(r"https?://|mailto:|tel:", attributes.get("href", "tel:"), re.IGNORECASE)
    source = attributes.get("src", "cid:")
    assert re.match(r"cid:|data:image/(png|jpe?g|gif|webp);base64,", source, re.IGNORECASE)
    assert re.match(r"https?://\w", attributes.get("data-remote-src", "http://x"), re.IGNORECASE)
    style = attributes.get("style", "")
    assert STYLE.fullmatch(style), style
    assert not re.search(r"(^|;)(position|z-index|behavior|content|transform|filter):", style)
    if tag == "a" and "href" in attributes:
        assert (attributes["target"], attributes["rel"]) == (
            "_blank",
            "noopener noreferrer nofollow",
        )


def assert_contained(html: str) -> None:
    """Check that what follows the fragment in a page is still where it was."""
    page = f'<table><tr><td><div id="before">{html}</div><p id="after">x</p></td></tr></table>'
    tree = LexborHTMLParser(f"<!doctype html><body>{page}")
    after = tree.css("#after")
    assert len(after) == 1
    assert after[0].parent is not None
    assert after[0].parent.tag == "td"
    assert after[0].prev is not None
    assert after[0].prev.attributes == {"id": "before"}
    assert after[0].text() == "x"
