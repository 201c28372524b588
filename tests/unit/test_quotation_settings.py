"""The operator's patterns and tags replace the built-in sets or stand beside them."""

from __future__ import annotations

import pytest

from mailticket.options import PatternSet, Quoting
from mailticket.quotation import Cut, new_part_of_html, new_part_of_text

INTRODUCTION = "On 5 May 2026 at 12:04, Ann <a@x.example> wrote:"
HEADER = "From: Ann <a@x.example>\nSent: 5 May 2026 12:04\nTo: Bob\nSubject: x\n\nold"

APPENDIX = Quoting(
    introductory=PatternSet(
        instead=(
            "/^le .+ a écrit :$/i",
            "/^on .+ wrote:$/i",
            "|^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2} .+:$|",
        )
    ),
    delimiter=PatternSet(instead=("/^>.*$/",)),
    multiline_delimiter=PatternSet(
        instead=(
            r"/\RFrom: .+\RSent: .+\R/m",
            r"/\R_+\R/m",
            r"/\RDe : .+\R\R?Envoyé : /m",
            r"/\R-----Message d'origine-----\R/m",
            r"/\RTO:.+\RCC:/m",
        )
    ),
    html_tags_to_remove=PatternSet(
        instead=("blockquote", "div.gmail_quote", "div.moz-cite-prefix")
    ),
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"New.\n\n{INTRODUCTION}\n> old", "New."),
        ("New.\n\nLe 5 mai 2026, Ann a écrit\u00a0:\n\n> old\n\nFin.", "New.\n\nFin."),
        ("New.\n2026/5/5 Ann <a@x.example>:\n> old", "New."),
        (f"New.\n\n{HEADER}", "New."),
        ("New.\n____\nold", "New."),
        ("New.\r\n\r\n-----Message d'origine-----\r\nold", "New."),
        ("De : Ann\n\nEnvoyé : hier\nold", None),
        ("New.\n\nAm 05.05.2026 um 12:04 schrieb Ann <a@x.example>:\n\nold", None),
        ("-----Original Message-----\nold", None),
    ],
)
def test_the_defaults_of_the_specification_may_be_written_out(text: str, kept: str | None) -> None:
    cut = new_part_of_text(text, APPENDIX)
    assert cut == Cut(text) if kept is None else cut.kept == kept


def test_an_introductory_pattern_counts_only_above_a_quote() -> None:
    quoting = Quoting(introductory=PatternSet(added=("/^was davor war/i",)))
    assert new_part_of_text("New.\nWas davor war\n> old", quoting).kept == "New."
    text = "New.\nWas davor war\nmore"
    assert new_part_of_text(text, quoting) == Cut(text)


def test_an_added_delimiter_pattern_takes_its_lines_wherever_they_stand() -> None:
    quoting = Quoting(delimiter=PatternSet(added=("/^%%/",)))
    cut = new_part_of_text("New.\n%% old\nmore\n> old\nend", quoting)
    assert cut == Cut("New.\nmore\nend", "%% old\n> old")


def test_without_delimiter_patterns_no_line_is_quoted() -> None:
    text = f"New.\n{INTRODUCTION.replace('12:04', 'noon')}\n> old\n\nmore"
    cut = new_part_of_text("a.\n> b\n\nc", Quoting(delimiter=PatternSet(instead=())))
    assert cut == Cut("a.\n> b\n\nc")
    assert new_part_of_text(text).kept == "New.\n\nmore"


def test_an_added_multi_line_pattern_cuts_in_text_and_in_html() -> None:
    quoting = Quoting(multiline_delimiter=PatternSet(added=(r"/\R## reply above .+\R/",)))
    assert new_part_of_text("New.\n## reply above this ##\nold", quoting).kept == "New."
    html = "<p>New.</p><p>## reply above this ##</p><div><p>old</p></div>"
    assert new_part_of_html(html, quoting).kept == "<p>New.</p>"


def test_the_earliest_of_pattern_and_built_in_set_cuts() -> None:
    quoting = Quoting(multiline_delimiter=PatternSet(added=(r"/\Rolder:\R/",)))
    text = f"New.\n\n{HEADER}\nolder:\noldest"
    assert new_part_of_text(text, quoting).kept == "New."


def test_tags_replace_or_add_to_the_containers() -> None:
    html = '<p>New</p><div class="x old">a</div><blockquote>b</blockquote>'
    added = Quoting(html_tags_to_remove=PatternSet(added=("div.old",)))
    assert new_part_of_html(html, added).kept == "<p>New</p>"
    instead = Quoting(html_tags_to_remove=PatternSet(instead=("div.old",)))
    assert new_part_of_html(html, instead).kept == "<p>New</p><blockquote>b</blockquote>"
    none = Quoting(html_tags_to_remove=PatternSet(instead=()))
    assert new_part_of_html(html, none) == Cut(html)


def test_a_pattern_that_backtracks_is_cut_off_and_told_once() -> None:
    quoting = Quoting(delimiter=PatternSet(added=("/^(a+)+$/",)))
    defects: list[str] = []
    text = "\n".join(["a" * 900 + "b"] * 3000)
    assert new_part_of_text(text, quoting, defects).kept == text
    assert len(defects) <= 1


def test_a_pattern_that_does_not_compile_is_left_out_and_told() -> None:
    defects: list[str] = []
    quoting = Quoting(introductory=PatternSet(added=("/(/",)))
    assert new_part_of_text(f"New.\n{INTRODUCTION}\n> old", quoting, defects).kept == "New."
    assert "/(/" in defects[0]
