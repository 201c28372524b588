"""Mail that wants to exhaust, mislead or stop a pass, with real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mailticket.commands.checking import check_database
from mailticket.store.postgres import Database as Store
from services.arena import Arena, MakeArena, mail
from services.database import Database
from services.scenes import last, person, signed_id

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
}

BOUNCE = """I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@acme.example>:
Sorry, no mailbox here by that name.

--- Below this line is a copy of the message.

Return-Path: <support@example.com>
From: support@example.com
To: ada@acme.example
Message-ID: {about}

It is done.
"""


def bounce(about: str) -> bytes:
    """Write a delivery report that only its body shows to be one."""
    body = f"Hi. This is the qmail-send program at mx.example.\n{BOUNCE.format(about=about)}"
    sender = "Postmaster <postmaster@mx.example>"
    return mail("failure notice", sender, body.replace("\n", "\r\n"))


def test_filter_reads_no_more_header_sections_at_once_than_fit_16_mb(
    make_arena: MakeArena,
) -> None:
    read: list[tuple[int, int]] = []

    class Scales(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            found = super().rows(name, **values)
            if name == "load_headers":
                read.append((len(found), sum(len(row["raw"]) for row in found)))
            return found

    arena = replace(make_arena(**CREATES), store=Scales)
    fields = [f"X-Long: {'a' * 900}"] * 2300  # 2 MB
    arena.deliver(*[mail(f"big {n}", headers=fields) for n in range(10)])
    arena.run()
    assert [number for number, _ in read] in ([8, 2], [7, 3])
    assert max(size for _, size in read) <= 16 * 1024**2


def test_a_mail_that_answers_thousands_is_looked_up_by_a_few(make_arena: MakeArena) -> None:
    asked: list[int] = []

    class Counter(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            asked.extend(len(values[key]) for key in ("message_ids", "threads") if key in values)
            return super().rows(name, **values)

    arena = replace(make_arena(**CREATES), store=Counter)
    many = "".join(f"\r\n <{n}@elsewhere.example>" for n in range(5000))
    arena.deliver(mail("many", headers=[f"In-Reply-To:{many}", f"References:{many}"]))
    arena.run()
    assert last(arena)[0] == "create"
    assert asked
    assert max(asked) <= 64


# --- what a stranger wrote, in front of an operator --------------------------------------------

OVERRIDE = "\u202e\u2066"


def test_what_a_message_waits_for_turns_no_text_round(
    make_arena: MakeArena, capfd: pytest.CaptureFixture[str]
) -> None:
    arena = make_arena(**CREATES, debug_trace=True)
    one, other = f"<one{OVERRIDE}@x.example>", f"<other{OVERRIDE}@x.example>"
    arena.deliver(
        mail("one", message_id=one, headers=[f"In-Reply-To: {other}"]),
        mail("other", message_id=other, headers=[f"In-Reply-To: {one}"]),
    )
    arena.run()
    told = "".join(capfd.readouterr())
    assert "waits for <other@x.example>" in told
    assert not set(OVERRIDE) & set(told)


def test_what_a_run_says_of_its_failures_turns_no_text_round(make_arena: MakeArena) -> None:
    arena = make_arena(unknown_caller="create_person")
    arena.deliver(mail("no organisation", sender=f"eve{OVERRIDE}@evil.example"))
    _, [failed] = arena.run()
    assert "eve@evil.example" in failed
    assert not set(OVERRIDE) & set(failed)


# --- what the database does not take -----------------------------------------------------------


def objecting(arena: Arena, table: str, when: str) -> None:
    """Let PostgreSQL refuse some rows, as a trigger of the site's may."""
    arena.rows(
        "CREATE OR REPLACE FUNCTION mailticket.objection() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$"
    )
    arena.rows(
        f"CREATE TRIGGER objection BEFORE INSERT OR UPDATE ON mailticket.{table}"
        f" FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION mailticket.objection()"
    )


@pytest.fixture
def unobjecting(database: Database) -> Iterator[None]:
    """Take the objections back: the schema outlives the test."""
    yield
    database.rows("DROP FUNCTION IF EXISTS mailticket.objection() CASCADE")


@pytest.mark.usefixtures("unobjecting")
@pytest.mark.parametrize("unknown_caller", ["create_person", "reject"])
def test_a_delivery_report_that_cannot_be_noted_stops_nobody(
    make_arena: MakeArena, unknown_caller: str
) -> None:
    arena = make_arena(**CREATES)
    person(arena, "ada@acme.example")
    arena.deliver(mail("Printer"))
    arena.run()
    arena.fields["unknown_caller"] = unknown_caller
    objecting(arena, "ticket_event", "NEW.kind = 'delivery_failed'")
    arena.deliver(bounce(signed_id(arena)), mail("Another"))
    assert arena.run() == ({"create": 1, "undesired": 1}, [])


@pytest.mark.usefixtures("unobjecting")
def test_a_second_look_that_cannot_be_written_down_stops_nobody(make_arena: MakeArena) -> None:
    arena = make_arena()
    person(arena, "ada@acme.example")
    objecting(arena, "attempt", "NEW.decided_by = 'automatic_body'")
    arena.deliver(bounce("<theirs@elsewhere.example>"), mail("Another"))
    assert arena.run() == ({"create": 1, "rejected": 1}, [])
    [(outcome,)] = arena.rows(
        "SELECT s ->> 'detail' FROM mailticket.attempt, jsonb_array_elements(steps) s"
        " WHERE s ->> 'rule' = 'content'"
    )
    assert outcome == "the database refuses what was decoded: not this one"


# --- check -------------------------------------------------------------------------------------


def test_check_names_a_rule_in_rules_off_that_there_is_not(
    make_arena: MakeArena, capsys: pytest.CaptureFixture[str]
) -> None:
    arena = make_arena(rules_off=["too_bg"])
    access = arena.access()
    assert not check_database(access, access.inbox(arena.name))
    assert "rules_off" in (told := capsys.readouterr().out)
    assert "did you mean too_big?" in told
