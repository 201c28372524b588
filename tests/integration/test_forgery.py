"""Mail that wants into other people's tickets, in a real database."""

from __future__ import annotations

from typing import Any

import pytest

from services.arena import Arena, MakeArena, mail
from services.scenes import entries, last, person

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
}
VICTIM = "Vic <vic@victim.example>"
EVE = "Eve <eve@evil.example>"
FIRST = "<first@victim.example>"


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    """Set up an inbox that makes persons of strangers, all in one organisation."""
    return make_arena(**CREATES)


def sent(arena: Arena, subject: str, sender: str, *headers: str, **options: Any) -> Any:
    """Deliver one mail and take a pass; give verdict and ticket."""
    arena.deliver(mail(subject, sender, headers=headers, **options))
    arena.run()
    return last(arena)[0], last(arena)[2]


# --- strangers who share an organisation because mail made them --------------------------------


def test_two_strangers_are_not_related_by_the_organisation_that_mail_gave_them(
    arena: Arena,
) -> None:
    sent(arena, "help", VICTIM)
    sent(arena, "hello", EVE)
    assert sent(arena, "Re: R-000001", EVE) == ("create", "R-000003")
    assert entries(arena) == []
    assert arena.rows("SELECT email, by_mail FROM mailticket.person ORDER BY id") == [
        ("vic@victim.example", True),
        ("eve@evil.example", True),
    ]


def test_whom_an_operator_vouches_for_is_related_by_organisation(arena: Arena) -> None:
    sent(arena, "help", VICTIM)
    sent(arena, "hello", EVE)
    arena.rows("UPDATE mailticket.person SET by_mail = false WHERE email LIKE 'eve@%'")
    assert sent(arena, "Re: R-000001", EVE) == ("update", "R-000001")


def test_a_person_whom_mail_made_keeps_the_relation_to_a_ticket_of_their_own(arena: Arena) -> None:
    sent(arena, "help", VICTIM)
    assert sent(arena, "Re: R-000001", VICTIM) == ("update", "R-000001")


# --- threads that a forger prepares ------------------------------------------------------------


def test_the_copies_on_a_duplicate_open_no_thread(arena: Arena) -> None:
    person(arena, "eve@evil.example", "Eve", org="Evil")
    sent(arena, "help", VICTIM, message_id=FIRST)
    # The very mail once more, so that it is a duplicate, with the forger among its readers.
    copy = sent(arena, "help", VICTIM, "Cc: eve@evil.example", message_id=FIRST)
    assert copy == ("duplicate", "R-000001")
    assert sent(arena, "Re: help", EVE, f"In-Reply-To: {FIRST}") == ("create", "R-000002")
    assert entries(arena) == []


@pytest.mark.parametrize("answers", ["col@victim.example", "vic@victim.example"])
def test_who_repeats_a_message_id_diverts_no_thread(arena: Arena, answers: str) -> None:
    for name, org in (("col", "Victim"), ("vic", "Victim"), ("eve", "Evil")):
        person(arena, f"{name}@{org.lower()}.example", name, org=org)
    sent(arena, "help", VICTIM, message_id=FIRST)
    readers = "Cc: col@victim.example, vic@victim.example"
    assert sent(arena, "trap", EVE, readers, message_id=FIRST) == ("create", "R-000002")
    answer = sent(arena, "Re: help", answers, f"In-Reply-To: {FIRST}")
    assert answer == ("update", "R-000001")


# --- letters that only look like those of an address -------------------------------------------


@pytest.mark.parametrize(
    ("known", "writes"),
    [
        ("mike@bank.example", "mi\u212ae@ban\u212a.example"),  # the Kelvin sign's small letter is k
        ("ilk@bank.example", "\u0130lk@bank.example"),
        ("gross@bank.example", "gro\u017fs@bank.example"),
    ],
)
def test_letters_beyond_ascii_make_nobodys_address(
    make_arena: MakeArena, known: str, writes: str
) -> None:
    arena = make_arena()
    person(arena, known)
    assert sent(arena, "hello", f"X <{writes}>") == ("rejected", None)
    assert sent(arena, "hello", f"X <{known.upper()}>") == ("create", "R-000001")


def test_a_persons_address_beyond_ascii_is_known_as_it_is_written(make_arena: MakeArena) -> None:
    arena = make_arena()
    for number, known in enumerate(
        ("\u0130lk@X.example", "\u00c4@x.example", "\u1e9e@x.example"), 1
    ):
        person(arena, known)
        assert sent(arena, known, f"X <{known}>") == ("create", f"R-{number:06d}")
