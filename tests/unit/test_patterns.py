"""Patterns: PCRE between delimiters, bounded in steps, honest about what was cut off."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailticket import patterns
from mailticket.patterns import compile_pattern, normalise

APPENDIX = [
    "/^le .+ a écrit :$/i",
    "/^on .+ wrote:$/i",
    "|^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2} .+:$|",
    r"/\RFrom: .+\RSent: .+\R/m",
    r"/\R_+\R/m",
    r"/\RDe : .+\R\R?Envoyé : /m",
    r"/\RDe : .+\RDate d'envoi : .+\R/m",
    r"/\R-----Message d'origine-----\R/m",
    r"/\RExpéditeur: .+\RDate:/m",
    r"/\RDe : .+\RDate : /m",
    r"/\RTO:.+\RCC:/m",
    "/^>.*$/",
    "/^Out Of Office/i",
    "/^Réponse automatique:/",
]


def matched(pattern: str, text: str) -> str | None:
    found = compile_pattern(pattern).search(text)
    return found.text if found else None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/abc/", "xabcx", "abc"),
        ("#a/b#", "a/b", "a/b"),
        ("|^a|", "ab", "a"),
        ("(abc)i", "ABC", "ABC"),
        ("[abc]", "abc", "abc"),
        ("{a{2}}", "aaa", "aa"),
        ("<abc>", "abc", "abc"),
        (r"/a\/b/", "a/b", "a/b"),
        ("  /a/i\n", "A", "A"),
    ],
)
def test_any_pair_of_delimiters_is_taken(pattern: str, text: str, expected: str) -> None:
    assert matched(pattern, text) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/é/i", "É", "É"),
        ("/^b$/m", "a\nb", "b"),
        ("/a.b/s", "a\nb", "a\nb"),
        ("/a.b/", "a\nb", None),
        ("/a b # why/x", "ab", "ab"),
        (r"/\w+/u", "Größe", "Größe"),
        ("/a+/U", "aaa", "a"),
        ("/a+?/U", "aaa", "aaa"),
        ("/b/A", "ab", None),
        ("/a/A", "ab", "a"),
        ("/a$/", "a\n", "a"),
        ("/a$/D", "a\n", None),
        ("/a/XS", "a", "a"),
    ],
)
def test_each_flag_does_what_php_says(pattern: str, text: str, expected: str | None) -> None:
    assert matched(pattern, text) == expected


def test_flag_n_captures_named_groups_only() -> None:
    found = compile_pattern("/(a)(?<x>b)/n").search("ab")
    assert found is not None
    assert found.groups == ("b",)


def test_flag_j_allows_a_name_twice() -> None:
    assert matched("/(?<n>a)|(?<n>b)/J", "b") == "b"


def test_an_unknown_flag_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"the flag 'e' is not known; allowed are i m s x"):
        compile_pattern("/a/e")


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("abc", "has no delimiters"),
        ("\\a\\", "has no delimiters"),
        ("/abc", "closing delimiter / is missing"),
        ("(abc", "closing delimiter \\) is missing"),
        ("/a(b/", "missing closing parenthesis, at character 3"),
        ("/ab)/", "unmatched closing parenthesis, at character"),
        ("/a)(?:b/", "unmatched closing parenthesis, at character"),
        ("/ab*+*/i", "quantifier does not follow a repeatable item, at character 5"),
        ("/[[:foo:]]/", "unknown POSIX class name"),
        ("/(?<=a*)b/", "lookbehind"),
        ("/a\\/", "at end of pattern"),
        ("/a\x00/", "NUL"),
        ("/a\ud800/", "surrogate"),
        (f"/{'a' * 20_000}/", "longer than"),
    ],
)
def test_what_cannot_compile_says_why_and_where(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        compile_pattern(pattern)


def test_crlf_and_cr_count_as_one_line_feed() -> None:
    found = compile_pattern("/^b$/m").search("a\r\nb\r\nc")
    assert found is not None
    assert (found.start, found.end) == (2, 3)
    assert normalise("a\r\nb\rc\n") == "a\nb\nc\n"


def test_nul_and_lone_surrogates_never_leave() -> None:
    found = compile_pattern("/.+/s").search("a\x00\ud800b")
    assert found is not None
    assert found.text == "a\ufffd\ufffdb"


def test_offsets_count_characters_of_the_normalised_text() -> None:
    text = "é😀\r\nfin"
    found = compile_pattern("/fin/").search(text)
    assert found is not None
    assert normalise(text)[found.start : found.end] == "fin"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_backslash_r_is_any_line_break(newline: str) -> None:
    text = f"text{newline}From: a{newline}Sent: b{newline}rest"
    assert compile_pattern(APPENDIX[3]).search(text) is not None


@pytest.mark.parametrize("newline", ["\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_backslash_r_is_every_break_that_unicode_knows(newline: str) -> None:
    assert matched(r"/a\Rb/", f"a{newline}b") is not None


def test_groups_that_took_no_part_are_none() -> None:
    found = compile_pattern("/(a)|(b)/").search("b")
    assert found is not None
    assert found.groups == (None, "b")


@pytest.mark.parametrize("pattern", [r"/\x{41}\x41[\x{42}]\x42\x9/", r"/\Q\x{41}\E/"])
def test_hexadecimal_escapes_are_those_of_pcre(pattern: str) -> None:
    text = "AABB\t" if "Q" not in pattern else r"\x{41}"
    assert matched(pattern, text) == text


@pytest.mark.parametrize("pattern", ["/a # b/x", "/(?x)a # b/", r"/\Qa/"])
def test_a_pattern_may_end_in_a_comment_or_a_quotation(pattern: str) -> None:
    assert matched(pattern, "xa") == "a"


def test_verbs_at_the_start_stay_at_the_start() -> None:
    assert matched("/(*UTF)(*BSR_ANYCRLF)b/", "ab") == "b"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"/\((?:[^()]|(?R))*\)/", "x(a(b)c)", "(a(b)c)"),
        ("/a(*SKIP)b|c/", "ac", "c"),
        (r"/(?<=x)a/", "axa", "a"),
        ("/x\\Ka/", "axa", "a"),
    ],
)
def test_recursion_verbs_and_lookbehind_keep_their_meaning(
    pattern: str, text: str, expected: str
) -> None:
    assert matched(pattern, text) == expected


def test_finditer_gives_every_match_that_does_not_overlap() -> None:
    spans = [(f.start, f.end) for f in compile_pattern("/a+/").finditer("aa b a")]
    assert spans == [(0, 2), (5, 6)]


def test_finditer_ends_on_empty_matches() -> None:
    assert [f.start for f in compile_pattern("/x*/").finditer("ab")] == [0, 1, 2]


def test_finditer_is_bounded_and_says_so() -> None:
    defects: list[str] = []
    count = sum(1 for _ in compile_pattern("/a/").finditer("a" * 20_000, defects))
    assert count == patterns.MAX_FOUND
    assert "matches more than" in defects[0]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("/(a+)+$/", "a" * 3000 + "b"),
        ("/(a|aa)*[cd]/", "a" * 50_000),
        (r"/(?:a|b)*(?:a|b)*[cd]/", ("a" * 600 + "\n") * 100),
        (r"/(.|\n)*?(.|\n)*?x[yz]/", "b\n" * 40_000 + "xq"),
        ("/(?R)?b(a|aa)*[cd]/", "a" * 3000 + "b" + "a" * 3000),
    ],
)
def test_a_pattern_that_backtracks_is_cut_off_and_reported(pattern: str, text: str) -> None:
    defects: list[str] = []
    start = time.perf_counter()
    assert compile_pattern(pattern).search(text, defects) is None
    assert time.perf_counter() - start < 5
    assert len(defects) == 1
    assert pattern in defects[0]
    assert "cut off and counts as no match" in defects[0]


def test_a_deep_match_that_overflows_the_compiled_form_is_still_found() -> None:
    defects: list[str] = []
    text = "b\n" * 10_000 + "x"
    found = compile_pattern(r"/(?:.|\n)*x/").search(text, defects)
    assert found is not None
    assert found.end == len(text)
    assert defects == []


def test_the_same_defect_is_told_once() -> None:
    defects: list[str] = []
    pattern = compile_pattern("/(a+)+$/")
    for _ in range(3):
        pattern.search("a" * 3000 + "b", defects)
    assert len(defects) == 1


def test_a_text_beyond_the_bound_is_searched_in_part_and_it_is_said() -> None:
    defects: list[str] = []
    assert compile_pattern("/end/").search("x" * patterns.MAX_TEXT + "end", defects) is None
    assert "in the first 100000 characters only" in defects[0]


@pytest.mark.parametrize("pattern", APPENDIX)
def test_the_patterns_users_start_with_never_reach_the_limit(pattern: str) -> None:
    defects: list[str] = []
    text = ("Le mot de la fin, On verra: De : x\n_From: To\n> quoted 2026/11/22\n" * 2000)[:99_000]
    start = time.perf_counter()
    compile_pattern(pattern).search(text, defects)
    assert defects == []
    assert time.perf_counter() - start < 1


def test_a_pattern_is_compiled_once() -> None:
    assert compile_pattern("/once/") is compile_pattern("/once/")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.text(max_size=60))
def test_no_pattern_and_no_text_raises_anything_else(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(f"/{pattern}/im")
    except ValueError:
        return
    defects: list[str] = []
    found = compiled.search(text, defects)
    if found:
        assert normalise(text)[found.start : found.end] == found.text
