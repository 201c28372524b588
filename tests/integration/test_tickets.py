"""From a mail in a real mailbox to a ticket in a real database."""

from __future__ import annotations

import base64
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mailticket.store.postgres import Database
from mailticket.store.tickets import Tickets
from mailticket.ticket import CreatePerson, CreateTicket
from services.arena import Arena, mail
from services.scenes import last, person, steps, with_parts

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


# --- who wrote ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "first_name", "name"),
    [
        ("Ada Lovelace <ada@acme.example>", "Ada", "Lovelace"),
        ('"Lovelace, Ada" <ada@acme.example>', "Ada", "Lovelace"),
        ("Augusta Ada King <ada@acme.example>", "Augusta Ada", "King"),
        ("Ada <ada@acme.example>", "Default", "Ada"),
        ("\"'Ada Lovelace'\" <ada@acme.example>", "Ada", "Lovelace"),
        ("ada@acme.example (Ada Lovelace)", "Ada", "Lovelace"),
        ("=?utf-8?q?=C3=89mile?= =?utf-8?q?_B=C3=B4rel?= <ada@acme.example>", "Émile", "Bôrel"),
        ("=?utf-8?b?8J+YgCDXqdec15XXnQ==?= <ada@acme.example>", "😀", "שלום"),
        ("ada@acme.example", "Default", "Somebody"),
    ],
)
def test_a_person_is_called_as_the_display_name_says_and_otherwise_as_configured(
    arena: Arena, sender: str, first_name: str, name: str
) -> None:
    arena.fields["person_defaults"] = {
        "org_id": "Acme",
        "first_name": "Default",
        "name": "Somebody",
        "phone": "+41 1",
    }
    arena.deliver(mail(sender=sender))
    assert arena.run() == ({"create": 1}, [])
    assert arena.rows("SELECT first_name, name, email, phone FROM mailticket.person") == [
        (first_name, name, "ada@acme.example", "+41 1")
    ]


def test_a_person_without_a_mandatory_field_is_an_error_that_names_it(arena: Arena) -> None:
    arena.fields["person_defaults"] = {}
    arena.rows("ALTER TABLE mailticket.person ADD badge text NOT NULL")
    arena.deliver(mail(sender="ada@acme.example"))
    assert arena.run()[0] == {"failed": 1}
    why = (
        "the person ada@acme.example cannot be created without name, org_id, badge: "
        "set person_defaults of inbox support"
    )
    assert last(arena) == ("failed", "mandatory_fields", None, why)


def test_a_person_is_made_in_the_transaction_of_the_ticket(arena: Arena) -> None:
    arena.rows("ALTER TABLE mailticket.ticket ADD CHECK (title <> 'Printer broken')")
    arena.deliver(mail("Printer broken"), mail("Scanner"))
    assert arena.run()[0] == {"failed": 1, "create": 1}
    assert arena.rows("SELECT count(*) FROM mailticket.person") == [(1,)]


def test_the_second_mail_of_a_stranger_in_one_run_finds_the_person_that_the_first_made(
    arena: Arena,
) -> None:
    arena.deliver(mail("one"), mail("two", sender="ADA@Acme.example"))
    assert arena.run()[0] == {"create": 2}
    assert arena.rows("SELECT DISTINCT caller_id FROM mailticket.ticket") == [(1,)]


def test_two_inboxes_that_meet_a_stranger_at_once_make_one_person(arena: Arena) -> None:
    def make(db: Database) -> None:
        person = CreatePerson({"name": "Eve", "email": "Eve@x.example", "org_id": 1})
        fields = {"title": "t", "org_id": 1}
        with db.transaction():
            Tickets(db).apply([person, CreateTicket("Incident", "incident", fields, {})], 1, 1)

    arena.deliver(mail())
    arena.run()
    slow, quick = arena.access().database(), arena.access().database()
    try:
        with ThreadPoolExecutor() as pool:
            with slow.transaction():
                make(slow)
                other = pool.submit(make, quick)
                with pytest.raises(TimeoutError):
                    other.result(timeout=0.3)
            other.result(timeout=60)
    finally:
        slow.close()
        quick.close()
    assert arena.rows("SELECT email FROM mailticket.person ORDER BY id") == [
        ("ada@acme.example",),
        ("Eve@x.example",),
    ]
    assert arena.rows("SELECT DISTINCT caller_id FROM mailticket.ticket WHERE id > 1") == [(2,)]


def test_the_caller_is_found_in_any_case_and_of_several_the_first_is_taken(arena: Arena) -> None:
    first = person(arena, "ADA@acme.EXAMPLE", org="Navy")
    second = person(arena, "ada@acme.example", "Byron")
    arena.deliver(mail(sender="<Ada@Acme.Example>"))
    assert arena.run()[0] == {"create": 1}
    assert arena.rows(
        "SELECT t.caller_id, o.name FROM mailticket.ticket t"
        " JOIN mailticket.organization o ON o.id = t.org_id"
    ) == [(first, "Navy")]
    told = f"Ada@Acme.Example belongs to persons {first}, {second}; the first is taken"
    assert steps(arena)["unknown_caller"] == ("miss", told)


def test_an_unknown_caller_is_rejected_unless_persons_are_created(arena: Arena) -> None:
    arena.fields["unknown_caller"] = "reject"
    arena.deliver(mail())
    assert arena.run() == ({"rejected": 1}, [])
    why = "ada@acme.example is not the address of a known person"
    assert last(arena) == ("rejected", "unknown_caller", None, why)
    arena.deliver(mail(sender="undisclosed recipients:;"))
    assert arena.run()[0] == {"rejected": 1}
    assert last(arena)[3] == "neither From nor Sender holds a usable address"


def test_an_address_of_thousands_of_characters_fails_alone(arena: Arena) -> None:
    # Random, since PostgreSQL compresses what it indexes: an index row ends at 2,700 bytes.
    address = secrets.token_hex(4000) + "@acme.example"
    arena.deliver(mail("one", sender=f"A B <{address}>"), mail("two"))
    counts, _ = arena.run()
    assert counts["create"] >= 1
    assert sum(counts.values()) == 2


# --- title and description ---------------------------------------------------------------------


def encoded(text: str) -> str:
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


def test_a_title_is_cut_at_255_characters_not_bytes(arena: Arena) -> None:
    long = "é😀" * 200
    arena.deliver(mail(" ".join(encoded(long[at : at + 10]) for at in range(0, 400, 10))))
    assert arena.run() == ({"create": 1}, [])
    assert arena.rows("SELECT title FROM mailticket.ticket") == [(long[:255],)]
    [(subject,)] = arena.rows("SELECT subject FROM mailticket.message_status")
    assert subject == long


def test_a_title_is_cut_to_the_size_that_the_site_gave_the_field(arena: Arena) -> None:
    arena.rows("ALTER TABLE mailticket.ticket ALTER title TYPE varchar(10)")
    arena.deliver(mail("Printer broken again"))
    assert arena.run() == ({"create": 1}, [])
    assert arena.rows("SELECT title FROM mailticket.ticket") == [("Printer br",)]


def test_without_a_subject_the_title_is_the_default(arena: Arena) -> None:
    arena.deliver(mail(""), mail(" \t "))
    arena.run()
    arena.fields["default_title"] = "(ohne Betreff)"
    arena.deliver(mail("=?utf-8?q?_?="))
    arena.run()
    titles = [title for (title,) in arena.rows("SELECT title FROM mailticket.ticket ORDER BY id")]
    assert titles == ["No Subject", "No Subject", "(ohne Betreff)"]


def test_the_description_is_the_body_as_html_and_as_text(arena: Arena) -> None:
    html = "<p>It is <b>broken</b>.</p><script>alert(1)</script>"
    arena.deliver(with_parts(("text/html; charset=utf-8", html.encode())))
    assert arena.run() == ({"create": 1}, [])
    [(description, text)] = arena.rows(
        "SELECT description, description_text FROM mailticket.ticket"
    )
    assert "<b>broken</b>" in description
    assert "script" not in description
    assert text.strip() == "It is **broken**." or text.strip() == "It is broken."


def test_too_long_a_description_is_cut_and_the_whole_body_attached(arena: Arena) -> None:
    line = "Wörter & mehr <b> " * 4 + "\r\n"
    body = line * 20_000
    arena.deliver(mail("Long", body=body, message_id="<long@acme.example>"))
    assert arena.run() == ({"create": 1}, [])
    [(html, text)] = arena.rows(
        "SELECT length(description), length(description_text) FROM mailticket.ticket"
    )
    assert 900_000 < html < 1_200_000
    assert text == 1_000_000
    [(name, kind, size)] = arena.rows(
        "SELECT a.filename, a.content_type, b.size FROM mailticket.attachment a"
        " JOIN mailticket.blob b USING (sha256)"
    )
    assert (name, kind) == ("body.html", "text/html")
    assert size > len(body)
    arena.deliver(mail("Re: Long", body="x" + body, headers=["In-Reply-To: <long@acme.example>"]))
    assert arena.run() == ({"update": 1}, [])
    assert arena.rows("SELECT count(*) FROM mailticket.attachment") == [(2,)]


@pytest.mark.parametrize(
    "body",
    [
        "a\0b",
        "emoji 😀👩‍👩‍👧 and \u202ertl\u202c שלום مرحبا",
        "line\u2028separator\x0bvertical\x0cform\x85next",
        "\ufffe\uffff\ufdd0 no characters",
    ],
)
def test_unusual_text_reaches_the_database_whole_or_mended(arena: Arena, body: str) -> None:
    names = f"=?utf-8?b?{base64.b64encode(body[:20].encode()).decode()}?="
    raw = mail(names, sender=f"{names} <ada@acme.example>", body=body)
    raw = raw.replace(b"MIME-Version", b"X-Raw: \xff\xfe\0\r\nMIME-Version")
    arena.deliver(raw)
    assert arena.run() == ({"create": 1}, [])
    [(text, title)] = arena.rows("SELECT description_text, title FROM mailticket.ticket")
    assert "\0" not in text + title
    for word in ("a", "b", "😀", "שלום", "form", "characters"):
        assert (word in body) <= (word in text)


def test_lone_surrogates_and_broken_utf_8_are_mended_everywhere(arena: Arena) -> None:
    broken = b"\xed\xa0\x80\xff ok"
    raw = mail("SUBJECT", sender="NAME <ada@acme.example>", body="BODY")
    for word in (b"SUBJECT", b"NAME", b"BODY"):
        raw = raw.replace(word, broken)
    utf16 = base64.b64encode("x\ud800y".encode("utf-16-le", "surrogatepass"))
    arena.deliver(raw)
    arena.deliver(
        with_parts(
            ("text/plain; charset=utf-16le", utf16),
            ('text/plain; name="=?utf-8?q?=ED=A0=80=00a.txt?="', b"eA=="),
            encoding="base64",
        )
    )
    assert arena.run() == ({"create": 2}, [])


# --- contacts ----------------------------------------------------------------------------------


def contacts(arena: Arena, ticket: int = 1) -> list[str]:
    return [
        email
        for (email,) in arena.rows(
            "SELECT p.email FROM mailticket.ticket_contact c"
            " JOIN mailticket.person p ON p.id = c.person_id WHERE c.ticket_id = %s ORDER BY p.id",
            ticket,
        )
    ]


@pytest.mark.parametrize(
    ("way", "on_create", "on_update"),
    [
        ("never", False, False),
        ("on_create", True, False),
        ("on_update", False, True),
        ("always", True, True),
    ],
)
def test_known_persons_in_to_and_cc_become_contacts_as_configured(
    arena: Arena, way: str, on_create: bool, on_update: bool
) -> None:
    arena.fields["additional_contacts"] = way
    for name in ("grace", "charles", "alan"):
        person(arena, f"{name}@acme.example")
    arena.deliver(
        mail(
            "one",
            message_id="<1@x.example>",
            to="support@example.com, GRACE@acme.example",
            headers=["Cc: Charles <charles@acme.example>, nobody@acme.example"],
        )
    )
    arena.run()
    first = ["grace@acme.example", "charles@acme.example"] if on_create else []
    assert contacts(arena) == first
    headers = ["In-Reply-To: <1@x.example>", "Cc: alan@acme.example"]
    arena.deliver(mail("two", headers=headers))
    assert arena.run()[0] == {"update": 1}
    assert contacts(arena) == first + (["alan@acme.example"] if on_update else [])


def test_neither_the_inbox_nor_the_caller_becomes_a_contact(arena: Arena) -> None:
    arena.fields |= {"additional_contacts": "always", "address": "Help@Acme.example"}
    person(arena, "help@acme.example", "Desk")
    person(arena, "ada@acme.example")
    person(arena, "ada@acme.example", "Byron")
    person(arena, "grace@acme.example", "Hopper")
    to = "help@acme.example, ada@acme.example"
    arena.deliver(mail("one", message_id="<1@x.example>", to=to))
    arena.run()
    assert contacts(arena) == []
    headers = ["In-Reply-To: <1@x.example>", "Cc: ada@acme.example, HELP@acme.example"]
    arena.deliver(mail("two", sender="Grace <grace@acme.example>", to=to, headers=headers))
    assert arena.run()[0] == {"update": 1}
    assert contacts(arena) == []


def test_the_login_is_the_inbox_own_address_where_none_is_configured(arena: Arena) -> None:
    arena.fields["additional_contacts"] = "always"
    person(arena, arena.user)
    arena.deliver(mail(to=arena.user.upper()))
    arena.run()
    assert contacts(arena) == []
