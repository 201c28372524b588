"""Which ticket a message belongs to (SPEC 3.4, 3.5, 3.9, 3.10), in a real database."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.store.outbox import Outbox
from services.arena import Arena, MakeArena, mail
from services.scenes import (
    changes,
    close,
    entries,
    last,
    person,
    refs,
    signed_id,
    status_of,
    steps,
)

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Strangers"},
}
FIRST = "<first@acme.example>"
STRANGER = "Eve <eve@elsewhere.example>"
COLLEAGUE = "Charles <charles@acme.example>"


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    """Set up an inbox where Ada of Acme is known, and Eve is not."""
    made = make_arena(**CREATES)
    made.rows("INSERT INTO mailticket.organization (name) VALUES ('Strangers')")
    person(made, "ada@acme.example")
    return made


def opened(arena: Arena, **options: Any) -> None:
    """Make ticket R-000001 of a mail by Ada."""
    arena.deliver(mail("Printer", message_id=FIRST, **options))
    assert arena.run() == ({"create": 1}, [])


def answered(arena: Arena, *headers: str, **options: Any) -> tuple[str | None, str | None]:
    """Deliver an answer; give its verdict and its ticket."""
    arena.deliver(mail(options.pop("subject", "About that"), headers=headers, **options))
    arena.run()
    verdict, _, ticket, _ = last(arena)
    return verdict, ticket


REPLY = f"In-Reply-To: {FIRST}"


# --- our own references ------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["In-Reply-To", "References"])
def test_a_signed_reference_leads_to_its_ticket_whoever_writes(arena: Arena, header: str) -> None:
    opened(arena)
    reference = f"{header}: <other@elsewhere.example> {signed_id(arena)}"
    assert answered(arena, reference, sender=STRANGER) == ("update", "R-000001")
    assert steps(arena)["signed_reference"] == ("hit", "R-000001: a reference that we signed")
    assert steps(arena)["thread"] == ("skipped", "")


def test_a_relay_may_change_the_case_and_the_domain_of_a_signed_reference(arena: Arena) -> None:
    opened(arena)
    local = signed_id(arena).strip("<>").partition("@")[0]
    header = f"References: <{local.upper()}@RELAY.example>"
    assert answered(arena, header, sender=STRANGER) == ("update", "R-000001")


def test_a_forged_reference_is_no_reference(arena: Arena) -> None:
    opened(arena)
    key, _, nonce, mac = signed_id(arena).strip("<>").partition("@")[0].split(".")
    for forged in (
        f"<{key}.1.{nonce}.{'a' * len(mac)}@example.com>",
        f"<{key}.01.{nonce}.{mac}@example.com>",
        "<k0.1.aaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com>",
    ):
        verdict, ticket = answered(arena, f"In-Reply-To: {forged}", sender=STRANGER)
        assert verdict == "create"
        assert ticket != "R-000001"
        assert steps(arena)["signed_reference"][0] == "miss"


def test_a_reference_that_another_installation_signed_is_no_reference(arena: Arena) -> None:
    opened(arena)
    reference = signed_id(arena)
    arena.rows("UPDATE mailticket.instance SET id = gen_random_uuid()")
    assert answered(arena, f"In-Reply-To: {reference}", sender=STRANGER)[0] == "create"


def test_references_of_an_old_key_go_on_leading_to_their_ticket(arena: Arena) -> None:
    opened(arena)
    reference = signed_id(arena)
    db = arena.access().database()
    Outbox(db).add_key()
    db.close()
    assert signed_id(arena).split(".")[0] != reference.split(".")[0]
    assert answered(arena, f"In-Reply-To: {reference}") == ("update", "R-000001")


def test_a_signed_reference_to_a_deleted_ticket_leads_nowhere(arena: Arena) -> None:
    opened(arena)
    reference = signed_id(arena)
    arena.rows("DELETE FROM mailticket.ticket")
    assert answered(arena, f"In-Reply-To: {reference}") == ("create", "R-000002")


# --- threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["From", "To", "Cc"])
def test_whoever_was_on_a_message_may_answer_it(arena: Arena, part: str) -> None:
    eve = "eve@elsewhere.example"
    options: dict[str, Any] = {
        "From": {"sender": f"Eve <{eve}>"},
        "To": {"to": f"support@example.com, {eve.upper()}"},
        "Cc": {"headers": [f"Cc: Eve <{eve}>"]},
    }[part]
    opened(arena, **options)
    assert answered(arena, REPLY, sender=f"E <{eve}>") == ("update", "R-000001")
    assert steps(arena)["thread"] == ("hit", "R-000001: refers to <first@acme.example>")


@pytest.mark.parametrize("relation", ["organisation", "contact", "agent", "team"])
def test_whoever_is_related_to_the_ticket_may_answer_on_its_thread(
    arena: Arena, relation: str
) -> None:
    opened(arena)
    org = "Acme" if relation == "organisation" else "Helpers"
    number = person(arena, "charles@acme.example", "Babbage", org=org)
    if relation == "contact":
        arena.rows("INSERT INTO mailticket.ticket_contact VALUES (1, %s)", number)
    elif relation == "agent":
        arena.rows("UPDATE mailticket.ticket SET agent_id = %s", number)
    elif relation == "team":
        arena.rows("INSERT INTO mailticket.team (name) VALUES ('Desk')")
        arena.rows("INSERT INTO mailticket.team_member VALUES (1, %s)", number)
        arena.rows("UPDATE mailticket.ticket SET team_id = 1")
    assert answered(arena, REPLY, sender=COLLEAGUE) == ("update", "R-000001")


def test_a_stranger_who_names_a_message_of_a_ticket_makes_a_new_one_and_the_steps_say_why(
    arena: Arena,
) -> None:
    opened(arena)
    assert answered(arena, REPLY, sender=STRANGER) == ("create", "R-000002")
    assert steps(arena)["thread"] == (
        "miss",
        "R-000001: refers to <first@acme.example>, but the sender had no part in it",
    )


def test_an_answer_to_a_log_entry_goes_to_its_ticket(arena: Arena) -> None:
    opened(arena)
    second = "<second@acme.example>"
    answered(arena, REPLY, message_id=second, body="Still broken.")
    assert answered(arena, f"In-Reply-To: {second}", body="And now?") == ("update", "R-000001")
    assert entries(arena) == [("R-000001", "Still broken."), ("R-000001", "And now?")]


def test_the_last_32_references_are_looked_at(arena: Arena) -> None:
    opened(arena)
    others = [f"<{n}@elsewhere.example>" for n in range(32)]
    references = "References: " + " ".join([FIRST, *others[:31]])
    assert answered(arena, references) == ("update", "R-000001")
    references = "References: " + " ".join([FIRST, *others])
    assert answered(arena, references) == ("create", "R-000002")


def test_in_reply_to_goes_before_references_and_the_nearest_reference_before_the_others(
    arena: Arena,
) -> None:
    opened(arena)
    arena.deliver(mail("Scanner", message_id="<scan@acme.example>"))
    arena.deliver(mail("Phone", message_id="<phone@acme.example>"))
    arena.run()
    assert refs(arena) == ["R-000001", "R-000002", "R-000003"]
    near = f"References: {FIRST} <scan@acme.example>"
    assert answered(arena, near) == ("update", "R-000002")
    assert answered(arena, "In-Reply-To: <phone@acme.example>", near) == ("update", "R-000003")


def test_of_messages_that_share_a_message_id_the_oldest_is_answered(arena: Arena) -> None:
    for body in ("disk one", "disk two", "disk three"):
        arena.deliver(mail("Disk full", message_id=FIRST, body=body))
    arena.run()
    assert answered(arena, REPLY) == ("update", "R-000001")


def test_an_answer_to_a_mail_that_we_sent_finds_its_ticket_by_the_stored_id(arena: Arena) -> None:
    opened(arena)
    arena.rows(
        "INSERT INTO mailticket.outbox"
        " (inbox, kind, ticket_id, smtp_conn_id, sender, recipient, message_id, status)"
        " VALUES ('support', 'agent_reply', 1, 'c', 's@x', 'r@x', 'rewritten@relay', 'sent')"
    )
    header = "In-Reply-To: <rewritten@relay>"
    assert answered(arena, header, sender=STRANGER) == ("update", "R-000001")


def test_a_message_that_refers_to_itself_is_no_answer(arena: Arena) -> None:
    own = "<self@acme.example>"
    assert answered(arena, f"In-Reply-To: {own}", message_id=own) == ("create", "R-000001")


def test_rejected_messages_lead_to_no_ticket(make_arena: MakeArena) -> None:
    arena = make_arena()
    person(arena, "ada@acme.example")
    arena.deliver(mail("Hello", sender=STRANGER, message_id=FIRST))
    arena.run()
    assert answered(arena, REPLY) == ("create", "R-000001")


def test_a_thread_goes_on_in_another_inbox_of_the_same_class(arena: Arena) -> None:
    opened(arena)
    other = Arena(arena.dovecot, arena.database, fields=arena.fields, name="sales")
    assert answered(other, REPLY, sender="ada@acme.example") == ("update", "R-000001")


def test_a_copy_of_a_message_in_another_inbox_is_no_duplicate(arena: Arena) -> None:
    opened(arena)
    other = Arena(arena.dovecot, arena.database, fields=arena.fields, name="sales")
    other.deliver(mail("Printer", message_id=FIRST))
    other.run()
    assert last(other)[:3] == ("create", "create_ticket", "R-000002")


def test_a_message_to_a_ticket_of_another_class_is_rejected_and_changes_nothing(
    arena: Arena,
) -> None:
    opened(arena)
    fields = {**arena.fields, "ticket_class": "Incident"}
    other = Arena(arena.dovecot, arena.database, fields=fields, name="incidents")
    other.deliver(mail("Down", headers=[REPLY]))
    assert other.run() == ({"rejected": 1}, [])
    assert last(other) == (
        "rejected",
        "other_class",
        None,
        "it belongs to R-000001, a UserRequest; inbox incidents is for Incident",
    )
    assert (entries(arena), refs(arena)) == ([], ["R-000001"])


# --- the subject -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("Re: [R-000001] Printer", True),
        ("AW: R-000001", True),
        ("(R-000001)", True),
        ("R-0000011", False),
        ("XR-000001", False),
        ("R-00001", False),
        ("R-000099", False),
        ("I-000001", False),
    ],
)
def test_the_class_own_prefix_finds_a_ticket_by_its_reference(
    arena: Arena, subject: str, found: bool
) -> None:
    opened(arena)
    verdict, _ = answered(arena, subject=subject)
    assert verdict == ("update" if found else "create")


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("/R-[0-9]+/", "R-000001"),
        ("/ticket ([0-9]+)/i", "Re: Ticket 1"),
        ("/#([0-9]+)/", "Re: #000001 printer"),
        (r"/\[(?:ref )?(R-\d+)\]/", "Re: [ref R-000001]"),
        (r"/(x)?~(y)?(?<n>\d+)/", "a ~1 b"),
    ],
)
def test_an_own_pattern_finds_by_its_whole_match_then_by_its_groups(
    arena: Arena, pattern: str, subject: str
) -> None:
    opened(arena)
    arena.fields["title_pattern"] = pattern
    assert answered(arena, subject=subject) == ("update", "R-000001")
    assert steps(arena)["title_pattern"] == ("hit", "R-000001: named in the subject")


def test_an_own_pattern_that_leads_to_another_class_is_rejected(arena: Arena) -> None:
    opened(arena)
    arena.fields |= {"title_pattern": "/[A-Z]-[0-9]{6}/", "ticket_class": "Incident"}
    verdict, ticket = answered(arena, subject="Re: R-000001")
    assert (verdict, ticket) == ("rejected", None)
    assert last(arena)[1] == "other_class"


def test_a_number_that_no_ticket_can_have_is_told_and_harms_nothing(arena: Arena) -> None:
    arena.fields["title_pattern"] = "/#([0-9]+)/"
    verdict, _ = answered(arena, subject="#" + "9" * 400)
    assert verdict == "create"
    outcome, detail = steps(arena)["title_pattern"]
    assert outcome == "miss"
    assert "which is no ticket" in detail


def test_a_pattern_that_runs_away_counts_as_no_match_and_is_told(arena: Arena) -> None:
    arena.fields["title_pattern"] = "/^(a+)+$/"
    assert answered(arena, subject="a" * 60 + "!")[0] == "create"
    outcome, detail = steps(arena)["title_pattern"]
    assert outcome == "miss"
    assert "(a+)+" in detail


@pytest.mark.parametrize(
    ("rule", "who", "counts"),
    [
        ("related", "caller", True),
        ("related", "colleague", True),
        ("related", "known", False),
        ("related", "unknown", False),
        ("known", "known", True),
        ("known", "unknown", False),
        ("any", "unknown", True),
    ],
)
def test_a_subject_counts_for_whom_subject_match_says(
    arena: Arena, rule: str, who: str, counts: bool
) -> None:
    opened(arena)
    person(arena, "charles@acme.example", "Babbage")
    person(arena, "grace@navy.example", "Hopper", org="Navy")
    arena.fields["subject_match"] = rule
    sender = {
        "caller": "ada@acme.example",
        "colleague": COLLEAGUE,
        "known": "grace@navy.example",
        "unknown": STRANGER,
    }[who]
    verdict, _ = answered(arena, subject="Re: R-000001", sender=sender)
    assert verdict == ("update" if counts else "create")
    if not counts:
        detail = f"R-000001: named in the subject, but the sender is not {rule} (subject_match)"
        assert steps(arena)["title_pattern"] == ("miss", detail)


def test_a_person_whom_mail_creates_is_related_to_nothing(arena: Arena) -> None:
    opened(arena)
    # Created for the very organisation of the ticket: it counts when somebody vouches for them.
    arena.fields["person_defaults"] = {"org_id": "Acme"}
    assert answered(arena, subject="R-000001", sender=STRANGER) == ("create", "R-000002")
    assert answered(arena, subject="R-000001", sender=STRANGER) == ("create", "R-000003")
    arena.rows("UPDATE mailticket.person SET by_mail = false")
    assert answered(arena, subject="R-000001", sender=STRANGER) == ("update", "R-000001")


def test_a_way_can_be_switched_off_by_rules_off(arena: Arena) -> None:
    opened(arena)
    arena.fields["rules_off"] = ["thread", "title_pattern"]
    assert answered(arena, REPLY, subject="R-000001") == ("create", "R-000002")
    assert steps(arena)["thread"] == ("skipped", "switched off by rules_off")


# --- behaviour, closed tickets, status ---------------------------------------------------------


def test_create_only_always_creates(arena: Arena) -> None:
    opened(arena)
    arena.fields["behavior"] = "create_only"
    assert answered(arena, REPLY, subject="R-000001") == ("create", "R-000002")
    assert steps(arena)["find_ticket"] == ("skipped", "behavior is create_only")


def test_update_only_rejects_what_matches_no_ticket(arena: Arena) -> None:
    opened(arena)
    arena.fields["behavior"] = "update_only"
    assert answered(arena, REPLY) == ("update", "R-000001")
    assert answered(arena) == ("rejected", None)
    assert last(arena)[1] == "nothing_to_update"


@pytest.mark.parametrize(
    ("way", "behavior", "verdict", "ticket", "status"),
    [
        ("new_ticket", "create_or_update", "create", "R-000002", "closed"),
        ("new_ticket", "update_only", "rejected", None, "closed"),
        ("reopen", "create_or_update", "update", "R-000001", "assigned"),
        ("reopen", "update_only", "update", "R-000001", "assigned"),
        ("append", "create_or_update", "update", "R-000001", "closed"),
        ("reject", "create_or_update", "rejected", None, "closed"),
    ],
)
def test_a_mail_to_a_closed_ticket_does_what_closed_ticket_says(  # noqa: PLR0917
    arena: Arena, way: str, behavior: str, verdict: str, ticket: str | None, status: str
) -> None:
    opened(arena)
    close(arena)
    arena.fields |= {"closed_ticket": way, "behavior": behavior}
    assert answered(arena, REPLY) == (verdict, ticket)
    assert status_of(arena) == status
    [(closed,)] = arena.rows("SELECT closed_at IS NOT NULL FROM mailticket.ticket WHERE id = 1")
    assert closed == (status == "closed")
    if verdict == "rejected":
        assert last(arena)[1] == "closed_ticket"
        assert entries(arena) == []


@pytest.mark.parametrize("way", ["reopen", "append"])
def test_automatic_mail_never_reopens(arena: Arena, way: str) -> None:
    opened(arena)
    close(arena)
    arena.fields["closed_ticket"] = way
    assert answered(arena, REPLY, "Auto-Submitted: auto-generated") == ("update", "R-000001")
    assert answered(arena, REPLY, "Precedence: list") == ("update", "R-000001")
    assert answered(arena, REPLY, "Auto-Submitted: auto-replied")[0] == "undesired"
    assert status_of(arena) == "closed"


def test_each_class_names_the_statuses_that_count_as_closed(arena: Arena) -> None:
    opened(arena)
    close(arena, status="resolved")
    assert answered(arena, REPLY) == ("update", "R-000001")
    close(arena, status="rejected")
    assert answered(arena, REPLY) == ("create", "R-000002")


def test_status_on_update_moves_the_status_when_a_mail_updates(arena: Arena) -> None:
    arena.fields["status_on_update"] = {"pending": "assigned", "resolved": "assigned"}
    opened(arena)
    assert status_of(arena) == "new"
    answered(arena, REPLY)
    assert status_of(arena) == "new"
    close(arena, status="pending")
    answered(arena, REPLY)
    assert status_of(arena) == "assigned"
    assert changes(arena)[1] == {"change": "change_status", "ticket": 1, "status": "assigned"}


# --- order -------------------------------------------------------------------------------------


def test_the_order_in_the_mailbox_is_the_order_of_the_effects(arena: Arena) -> None:
    arena.deliver(mail("Printer", message_id=FIRST))
    for n in range(3):
        arena.deliver(mail("Re: Printer", body=f"answer {n}", headers=[REPLY]))
    assert arena.run() == ({"create": 1, "update": 3}, [])
    assert [text for _, text in entries(arena)] == ["answer 0", "answer 1", "answer 2"]


def test_an_answer_before_its_question_waits_for_it(arena: Arena) -> None:
    arena.deliver(mail("Re: Printer", body="the answer", headers=[REPLY]))
    arena.deliver(mail("Printer", message_id=FIRST))
    arena.run()
    arena.run()
    assert refs(arena) == ["R-000001"]
    assert entries(arena) == [("R-000001", "the answer")]


def test_an_answer_that_names_a_ticket_in_its_subject_waits_all_the_same(arena: Arena) -> None:
    opened(arena)
    arena.deliver(mail("Re: R-000001", body="x", headers=["In-Reply-To: <later@acme.example>"]))
    arena.deliver(mail("Scanner", message_id="<later@acme.example>"))
    arena.run()
    arena.run()
    assert entries(arena) == [("R-000002", "x")]


def test_two_messages_that_refer_to_each_other_wait_three_runs_at_most(arena: Arena) -> None:
    arena.deliver(mail("One", message_id="<1@x.example>", headers=["In-Reply-To: <2@x.example>"]))
    arena.deliver(mail("Two", message_id="<2@x.example>", headers=["In-Reply-To: <1@x.example>"]))
    for _ in range(4):
        arena.run()
    assert [row[2] for row in arena.status()] == ["create", "update"]


# --- again -------------------------------------------------------------------------------------


def reset(arena: Arena, message: int = 1) -> None:
    from mailticket.store.attempts import Attempts  # noqa: PLC0415

    db = arena.access().database()
    assert Attempts(db).reset([message]) == [message]
    db.close()


def test_a_reset_message_updates_the_ticket_that_it_made(arena: Arena) -> None:
    opened(arena, body="It does not print.")
    reset(arena)
    assert arena.run() == ({"update": 1}, [])
    assert last(arena)[:3] == ("update", "earlier_attempt", "R-000001")
    assert entries(arena) == [("R-000001", "It does not print.")]


def test_a_reset_message_makes_a_new_ticket_with_create_only(arena: Arena) -> None:
    opened(arena)
    reset(arena)
    arena.fields["behavior"] = "create_only"
    assert arena.run() == ({"create": 1}, [])
    assert refs(arena) == ["R-000001", "R-000002"]


def test_a_second_copy_is_a_duplicate_and_changes_nothing(arena: Arena) -> None:
    original = mail("Printer", message_id=FIRST)
    arena.deliver(original, original)
    assert arena.run() == ({"create": 1, "duplicate": 1}, [])
    assert (refs(arena), entries(arena)) == (["R-000001"], [])
    assert arena.status()[1] == (
        "Printer",
        "processed",
        "duplicate",
        "already_handled",
        "R-000001",
    )
    arena.deliver(b"Received: from somewhere else\r\n" + original)
    assert arena.run() == ({"duplicate": 1}, [])


def test_a_machine_that_repeats_message_ids_makes_a_ticket_each_time(arena: Arena) -> None:
    arena.deliver(
        mail("Disk", body="1", message_id=FIRST), mail("Disk", body="2", message_id=FIRST)
    )
    assert arena.run() == ({"create": 2}, [])


def test_a_copy_of_a_rejected_message_is_in_error_as_the_first(make_arena: MakeArena) -> None:
    arena = make_arena()
    original = mail("Hello", sender=STRANGER)
    arena.deliver(original, original)
    assert arena.run() == ({"rejected": 1, "duplicate": 1}, [])
    assert [row[1] for row in arena.status()] == ["error", "error"]
