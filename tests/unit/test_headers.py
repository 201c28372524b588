"""Header fields: addresses, parameters, encoded words, dates, one piece at a time."""

from __future__ import annotations

import pytest

from mailticket.addresses import read_addresses
from mailticket.dates import read_date
from mailticket.encoded_words import decode_words
from mailticket.fields import read_fields, read_parameters


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a@b.example", ["a@b.example"]),
        ('"Doe, John" <j@x.example>', ["Doe, John <j@x.example>"]),
        ("Doe, John <j@x.example>", ["Doe, John <j@x.example>"]),
        ("a@b.example; c@d.example", ["a@b.example", "c@d.example"]),
        ("<@r1.example,@r2.example:a@b.example>", ["a@b.example"]),
        ("a . b @ c . example", ["a.b@c.example"]),
        ('"joe q"@x.example', ['"joe q"@x.example']),
        ("John Smith a@b.example", ["John Smith <a@b.example>"]),
        ("Foo (bar <foo@x.example>", ["Foo bar <foo@x.example>"]),
        ('"open <a@b.example>', ["open <a@b.example>"]),
        ("Foo <a@b.example", ["Foo <a@b.example>"]),
        ("<<a@b.example>>", ["a@b.example"]),
        ("a@[192.0.2.1]", ["a@[192.0.2.1]"]),
        ("=?utf-8?Q?Doe=2C_J?= <a@b.example>", ["Doe, J <a@b.example>"]),
        ("undisclosed-recipients:;", []),
        ("Just Words", []),
        ("", []),
    ],
)
def test_addresses_as_people_write_them(written: str, read: list[str]) -> None:
    assert [str(each) for each in read_addresses([written], 100).addresses] == read


def test_a_limit_holds_for_all_fields_together() -> None:
    found = read_addresses(["a@b.example, c@d.example", "e@f.example"], 2)
    assert len(found.addresses) == 2
    assert not found.complete


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
        ("=?utf-8?Q?a?= b", "a b"),
        ("=?utf-8?Q?=C3?=\n =?utf-8?Q?=BC?=", "ü"),
        ("=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
        ("x=?utf-8?Q?_y?=z", "x yz"),
        ("=?utf-8*en?Q?a?=", "a"),
        ("=?utf-8?Q?What's up??=", "What's up?"),
        ("=?utf-8?B?w7w?=", "ü"),
        ("=?nonsense?Q?=FC?=", "ü"),
        ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
        ("a = ? b", "a = ? b"),
    ],
)
def test_encoded_words_as_programs_write_them(written: str, read: str) -> None:
    assert decode_words(written) == read


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2026-05-05 12:04:33 +0200", "2026-05-05T12:04:33+02:00"),
        ("2026-05-05T12:04:33Z", "2026-05-05T12:04:33+00:00"),
        ("Tue, 5 May 2026 12:04 PM -0500 (CDT)", "2026-05-05T12:04:00-05:00"),
        ("Tue May  5 12:04:33 2026", "2026-05-05T12:04:33+00:00"),
        ("mar., 5 déc. 2026 12:04:33 CET", "2026-12-05T12:04:33+01:00"),
        ("05.05.2026 12:04", "2026-05-05T12:04:00+00:00"),
        ("12/24/2026 1:04 pm", "2026-12-24T13:04:00+00:00"),
        ("5 May 26 09.04.33 GMT+0200", "2026-05-05T09:04:33+02:00"),
    ],
)
def test_dates_that_the_grammar_refuses_are_read(written: str, iso: str) -> None:
    found = read_date(written)
    assert found is not None
    assert found.isoformat() == iso


@pytest.mark.parametrize("written", ["", "yesterday", "32 May 2026 10:00", "5 May 2026 25:00", "-"])
def test_no_date_is_no_date(written: str) -> None:
    assert read_date(written) is None


@pytest.mark.parametrize(
    ("written", "value", "items"),
    [
        (b'text/plain; charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        (b"TEXT / Plain (comment) ; Charset = x", "text/plain", {"charset": "x"}),
        (b"multipart/mixed boundary=x", "multipart/mixed", {"boundary": "x"}),
        (b'; filename="a b.txt"', "", {"filename": "a b.txt"}),
        (b"attachment; filename=a b.txt; x=y", "attachment", {"filename": "a b.txt", "x": "y"}),
        (b"attachment; filename*=utf-8''%C3%BC", "attachment", {"filename": "ü"}),
        (b"attachment; filename*1=b; filename*0=a", "attachment", {"filename": "ab"}),
        (b'attachment; filename="a\\"b;c"', "attachment", {"filename": 'a"b;c'}),
    ],
)
def test_parameters_as_programs_write_them(
    written: bytes, value: str, items: dict[str, str]
) -> None:
    found = read_parameters(written)
    assert (found.value, dict(found.items)) == (value, items)


def test_fields_are_unfolded_and_keep_their_order_and_repetitions() -> None:
    section = read_fields(b"A: 1\r\n  2\r\nb : 3\r\nA: 4\r\n\r\nbody: 5")
    assert section.fields == (("a", b"1 2"), ("b", b"3"), ("a", b"4"))
    assert section.all("a") == [b"1 2", b"4"]
