"""Plain-text replies of tests/messages/quotation/text_replies.toml, and bounds."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

import pytest

from mailticket.quotation import Cut, new_part_of_html, new_part_of_text

MAILS = tomllib.loads(
    (Path(__file__).parents[1] / "messages/quotation/text_replies.toml").read_text("utf-8")
)["mail"]


@pytest.mark.parametrize("mail", MAILS, ids=[mail["name"] for mail in MAILS])
def test_the_new_part_is_what_the_sender_wrote(mail: dict[str, str]) -> None:
    cut = new_part_of_text(mail["text"])
    if "kept" not in mail:
        assert cut == Cut(mail["text"])
        return
    assert cut.kept.split("\n") == mail["kept"].split("\n")
    assert sorted((cut.kept + "\n" + cut.cut).split()) == sorted(mail["text"].split())


ORDINARY: list[str] = tomllib.loads(
    (Path(__file__).parents[1] / "messages/quotation/ordinary_words.toml").read_text("utf-8")
)["texts"]


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("above", ["", "Dear Ann,\n\n", "It does not work.\n\nBob\n\n"])
def test_ordinary_words_are_not_taken_for_the_start_of_a_quote(text: str, above: str) -> None:
    assert new_part_of_text(above + text) == Cut(above + text)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_in_html_are_not_taken_for_the_start_of_a_quote(text: str) -> None:
    html = "<p>Dear Ann,</p>" + "".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))
    assert new_part_of_html(html) == Cut(html)


STABLE = [mail for mail in MAILS if mail.get("again", True)]


@pytest.mark.parametrize("mail", STABLE, ids=[mail["name"] for mail in STABLE])
def test_what_stays_is_not_cut_again(mail: dict[str, str]) -> None:
    once = new_part_of_text(mail["text"])
    assert new_part_of_text(once.kept) == Cut(once.kept)


def test_blank_lines_and_indentation_of_the_new_part_stay_as_they_are() -> None:
    text = "Formatted\n\n\n  - a\n\tb\n\n\n    c\n"
    assert new_part_of_text(text).kept == text


def test_an_empty_body_has_an_empty_new_part() -> None:
    assert new_part_of_text("") == Cut("")


def test_nul_and_half_surrogates_leave_the_text() -> None:
    cut = new_part_of_text("a\0b\ud800\n> c\udfff")
    assert cut == Cut("a\ufffdb\ufffd", "> c\ufffd")


def test_beyond_the_lines_that_are_looked_at_all_shares_the_lot_of_the_old_message() -> None:
    old = "\n".join(["old line"] * 30_000)
    cut = new_part_of_text(f"New.\n\n-----Original Message-----\n{old}")
    assert cut.kept == "New."
    assert cut.cut.count("old line") == 30_000


def test_beyond_the_lines_that_are_looked_at_quotes_stay() -> None:
    text = "\n".join(["log line"] * 30_000) + "\n> quoted"
    assert new_part_of_text(text) == Cut(text)


def test_words_that_stand_before_the_dashes_of_an_introduction_stay() -> None:
    cut = new_part_of_text(
        "Done.\nThank you--- On 5 May 2026 at 12:04, a@x.example wrote:\n> Done?"
    )
    assert cut.kept == "Done.\nThank you"
    assert cut.cut.startswith("--- On 5 May")


def test_beyond_a_thousand_lines_that_could_introduce_none_is_looked_at() -> None:
    introduction = "On 5 May 2026 at 12:04, Ann Lee <ann@x.example> wrote:\n\nold"
    few, many = ("\n".join(["key:"] * count) for count in (900, 1100))
    assert new_part_of_text(f"{few}\n\n{introduction}").cut.endswith("old")
    assert not new_part_of_text(f"{many}\n\n{introduction}").cut
