"""Fields that need no diagnosis: of whatever is taken as plain, mailparser has nothing to say."""

from __future__ import annotations

import email
import random
from datetime import UTC, timedelta

import mailparser  # noqa: TID251 - the diagnosis that is saved
import pytest

from mailticket.wellformed import plain_addresses, plain_date

PIECES = [
    *(b"ann", b"Bob", b"o'neil", b"x_y", b"a.b", b"-", b",", b", ", b" ", b"(c)", b"<", b">", b"@"),
    *(b";", b":", b'"Doe, J"', b'"(a"', b'""', b"<a@b.example>", b"a@b", b"a.b@c-d.example"),
    *(b"=?utf-8?q?V=C3=ADctor?=", b"=?utf-8?q?=22a?=", b"=?utf-8?q?=C3?=", b"=?utf-8?q?a=?="),
    *(b"=?utf-8?b?THVj?=", b"=?utf-8?b?THVjI?=", b"=?UTF-8?Q?a?=", b"=?utf-8?q?a?=b", b"\xc3\xa9"),
    *(b"=?utf-8?q?=E2=80=8B?=", b"=?utf-8?q?=3Cx=40y=3E?=", b"=?utf-8?q?_?=", b"=?utf-8?q?a(?="),
]
DATES = [
    *(b"Mon, 02 Nov 2026 10:11:12 +0100", b"Mon, 2 Nov 2026 10:11:59 -0330 (NST)"),
    *(b"Sun, 02 Nov 2026 10:11:12 +0100", b"Mon, 02 Nov 2026 10:11:12 -0000"),
    *(b"Mon, 02 Nov 2026 24:11:12 +0100", b"Mon, 02 Nov 2026 10:11:60 +0000"),
    *(b"Mon, 02 Nov 2026 10:11:12 +1460", b"Thu, 29 Feb 2029 10:11:12 +0000", b"yesterday"),
]


def _field(chance: random.Random) -> bytes:
    around = b"".join(chance.choices(PIECES, k=chance.randint(1, 4)))
    if chance.random() < 0.5:
        return around
    name = chance.choice(PIECES) + b" "
    return name + b"<" + chance.choice((b"ann@example.com", b"x-_1@e.f.example")) + b">" + around


def test_what_is_taken_as_plain_is_nothing_that_mailparser_diagnoses() -> None:
    chance = random.Random(5)
    fields = [(_field(chance), chance.choice(DATES[:2])) for _ in range(10_000)]
    plain = [(who, when) for who, when in fields if plain_addresses([who])]
    assert len(plain) > 100, len(plain)
    for who, when in plain:
        section = b"From: " + who + b"\r\nTo: a@b.example\r\nDate: " + when + b"\r\n\r\n"
        read = mailparser.MailParser(email.message_from_bytes(section))
        assert (read.address_header_defects, read.date_header_defects) == ([], []), section
        assert read.date.replace(tzinfo=UTC) == plain_date(when)


def test_a_plain_date_keeps_the_offset_that_it_names() -> None:
    date = plain_date(b"Mon, 02 Nov 2026 10:11:12 -0330 (NST)")
    assert date
    assert date.isoformat() == "2026-11-02T10:11:12-03:30"
    assert date.utcoffset() == -timedelta(hours=3, minutes=30)


@pytest.mark.parametrize("date", DATES[2:])
def test_a_date_that_may_be_wrong_is_left_to_be_diagnosed(date: bytes) -> None:
    assert plain_date(date) is None


def test_an_ordinary_field_is_plain() -> None:
    assert plain_addresses(
        [b"=?utf-8?q?V=C3=ADctor_L?= <v@e.example>, B <b@e.example>, c@e.example"]
    )
