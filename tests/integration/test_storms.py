"""Storm caps (SPEC 1.3) against real mailboxes: what is held, who is told, who lets it through."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from mailticket.store.attempts import Attempts
from services.arena import Arena, MakeArena, mail
from services.post_office import PostOffice
from services.scenes import close, entries, last, person, refs, status_of

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
OPS = "ops@x.example"


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Arena:
    arena = make_arena(
        forward_errors_to=OPS,
        address="support@example.com",
        cap_tickets_per_sender=["2/60"],
        **CREATES,
    )
    arena.smtp = post_office.connection
    return arena


def verdicts(arena: Arena) -> list[tuple[str, str]]:
    return [(status, rule) for _, status, _, rule, _ in arena.status()]


def storm(arena: Arena, number: int, **fields: Any) -> None:
    arena.deliver(*(mail(f"Alarm {n}", **fields) for n in range(number)))


def released(arena: Arena) -> list[int]:
    """Reset all that is held, as ``bin/mailticket reset --held`` does."""
    db = arena.access().database()
    try:
        attempts = Attempts(db)
        return attempts.reset(attempts.held("support"))
    finally:
        db.close()


def an_hour_passes(arena: Arena) -> None:
    arena.rows("UPDATE mailticket.ticket_event SET created_at = created_at - interval '1 hour'")
    arena.rows(
        "UPDATE mailticket.attempt SET decided_at = decided_at - interval '1 hour',"
        " storm_until = storm_until - interval '1 hour'"
    )


# -- tickets ---------------------------------------------------------------------------------------


def test_what_is_over_the_cap_is_held_stays_in_the_mailbox_and_reddens_nothing(
    arena: Arena,
) -> None:
    arena.fields |= {"after_processing": "delete", "error_behavior": "delete"}
    storm(arena, 5)
    counts, failed = arena.run()
    assert (counts, failed) == ({"create": 2, "held": 3}, [])
    held = ("held", "cap_tickets_per_sender")
    assert verdicts(arena) == [("processed", "create_ticket")] * 2 + [held] * 3
    assert arena.in_folder() == 3
    assert "2 tickets of ada@acme.example within 60 minutes" in str(last(arena)[3])
    assert arena.run()[0] == {}


def test_another_sender_and_another_inbox_have_caps_of_their_own(
    arena: Arena, make_arena: MakeArena
) -> None:
    other = make_arena(**arena.fields)
    other.name, other.smtp = "second", arena.smtp
    storm(arena, 3)
    storm(arena, 1, sender="Bob <bob@acme.example>")
    storm(other, 3)
    assert arena.run()[0] == {"create": 3, "held": 1}
    assert other.run()[0] == {"create": 2, "held": 1}


def test_tags_and_case_make_no_other_sender_but_a_cap_on_the_inbox_counts_all(
    arena: Arena,
) -> None:
    arena.deliver(
        mail("1", sender="Ada <ada+1@acme.example>"),
        mail("2", sender="Ada <ADA+2@acme.example>"),
        mail("3"),
    )
    assert arena.run()[0] == {"create": 2, "held": 1}
    arena.fields |= {"cap_tickets_per_sender": [], "cap_tickets_per_inbox": ["4/60"]}
    arena.deliver(*(mail("x", sender=f"X <x{n}@acme.example>") for n in range(4)))
    assert arena.run()[0] == {"create": 2, "held": 2}
    assert last(arena)[1] == "cap_tickets_per_inbox"


def test_the_window_goes_by_our_clock_and_not_by_the_date_of_a_mail(arena: Arena) -> None:
    storm(arena, 3)  # mail() dates all of them to the same past day
    assert arena.run()[0] == {"create": 2, "held": 1}
    an_hour_passes(arena)
    storm(arena, 3)
    assert arena.run()[0] == {"create": 2, "held": 1}


def test_updates_and_copies_are_not_held(arena: Arena) -> None:
    first = mail("One", message_id="<one@acme.example>")
    arena.deliver(first, mail("Two"))
    arena.run()
    arena.deliver(first, mail("Re: One", headers=["In-Reply-To: <one@acme.example>"]))
    assert arena.run()[0] == {"duplicate": 1, "update": 1}


def test_explain_says_that_a_mail_would_be_held(arena: Arena) -> None:
    from mailticket.commands.deciding import judge_for  # noqa: PLC0415
    from mailticket.options import ParseOptions  # noqa: PLC0415
    from mailticket.parsing import parse  # noqa: PLC0415

    storm(arena, 2)
    arena.run()
    judge = judge_for("support", arena.access())
    raw = mail("Third")
    decision = judge.decide(raw, len(raw), parse(raw, ParseOptions()))
    judge.close()
    assert (decision["verdict"], decision["decided_by"]) == ("held", "cap_tickets_per_sender")


# -- reopenings ------------------------------------------------------------------------------------


def answer(arena: Arena) -> dict[str, Any]:
    arena.deliver(mail("Re: One", headers=["In-Reply-To: <one@acme.example>"]))
    return arena.run()[0]


def test_a_ticket_is_reopened_so_often_and_then_the_answer_is_held(arena: Arena) -> None:
    arena.fields |= {"closed_ticket": "reopen", "cap_reopens_per_ticket": ["2/60"]}
    arena.deliver(mail("One", message_id="<one@acme.example>"))
    arena.run()
    for _ in range(2):
        close(arena)
        assert answer(arena) == {"update": 1}
        assert status_of(arena) == "assigned"
    close(arena)
    assert answer(arena) == {"held": 1}
    assert (status_of(arena), len(entries(arena))) == ("closed", 2)
    assert last(arena)[1] == "cap_reopens_per_ticket"
    assert released(arena) == [4]
    assert arena.run()[0] == {"update": 1}
    assert (status_of(arena), len(entries(arena))) == ("assigned", 3)


def test_two_inboxes_that_reopen_one_ticket_at_once_pass_no_cap(
    arena: Arena, make_arena: MakeArena
) -> None:
    arena.fields |= {"closed_ticket": "reopen", "cap_reopens_per_ticket": ["1/60"]}
    other = make_arena(**arena.fields)
    other.name, other.smtp = "second", arena.smtp
    arena.deliver(mail("One", message_id="<one@acme.example>"))
    arena.run()
    close(arena)
    reply = ["In-Reply-To: <one@acme.example>"]
    for each in (arena, other):
        each.deliver(*(mail(f"Re: One {n}", headers=reply) for n in range(5)))
        each.steps("late", "fetch", "filter", "parse")
    # Whoever comes first holds the ticket until somebody has closed it again.
    arena.rows(
        "CREATE FUNCTION close_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.kind IN ('reopened', 'updated') THEN PERFORM pg_sleep(1);"
        " UPDATE mailticket.ticket SET status = 'closed' WHERE id = NEW.ticket_id; END IF;"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER close_again AFTER INSERT ON mailticket.ticket_event"
        " FOR EACH ROW EXECUTE FUNCTION close_again()"
    )
    passes = [
        threading.Thread(target=each.steps, args=("late", "upsert_ticket"))
        for each in (arena, other)
    ]
    for one in passes:
        one.start()
    for one in passes:
        one.join()
    kinds = [kind for (kind,) in arena.rows("SELECT kind FROM mailticket.ticket_event ORDER BY id")]
    assert kinds == ["created", "reopened"]
    assert [status for status, _ in verdicts(arena)].count("held") == 9


# -- a person lets it through ----------------------------------------------------------------------


def test_what_a_person_resets_is_not_held_again_and_counts_against_nobody(arena: Arena) -> None:
    storm(arena, 5)
    arena.run()
    assert released(arena) == [3, 4, 5]
    assert arena.run()[0] == {"create": 3}
    an_hour_passes(arena)
    assert len(released(arena)) == 0
    arena.rows("UPDATE mailticket.ticket_event SET created_at = now() WHERE counts_for IS NULL")
    storm(arena, 2)
    assert arena.run()[0] == {"create": 2}
    assert len(refs(arena)) == 7


def test_clearing_a_run_leaves_what_is_held_to_a_person(arena: Arena) -> None:
    storm(arena, 3)
    arena.run("past")
    arena.fields["cap_tickets_per_sender"] = []
    for n, step in enumerate(("filter", "parse", "upsert_ticket"), 1):
        arena.clear("past", step, n)
    assert [status for status, _ in verdicts(arena)].count("held") == 1


def test_what_is_held_may_be_ignored_and_its_original_is_kept_until_then(arena: Arena) -> None:
    arena.fields["raw_retention_days"] = 0
    storm(arena, 3)
    arena.run()
    arena.rows("UPDATE mailticket.original SET stored_at = now() - interval '1 day'")
    arena.run()
    assert arena.rows("SELECT message FROM mailticket.original") == [(3,)]
    db = arena.access().database()
    assert Attempts(db).ignore([3], "spam") == [3]
    db.close()
    arena.run()
    assert arena.rows("SELECT message FROM mailticket.original") == []


# -- who is told -----------------------------------------------------------------------------------


def test_a_storm_is_told_once_however_long_it_lasts(arena: Arena, post_office: PostOffice) -> None:
    arena.fields["forward_errors_to"] = [OPS, "second@x.example"]
    storm(arena, 5)
    arena.run()
    storm(arena, 2)
    arena.run()
    assert sorted(taken.recipient for taken in post_office.mails) == [OPS, "second@x.example"]
    said = post_office.mails[0]
    assert said.sender == ""
    assert said.mail["Auto-Submitted"] == "auto-generated"
    assert said.mail["Subject"] == "[mailticket] support: mail is held (cap_tickets_per_sender)"
    text, header = said.mail.iter_parts()
    assert "So far: 3." in text.get_content()
    assert "bin/mailticket reset --held support" in text.get_content()
    assert header.get_content_type() == "text/rfc822-headers"


def test_the_next_storm_is_told_again_and_another_sender_s_by_itself(
    arena: Arena, post_office: PostOffice
) -> None:
    storm(arena, 3)
    storm(arena, 3, sender="Bob <bob@acme.example>")
    arena.run()
    assert len(post_office.mails) == 2
    an_hour_passes(arena)
    storm(arena, 3)
    arena.run()
    assert len(post_office.mails) == 3


def test_a_storm_is_told_once_when_a_run_dies_on_the_way(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["forward_errors_to"] = [OPS, "second@x.example"]
    storm(arena, 4)
    arena.steps("one", "fetch", "filter", "parse", "upsert_ticket")
    post_office.stop()
    arena.steps("one", "forward_errors")
    arena.rows("UPDATE mailticket.attempt SET told_at = NULL")
    post_office.start()
    arena.rows("UPDATE mailticket.outbox SET not_before = now()")
    arena.steps("one", "forward_errors")
    assert sorted(taken.recipient for taken in post_office.mails) == [OPS, "second@x.example"]


# -- ten million rows ------------------------------------------------------------------------------


def test_counting_reads_no_more_than_the_cap_however_much_there_is(arena: Arena) -> None:
    storm(arena, 1)
    arena.run()
    person(arena, "x@x.example")
    arena.rows(
        "INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, inbox, counts_for,"
        " created_at) SELECT n % 500, 'R-000001', 'UserRequest', kind, 'support',"
        " CASE n % 500 WHEN 1 THEN 'ada' ELSE (n % 500)::text END, now() - n * interval '1 minute'"
        " FROM generate_series(1, 60000) AS n, (VALUES ('created'), ('reopened')) AS k (kind)"
    )
    arena.rows(
        "INSERT INTO mailticket.outbox (inbox, kind, smtp_conn_id, sender, recipient, message_id,"
        " status, counts_for, created_at) SELECT 'support', 'team', 'x', 's', 'r', n::text, 'sent',"
        " (n % 500)::text, now() - n * interval '1 minute'"
        " FROM generate_series(1, 60000) AS n"
    )
    arena.rows("ANALYZE mailticket.ticket_event")
    arena.rows("ANALYZE mailticket.outbox")
    for index, where in _COUNTS.items():
        question = (
            f"EXPLAIN (GENERIC_PLAN) SELECT FROM mailticket.{where}"
            " AND created_at > now() - make_interval(mins => $1) ORDER BY created_at DESC LIMIT $2"
        )
        plan = "\n".join(line for (line,) in arena.rows(question))
        assert f"using {index}" in plan, plan
        assert not re.search("Sort|Filter|Seq Scan", plan), plan


_COUNTS = {
    "ticket_event_by_sender": "ticket_event"
    " WHERE inbox = $3 AND counts_for = $4 AND kind = 'created'",
    "ticket_event_by_inbox": "ticket_event"
    " WHERE inbox = $3 AND counts_for IS NOT NULL AND kind = 'created'",
    "ticket_event_reopened": "ticket_event"
    " WHERE ticket_id = $3 AND counts_for IS NOT NULL AND kind = 'reopened'",
    "outbox_counts": "outbox WHERE counts_for = $3",
}
"""Index → what the functions of the database, and ``queue_mail``, count."""
