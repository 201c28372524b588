"""Reading what an IMAP server answers, malformed answers included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailticket.mailboxes import imap_answer, server_words
from mailticket.mailboxes.imap_answer import fetched, folder_on_wire, folders, tokens


def test_uids_are_written_as_runs() -> None:
    assert imap_answer.uid_set([7, 1, 2, 3, 9, 10, 2]) == "1:3,7,9:10"
    assert imap_answer.uid_set([]) == ""


def test_a_search_may_come_in_several_lines_or_in_none() -> None:
    assert imap_answer.searched([b"3 1", None, b"2 junk", b""]) == [1, 2, 3]
    assert imap_answer.searched([None]) == []


def test_flags_and_bracketed_names_are_read() -> None:
    line = rb'5 (FLAGS (\Seen $Junk) UID 9 BODY[HEADER.FIELDS (DATE FROM)]<0> "x" RFC822.SIZE 3)'
    about = fetched([line])[9]
    assert imap_answer.number(about[b"RFC822.SIZE"]) == 3
    assert about[b"BODY[HEADER.FIELDS (DATE FROM)]"] == b"x"


@pytest.mark.parametrize(
    ("line", "uid"),
    [
        (b'2 (UID 7 X "a b) UID 9")', 7),
        (b'3 (INTERNALDATE "22 (x) UID 77" UID 8)', 8),
        (b'3 (X "a \\" UID 77" UID 8)', 8),
    ],
)
def test_a_uid_inside_a_string_is_no_uid(line: bytes, uid: int) -> None:
    assert list(fetched([line])) == [uid]


def test_literals_of_one_response_stay_together() -> None:
    pieces = [(b"1 (UID 4 BODY[HEADER] {2}", b"h)"), (b" BODY[] {3}", b"(b\n"), b")", b"2 (UID 5)"]
    found = fetched(pieces)
    assert found[4] == {b"UID": b"4", b"BODY[HEADER]": b"h)", b"BODY[]": b"(b\n"}
    assert set(found) == {4, 5}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1",
        b"1 (UID",
        b"1 (UID 5",
        b"1 UID 5)",
        b"1 (UID x)",
        b'1 (UID "5)',
        b"((((",
        b"1 (UID)",
    ],
)
def test_a_malformed_answer_is_left_out(line: bytes) -> None:
    assert fetched([line]) == {}


def test_a_hostile_nesting_is_refused_quickly() -> None:
    assert fetched([b"1 (UID 5 X " + b"(" * 1_000_000]) == {}
    assert fetched([b"1 (UID 5 X " + b"[" * 1_000_000]) == {}
    assert fetched([b"1 (UID 5 X " + b"[a" * 500_000]) == {}
    assert fetched([b'1 (UID 5 X "' + b"\\" * 1_000_001]) == {}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b" 1-Feb-2026 10:20:30 +0130", datetime(2026, 2, 1, 8, 50, 30, tzinfo=UTC)),
        (b"01-feb-2026 10:20:60 -0000", datetime(2026, 2, 1, 10, 20, 59, tzinfo=UTC)),
        (b"31-Feb-2026 10:20:30 +0000", None),
        (b"01-Feb-2026 10:20:30 +9900", None),
        (b"yesterday", None),
    ],
)
def test_internal_dates_are_read_or_left_out(written: bytes, expected: datetime | None) -> None:
    assert imap_answer.internal_date(written) == expected


def test_an_internal_date_keeps_its_offset() -> None:
    found = imap_answer.internal_date(b"01-Feb-2026 10:20:30 -0500")
    assert found is not None
    assert found.utcoffset() == timedelta(hours=-5)


def test_folder_names_are_read_in_every_notation() -> None:
    listed = folders(
        [
            rb'(\HasChildren) "/" INBOX',
            rb'(\Noselect) "/" "[Gmail]"',
            rb'() "." "back\\slash \"quoted\""',
            (rb"() NIL {7}", rb'a"b\c d'),
            b"",
            b'() "/" "Entw&APw-rfe"',
            b'() "/" "broken &APw"',
            b'() "/" "raw \xc3\xbc"',
            b"nonsense",
        ]
    )
    names = [folder.name for folder in listed]
    assert names[:4] == ["INBOX", "[Gmail]", 'back\\slash "quoted"', 'a"b\\c d']
    assert names[4:] == ["Entwürfe", "broken ü", "raw ü"]
    assert [folder.selectable for folder in listed[:2]] == [True, False]


def test_folder_names_are_written_in_modified_utf7_and_quoted() -> None:
    assert folder_on_wire("Büro & Co") == '"B&APw-ro &- Co"'
    assert folder_on_wire('a\\b"c') == '"a\\\\b\\"c"'
    assert folder_on_wire("inbox") == '"INBOX"'
    assert folder_on_wire("line\r\nbreak").isprintable()


def test_words_of_a_server_are_safe_to_show() -> None:
    assert server_words.readable(b"a\0b\r\nc\xff\x1b[31m") == "a b  c\ufffd [31m"


def test_tokens_keep_strings_and_words_apart() -> None:
    assert imap_answer.text(tokens([b'"NIL"'])[0]) == b"NIL"
    assert imap_answer.text(tokens([b"NIL"])[0]) is None
