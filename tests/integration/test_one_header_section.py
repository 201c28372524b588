"""What the rules saw of a mail and what is read of it later is the same header section."""

from __future__ import annotations

import pytest

from mailticket.mailboxes.base import Listed
from mailticket.parsing import parse, read_header
from mailticket.steps.arriving import arrival
from services.arena import Arena, MakeArena, mail
from services.post_office import PostOffice
from services.scenes import entries, last

EVE = b"From: Eve <eve@evil.example>\r\nSubject: hi\r\nAuto-Submitted: auto-replied\r\n"
FORMS = {
    "plain": EVE + b"\r\nbody",
    "a blank line first": b"\r\n" + EVE + b"\r\nbody",
    "a bare line end first": b"\n\n\n" + EVE + b"\r\nbody",
    "a byte order mark first": b"\xef\xbb\xbf\r\n" + EVE + b"\r\nbody",
    "NUL first": b"\0\r\n\r\n" + EVE + b"\r\nbody",
    "a blank of a blank": b" \r\n\t\r\n" + EVE + b"\r\nbody",
    "two carriage returns": (EVE + b"\r\nbody\r\nFrom: b@c\r\n\r\n").replace(b"\r\n", b"\r\r\n"),
    "carriage returns only": (EVE + b"\r\nbody\r\n\r\nFrom: b@c").replace(b"\r\n", b"\r"),
    "carriage returns amid": EVE + b"X: a\r\rFrom: b@c\r\n\r\nbody",
    "no blank line": EVE + b"this is no field\r\nFrom: b@c\r\n\r\nbody",
    "nothing but blank lines": b"\r\n" * 3000 + EVE + b"\r\nbody",
    "an mbox line": b"From eve Mon Jan  1 00:00:00 2026\r\n" + EVE + b"\r\nbody",
}


@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS)
def test_who_wrote_is_the_same_from_arrival_to_ticket(raw: bytes) -> None:
    arrived = arrival(Listed("1", len(raw), None), raw, whole=True)
    ruled = read_header(raw[: arrived.header_size])
    read = parse(raw).header
    assert (ruled.from_, ruled.subject, ruled.automatic) == (
        read.from_,
        read.subject,
        read.automatic,
    )
    assert arrived.sender == (read.from_.address if read.from_ else "")


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Arena:
    made = make_arena(
        unknown_caller="create_person",
        person_defaults={"org_id": "Acme"},
        rules_off=["unknown_caller"],
        notify=["acknowledgement"],
    )
    made.smtp = post_office.connection
    return made


def test_an_automatic_reply_behind_a_blank_line_makes_no_ticket(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(b"\r\n" + mail("I am away", headers=["Auto-Submitted: auto-replied"]))
    assert arena.run() == ({"undesired": 1}, [])
    assert last(arena)[1] == "automatic_mail"
    assert post_office.mails == []


def test_a_reply_behind_a_blank_line_finds_its_ticket_and_is_settled(arena: Arena) -> None:
    first = "<first@acme.example>"
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("one", message_id=first))
    arena.run()
    arena.deliver(b"\r\n" + mail("Re: one", body="more", headers=[f"In-Reply-To: {first}"]))
    assert arena.run() == ({"update": 1}, [])
    assert entries(arena) == [("R-000001", "more")]
    assert arena.in_folder() == 0
