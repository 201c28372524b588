"""A mail that nothing calls a reply is cut only where a mail program shows that it quoted."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

import pytest

from mailticket.quotation import Cut, may_quote, new_part_of_html, new_part_of_text

QUOTATION = Path(__file__).parents[1] / "messages/quotation"


def read(name: str) -> dict[str, dict[str, str]]:
    """Read one of the tables."""
    return tomllib.loads((QUOTATION / f"{name}.toml").read_text("utf-8"))


WHEN_ONLY = frozenset(("ru the bat",))
"""Says when, and not who: people write that as well."""
INTRODUCTIONS = read("introductions")["introductions"]
ORDINARY = read("ordinary_words")["texts"]
CERTAIN = sorted(set(INTRODUCTIONS) - WHEN_ONLY)


@pytest.mark.parametrize("name", CERTAIN)
def test_an_introduction_above_a_quote_is_evidence(name: str) -> None:
    text = f"It works.\n\n{INTRODUCTIONS[name]}\n> Which floor?"
    assert new_part_of_text(text, answers=False).kept == "It works."


@pytest.mark.parametrize("text", [*ORDINARY, "> line of a log\nMy words.", "See:\n> a\nb\n> c\nd"])
def test_ordinary_words_are_no_evidence(text: str) -> None:
    text = "Dear Ann,\n\n" + text
    assert new_part_of_text(text, answers=False) == Cut(text)
    html = "".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))
    assert new_part_of_html(html, answers=False) == Cut(html)


@pytest.mark.parametrize(
    "quote",
    [
        "<blockquote>old</blockquote>",
        "<blockquote class=cited>old</blockquote>",
        '<blockquote style="border-left:1px solid">old</blockquote>',
    ],
)
def test_a_blockquote_alone_is_no_evidence(quote: str) -> None:
    html = f"<p>New</p>{quote}<p>and more</p>"
    assert new_part_of_html(html, answers=False) == Cut(html)


@pytest.mark.parametrize(
    "old",
    [
        '<div class="gmail_quote">old</div>',
        '<blockquote type="cite">old</blockquote>',
        "<p>Ann Lee &lt;ann@x.example&gt; schrieb am 5.5.2026 um 12:04:</p><p>old</p>",
        "<p><b>Feladó:</b> Ann<br><b>Elküldve:</b> 2026. május 5. 12:04<br><b>Tárgy:</b> x</p>old",
        "<hr><b>From</b>: Ann<br><b>To</b>: Bob<br><b>Sent</b>: Tue May 05 12:04:33 2026<br>old",
        "<pre>\nOn 5 May 2026 at 12:04, Ann Lee wrote:\n&gt; old</pre>",
        "<p>Ann &lt;ann@x.example&gt; 于2026年5月5日 12:04写道：</p><p>old</p>",
    ],
)
def test_what_a_mail_program_wrote_into_html_is_evidence(old: str) -> None:
    html = f"<p>New</p>{old}"
    assert may_quote(html)
    assert "old" not in new_part_of_html(html, answers=False).kept


@pytest.mark.parametrize("html", ["<p>Hello</p>", "<p>Please note:</p><ul><li>one</li></ul>", ""])
def test_html_without_any_mark_needs_no_parser(html: str) -> None:
    assert not may_quote(html)


def test_html_of_colons_alone_is_left_to_the_parser() -> None:
    assert may_quote(":<" * 200_000)


@pytest.mark.parametrize("introduction", ["Ann Lee wrote:", "Ann schrieb:", "Quoting Ann Lee:"])
def test_a_name_and_its_verb_above_quoted_lines_are_evidence(introduction: str) -> None:
    text = f"It works.\n\n{introduction}\n> Which floor?"
    assert new_part_of_text(text, answers=False).kept == "It works."


@pytest.mark.parametrize("words", ["The customer wrote:", "This is what Ann wrote:", "she wrote:"])
def test_a_sentence_above_lines_that_look_quoted_is_none(words: str) -> None:
    text = f"Dear Bob,\n\n{words}\n> It is off.\n\nWhat now?"
    assert new_part_of_text(text, answers=False) == Cut(text)
