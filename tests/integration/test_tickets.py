"""From a mail in a real mailbox to a ticket in a real database."""

from __future__ import annotations

from typing import Any

import pytest

from services.arena import Arena, mail

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def arena(make_arena: Any) -> Arena:
    return make_arena(**CREATES)


def test_a_mail_from_a_stranger_makes_a_person_and_a_ticket(arena: Arena) -> None:
    arena.deliver(mail("Printer broken", body="It does not print."))
    counts, failed = arena.run()
    assert (counts, failed) == ({"create": 1}, [])
    [row] = arena.rows(
        "SELECT t.ref, t.class, t.title, t.description_text, t.status, p.first_name, p.name,"
        " p.email, o.name, u.origin::text FROM mailticket.ticket t"
        " JOIN mailticket.person p ON p.id = t.caller_id"
        " JOIN mailticket.organization o ON o.id = t.org_id"
        " JOIN mailticket.user_request u ON u.ticket_id = t.id"
    )
    assert row == (
        "R-000001",
        "UserRequest",
        "Printer broken",
        "It does not print.",
        "new",
        "Ada",
        "Lovelace",
        "ada@acme.example",
        "Acme",
        "mail",
    )


def test_an_answer_adds_to_the_log_of_the_ticket_that_its_thread_made_in_the_same_run(
    arena: Arena,
) -> None:
    first = mail("Printer", message_id="<first@acme.example>")
    answer = mail(
        "Re: Printer",
        body="It prints again.\r\n\r\nOn Monday Ada wrote:\r\n> It does not print.",
        headers=["In-Reply-To: <first@acme.example>", "References: <first@acme.example>"],
    )
    arena.deliver(first, answer)
    assert arena.run()[0] == {"create": 1, "update": 1}
    assert arena.rows("SELECT field, text FROM mailticket.log_entry") == [
        ("public_log", "It prints again.")
    ]
    assert [row[3:] for row in arena.status()] == [
        ("create_ticket", "R-000001"),
        ("thread", "R-000001"),
    ]
