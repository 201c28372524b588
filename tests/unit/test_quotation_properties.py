"""What holds for every body: nothing raises, nothing is lost, something stays."""

from __future__ import annotations

from html import escape

from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from mailticket.quotation import is_forward, new_part_of_html, new_part_of_text

PIECES = st.sampled_from(
    [
        "Hello there.",
        "",
        " ",
        "> quoted",
        ">> twice",
        ">>> prompt",
        "> wrote:",
        ">:",
        "<",
        "On Tue, 5 May 2026 at 12:04, Ann <a@x.example> wrote:",
        "Am 05.05.2026 um 12:04 schrieb Ann <a@x.example",
        "wrote:",
        "From: Ann <a@x.example>",
        "Sent: 5 May 2026",
        "To: Bob",
        "Subject: x",
        "_" * 30,
        "-----Original Message-----",
        "---------- Forwarded message ---------",
        "-- ",
        "| bar",
        "AL> initials",
        "Überraschung: 5 > 3",
        "Thanks-- On Tue, 5 May 2026 at 12:04, Ann <a@x.example> wrote:",
        "> " + "a quoted line that some program broke in the middle of a sentence and put",
        "its rest below without a sign",
        "> (https://x.example/",
        "12)",
        "05/05/2026 12:04:33 PM:",
        "Ann Lee/Berlin/Acme wrote on",
        "From: a@x.example Date: Tue, 5 May 2026 12:04 To: b@x.example",
        "This is what it prints:",
        "\u202bעברית\u202c:",
    ]
)
LINES = st.lists(st.one_of(PIECES, st.text(max_size=30)), max_size=25)
TAGS = st.sampled_from(
    [
        "<div>", "</div>", "<p>", "</p>", "<br>", "<blockquote>", "</blockquote>", "<hr>",
        "<div class=gmail_quote>", "<div class=gmail_attr>", "<div class=moz-cite-prefix>",
        "<blockquote style='border:none'>", "<div id=divRplyFwdMsg>", "<div name=quote>",
        "<pre>", "</pre>", "<table><tr><td>", "</td><td>", "</table>", "<b>", "</b>", "<li>",
        "<img src=cid:1>", "<span style='white-space:pre'>", "</span>", "<!-- c -->", "<svg>",
        "<script>", "</script>", "<template>", "<textarea>", "<select><option>", "<math>", "</p>",
        "<div style='border-top:solid'>", "<frameset>", "<title>",
        "<blockquote class=gmail_quote>", "<hr data-marker=__DIVIDER__>", "<hr id=replySplit>",
        "<div id=mail-editor-reference-message-container>", "<body>", "</body>", "</html>",
    ]
)  # fmt: skip
HTML = st.lists(st.one_of(TAGS, PIECES.map(escape), st.text(max_size=12)), max_size=40)


def letters(html: str) -> list[str]:
    """Give what a body says, sorted, without white space: table cells may lose theirs."""
    body = LexborHTMLParser(html).body
    return sorted("".join(body.text(separator=" ").split())) if body else []


@given(LINES)
@settings(max_examples=300, deadline=None)
def test_every_word_of_a_text_is_kept_or_cut_and_something_is_kept(lines: list[str]) -> None:
    text = "\n".join(lines).replace("\0", "").encode("utf-8", "replace").decode()
    cut = new_part_of_text(text)
    # letters, not words: an introduction is parted from the word that it is glued to
    assert sorted("".join((cut.kept + cut.cut).split())) == sorted("".join(text.split()))
    assert bool(cut.kept.strip()) == bool(text.strip())


@given(HTML)
@settings(max_examples=400, deadline=None)
def test_every_letter_of_an_html_body_is_kept_or_cut_and_something_is_kept(
    parts: list[str],
) -> None:
    html = "".join(parts).replace("\0", "").encode("utf-8", "replace").decode()
    cut = new_part_of_html(html)
    assert sorted(letters(cut.kept) + letters(cut.cut)) == letters(html)
    if cut.cut:
        assert letters(cut.kept) or "<img" in cut.kept or "<svg" in cut.kept


@given(st.text(), st.text())
@settings(max_examples=200, deadline=None)
def test_any_subject_and_text_may_be_asked_for_forwarded(subject: str, text: str) -> None:
    assert is_forward(subject, text) in (True, False)


@given(st.text(alphabet="<>/= abdivpre\"'!-\n>", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_soup_of_signs_is_split(soup: str) -> None:
    new_part_of_html(soup)
    new_part_of_text(soup)
