"""The feed of ticket changes, and the view for people who work in SQL (SPEC 4.1, 6.7)."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.store.runs import Runs
from mailticket.store.tickets import Tickets
from mailticket.store.watching import Watching
from services.arena import Arena, MakeArena, mail
from services.scenes import close, person, signed_id

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
    "closed_ticket": "reopen",
}
FIRST = "<first@acme.example>"
REPLY = f"In-Reply-To: {FIRST}"


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def events(arena: Arena) -> list[tuple[Any, ...]]:
    return arena.rows(
        "SELECT ref, class, kind, message FROM mailticket.ticket_event ORDER BY xid, id"
    )


def feed(arena: Arena, xid: int = 0, number: int = 0) -> list[dict[str, Any]]:
    """Read on from a cursor, as another DAG does."""
    db = arena.access().database()
    try:
        return db.rows("events_after", xid=xid, id=number, limit=100)
    finally:
        db.close()


def test_each_change_of_a_ticket_is_an_event_and_a_run_without_changes_has_none(
    arena: Arena,
) -> None:
    original = mail("Printer", message_id=FIRST)
    arena.deliver(original, original)
    arena.deliver(mail("Re", headers=[REPLY]))
    arena.deliver(mail("Away", headers=["Auto-Submitted: auto-replied"]))
    arena.run()
    close(arena)
    arena.deliver(mail("Re", headers=[REPLY]))
    arena.run()
    arena.run()
    kinds = [("created", 1), ("updated", 3), ("reopened", 5)]
    assert events(arena) == [("R-000001", "UserRequest", kind, n) for kind, n in kinds]
    [(detail,)] = arena.rows("SELECT detail FROM mailticket.ticket_event WHERE kind = 'reopened'")
    assert detail == {"changes": ["append_log_entry", "reopen"]}


def test_rejected_and_failed_messages_make_no_events_and_stop_no_others(arena: Arena) -> None:
    arena.rows("ALTER TABLE mailticket.ticket ADD CHECK (title <> 'bad')")
    arena.fields["automatic_mail"] = "reject"
    arena.deliver(mail("bad"), mail("List", headers=["List-Id: <x.example>"]), mail("good"))
    counts, failed = arena.run()
    assert (counts, len(failed)) == ({"create": 1, "failed": 1, "undesired": 1}, 1)
    assert [event[2:] for event in events(arena)] == [("created", 3)]


def test_a_reader_s_cursor_misses_no_event_of_a_slow_transaction(arena: Arena) -> None:
    slow = arena.database.connect()
    slow.autocommit = False
    insert = (
        "INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind)"
        " VALUES (%s, %s, 'UserRequest', 'updated')"
    )
    try:
        with slow.cursor() as cursor:
            cursor.execute(insert, (7, "R-000007"))
            arena.deliver(mail("Quick"))
            arena.run()
            assert [event[0] for event in events(arena)] == ["R-000001"]
            # The quick one is committed, but a reader that took it would pass the slow one by.
            assert feed(arena) == []
            slow.commit()
        read = feed(arena)
        assert [event["ref"] for event in read] == ["R-000007", "R-000001"]
        later = feed(arena, read[0]["xid"], read[0]["id"])
        assert [event["ref"] for event in later] == ["R-000001"]
        assert feed(arena, read[1]["xid"], read[1]["id"]) == []
    finally:
        slow.close()


def test_events_are_announced_once_and_those_of_a_dead_run_by_the_next(arena: Arena) -> None:
    from mailticket.ingest import Turn, begin  # noqa: PLC0415

    def announced(run: str) -> list[str]:
        access = arena.access()
        db = access.database()
        try:
            inbox = access.inbox(arena.name)
            p = begin(db, Turn(arena.name, run, "upsert_ticket"), lambda: inbox, access.outside())
            return [event["kind"] for event in p.tickets.unannounced(p.run)]
        finally:
            db.close()

    arena.deliver(mail("Printer", message_id=FIRST))
    arena.steps("one", "fetch", "filter", "parse", "upsert_ticket")
    assert announced("one") == ["created"]
    arena.rows("DELETE FROM mailticket.lease")
    arena.deliver(mail("Re", headers=[REPLY]))
    arena.steps("two", "fetch", "filter", "parse", "upsert_ticket")
    assert announced("two") == ["created", "updated"]
    arena.steps("two", "forward_errors", "cleanup", "report")
    arena.steps("three", "fetch", "filter", "parse", "upsert_ticket")
    assert announced("three") == []


# --- automatic mail ----------------------------------------------------------------------------

BOUNCE = """Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@acme.example>:
Sorry, no mailbox here by that name.

--- Below this line is a copy of the message.

Return-Path: <support@example.com>
From: support@example.com
To: ada@acme.example
Subject: Re: Printer
Message-ID: {about}

It is done.
"""


def bounce(about: str) -> bytes:
    return mail(
        "failure notice",
        sender="MAILER-DAEMON@mx.example" if not about else "Postmaster <postmaster@mx.example>",
        body=BOUNCE.format(about=about).replace("\n", "\r\n"),
    )


def report(about: str) -> bytes:
    """Write a delivery report as RFC 3464 has it."""
    lines = f"""From: MAILER-DAEMON@mx.example
To: support@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <report@mx.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.example.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ada@acme.example
Action: failed
Status: 5.1.1
--b
Content-Type: text/rfc822-headers

From: support@example.com
To: ada@acme.example
Message-ID: {about}

--b--
"""
    return lines.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("write", [report, bounce])
@pytest.mark.parametrize("unknown_caller", ["create_person", "reject"])
def test_a_failed_delivery_of_our_own_mail_is_noted_on_its_ticket(
    arena: Arena, write: Any, unknown_caller: str
) -> None:
    arena.deliver(mail("Printer", message_id=FIRST))
    arena.run()
    arena.fields["unknown_caller"] = unknown_caller
    arena.deliver(write(signed_id(arena)))
    assert arena.run() == ({"undesired": 1}, [])
    [row] = arena.rows(
        "SELECT status::text, verdict::text, reason, ticket FROM mailticket.message_status"
        " WHERE id = 2"
    )
    assert row[:2] == ("undesired", "undesired")
    assert row[2].startswith("bounce: ")
    assert row[2].endswith(", about R-000001")
    assert events(arena)[1:] == [("R-000001", "UserRequest", "delivery_failed", 2)]
    [(detail,)] = arena.rows(
        "SELECT detail FROM mailticket.ticket_event WHERE kind = 'delivery_failed'"
    )
    assert detail == {"failed_recipients": ["ada@acme.example"]}
    assert arena.rows("SELECT count(*) FROM mailticket.log_entry") == [(0,)]
    assert arena.rows("SELECT count(*) FROM mailticket.person") == [(1,)]


@pytest.mark.parametrize("unknown_caller", ["create_person", "reject"])
def test_an_old_style_bounce_from_a_stranger_is_undesired_not_rejected(
    arena: Arena, unknown_caller: str
) -> None:
    arena.fields["unknown_caller"] = unknown_caller
    arena.deliver(bounce("<theirs@elsewhere.example>"))
    assert arena.run() == ({"undesired": 1}, [])
    [row] = arena.status()
    assert row[1:4] == ("undesired", "undesired", "automatic_body")
    assert events(arena) == []


def test_an_undesired_subject_does_not_hide_that_a_mail_of_ours_did_not_arrive(
    arena: Arena,
) -> None:
    arena.fields["undesired_subject_patterns"] = ["/^failure/"]
    arena.deliver(mail("Printer"))
    arena.run()
    arena.deliver(bounce(signed_id(arena)), mail("failure of the printer"))
    assert arena.run() == ({"undesired": 2}, [])
    assert [row[3] for row in arena.status()[1:]] == ["automatic_body", "undesired_subject"]
    assert [event[2] for event in events(arena)] == ["created", "delivery_failed"]


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-generated", "Precedence: bulk"])
def test_a_bounce_that_calls_itself_generated_only_makes_no_ticket(
    arena: Arena, header: str
) -> None:
    reference = signed_id(arena)
    arena.deliver(mail("Printer"))
    arena.run()
    arena.deliver(bounce(reference).replace(b"MIME-Version", f"{header}\r\nMIME-Version".encode()))
    assert arena.run() == ({"undesired": 1}, [])
    assert arena.status()[1][3] == "automatic_body"
    assert [event[2] for event in events(arena)] == ["created", "delivery_failed"]


@pytest.mark.parametrize(
    ("headers", "kind", "accepted"),
    [
        (["Auto-Submitted: auto-replied"], "auto-reply", False),
        (["Auto-Submitted: auto-generated"], "generated", True),
        (["Auto-Submitted: no"], "", True),
        (["List-Id: <dev.example.com>"], "list", True),
        (["Precedence: bulk"], "generated", True),
        (["X-Auto-Response-Suppress: All"], "generated", True),
        (["X-Failed-Recipients: ada@acme.example"], "bounce", False),
        (["X-Autoreply: yes"], "auto-reply", False),
    ],
)
def test_automatic_mail_makes_tickets_only_when_a_machine_generated_it_unasked(
    arena: Arena, headers: list[str], kind: str, accepted: bool
) -> None:
    arena.deliver(mail(headers=headers))
    arena.fields["automatic_mail"] = "accept_generated"
    arena.run()
    arena.fields["automatic_mail"] = "reject"
    arena.deliver(mail(headers=headers))
    arena.run()
    verdicts = [row[2] for row in arena.status()]
    assert verdicts == ["create" if accepted else "undesired", "undesired" if kind else "create"]
    [(first,)] = arena.rows(
        "SELECT s ->> 'detail' FROM mailticket.attempt a, jsonb_array_elements(a.steps) s"
        " WHERE a.message = 1 AND s ->> 'rule' = 'automatic_mail'"
    )
    assert first.startswith(f"{kind}: " if kind else "")


def test_an_automatic_reply_to_a_ticket_s_mail_names_the_ticket_and_adds_nothing(
    arena: Arena,
) -> None:
    arena.deliver(mail("Printer", message_id=FIRST))
    arena.run()
    headers = ["Auto-Submitted: auto-replied", f"In-Reply-To: {signed_id(arena)}"]
    arena.deliver(mail("Out of office", headers=headers))
    assert arena.run() == ({"undesired": 1}, [])
    [(reason,)] = arena.rows("SELECT reason FROM mailticket.message_status WHERE id = 2")
    assert reason.endswith(", about R-000001")
    assert [event[2] for event in events(arena)] == ["created"]


def test_our_own_mail_that_comes_back_is_undesired(arena: Arena) -> None:
    person(arena, "ada@acme.example")
    arena.deliver(mail(message_id=signed_id(arena, 0)))
    assert arena.run() == ({"undesired": 1}, [])
    [(reason,)] = arena.rows("SELECT reason FROM mailticket.message_status")
    assert reason == "own: this is a mail that we sent, it came back"


# --- the view ----------------------------------------------------------------------------------


def test_the_view_tells_each_message_with_its_place_and_its_decision(arena: Arena) -> None:
    arena.deliver(mail("Printer", message_id=FIRST))
    arena.run("the run")
    [row] = arena.rows(
        "SELECT inbox, folder, uid, message_id, subject, sender, received IS NOT NULL,"
        " status::text, verdict::text, decided_by, reason, ticket, run"
        " FROM mailticket.message_status"
    )
    assert row == (
        "support",
        "INBOX",
        "1",
        "first@acme.example",
        "Printer",
        "ada@acme.example",
        True,
        "processed",
        "create",
        "create_ticket",
        "a new UserRequest",
        "R-000001",
        "the run",
    )


def test_more_changes_than_one_run_announces_ring_for_another(arena: Arena) -> None:
    arena.deliver(mail("One"))
    arena.run("r1")
    arena.rows(
        "INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, run)"
        " SELECT 1, 'R-000001', 'UserRequest', 'updated', run"
        " FROM mailticket.ticket_event, generate_series(1, 2500)"
    )
    arena.rows("UPDATE mailticket.run SET finished_at = now() - interval '1 minute'")
    assert announced(arena, "r2") == 2000
    arena.rows("UPDATE mailticket.run SET finished_at = now() - interval '1 minute'")
    assert "announce" in asks(arena)
    assert announced(arena, "r3") == 501
    arena.rows("UPDATE mailticket.run SET finished_at = now() - interval '1 minute'")
    assert "announce" not in asks(arena)


def announced(arena: Arena, name: str) -> int:
    """Take a run whose last but two tasks announces, as Airflow's does; give how many events."""
    arena.steps(name, "fetch", "filter", "parse", "upsert_ticket")
    db = arena.access().database()
    try:
        run = Runs(db).find(arena.name, name, 0)
        assert run is not None
        number = len(list(Tickets(db).unannounced(run)))
    finally:
        db.close()
    arena.steps(name, "forward_errors", "cleanup", "report")
    return number


def asks(arena: Arena) -> dict[str, str]:
    db = arena.access().database()
    try:
        return Watching(db).asks().get(arena.name, {})
    finally:
        db.close()
