"""From a decided message to the changes of its ticket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailticket.decision import Case, Facts, Verdict
from mailticket.draft import AttachedFile
from mailticket.message import Address, Body, NewPart
from mailticket.planning import Plan, contact_addresses, plan, title
from mailticket.ticket import (
    DESCRIPTION_CHARACTERS,
    AddContact,
    AppendLogEntry,
    AttachFile,
    ChangeStatus,
    CreatePerson,
    CreateTicket,
    Field,
    LeaveOut,
    Match,
    Person,
    TicketFacts,
)
from services.cases import (
    ADA,
    automatic,
    case,
    draft,
    ground,
    header,
    ticket,
    ticket_class,
)

KNOWN = TicketFacts(callers=(ADA,))
GRACE = Person(2, "Grace", "Hopper", "grace@acme.example", 6)


def planned(given: Case, **fields: Any) -> Plan:
    return plan(given, ground(**fields))


def only(found: Plan, kind: type) -> Any:
    [change] = [change for change in found.changes if isinstance(change, kind)]
    return change


def creates(**fields: Any) -> Case:
    return case(**{"ticket_facts": KNOWN, **fields})


def updates(**fields: Any) -> Case:
    match = fields.pop("match", None) or Match(ticket(), "thread", "refers to <x@y>")
    return case(**{"ticket_facts": KNOWN, "match": match, **fields})


# --- creating ----------------------------------------------------------------------------------


def test_a_ticket_is_made_of_subject_body_and_caller() -> None:
    found = planned(creates())
    assert (found.ruling.verdict, found.decided_by) == (Verdict.CREATE, "create_ticket")
    made = only(found, CreateTicket)
    assert made.fields == {
        "title": "Printer",
        "description": "<p>It is broken.</p>",
        "description_text": "It is broken.",
        "org_id": 5,
        "caller_id": 1,
    }
    assert made.own == {"category": "normal", "origin": "mail"}


def test_of_several_callers_the_first_is_taken() -> None:
    found = planned(creates(ticket_facts=TicketFacts(callers=(GRACE, ADA))))
    assert only(found, CreateTicket).fields["caller_id"] == 2


@pytest.mark.parametrize(
    ("subject", "made"),
    [
        ("", "No Subject"),
        (" \t\n ", "No Subject"),
        (" Printer ", "Printer"),
        ("😀" * 30, "😀" * 20),
        ("nineteen characters and more", "nineteen characters"),
    ],
)
def test_a_title_has_as_many_characters_as_its_field(subject: str, made: str) -> None:
    assert title(subject, "No Subject", ticket_class()) == made


def test_a_field_without_size_takes_255_characters() -> None:
    unbounded = ticket_class(fields={"title": Field("title", "text", True)})
    assert len(title("x" * 300, "", unbounded)) == 255


def test_origin_is_mail_only_where_the_class_can_say_so() -> None:
    fields = dict(ticket_class().fields)
    fields["origin"] = Field("origin", "mailticket.origin", False, ("phone",), own=True)
    found = planned(creates(), ticket_class=ticket_class(fields=fields))
    assert "origin" not in only(found, CreateTicket).own


@pytest.mark.parametrize("value", [None, ""])
def test_missing_mandatory_fields_are_named_together(value: Any) -> None:
    found = planned(case(facts=Facts()), ticket_defaults={"category": value})
    assert (found.ruling.verdict, found.decided_by) == (Verdict.FAILED, "mandatory_fields")
    assert found.ruling.reason == (
        "UserRequest needs org_id, caller_id, category: set ticket_defaults of inbox support"
    )
    assert found.changes == ()


def test_org_id_of_the_defaults_serves_when_nobody_else_gives_one() -> None:
    fields = {**ticket_class().fields}
    fields["caller_id"] = replace(fields["caller_id"], mandatory=False)
    loose = ticket_class(fields=fields)
    defaults = {"category": "normal", "org_id": 9}
    unknown = planned(case(), ticket_class=loose, ticket_defaults=defaults)
    assert only(unknown, CreateTicket).fields["org_id"] == 9
    known = planned(creates(), ticket_class=loose, ticket_defaults=defaults)
    assert only(known, CreateTicket).fields["org_id"] == 5


def stranger(name: str, **fields: Any) -> Plan:
    sender = Address(name, "eve@x.example")
    given = case(draft=draft(sender=sender), inbox={"unknown_caller": "create_person"})
    return planned(given, **fields)


@pytest.mark.parametrize(
    ("display_name", "made"),
    [
        ("Ada Lovelace", ("Ada", "Lovelace")),
        ("Lovelace, Ada", ("Ada", "Lovelace")),
        ("Lovelace , Augusta  Ada", ("Augusta Ada", "Lovelace")),
        ("Ada", (None, "Ada")),
        ("'Ada Lovelace'", ("Ada", "Lovelace")),
        ("Lovelace,", (None, "Lovelace")),
        (", Ada", (None, "Ada")),
        ("Ada\u00a0\tLovelace", ("Ada", "Lovelace")),
        ("x" * 500 + " " + "y" * 500, ("x" * 200, "y" * 200)),
    ],
)
def test_a_display_name_is_split(display_name: str, made: tuple[str | None, str]) -> None:
    fields = only(stranger(display_name), CreatePerson).fields
    assert (fields.get("first_name"), fields["name"]) == made
    assert (fields["email"], fields["org_id"]) == ("eve@x.example", 5)


@pytest.mark.parametrize("name", ["", " ", ",", "''"])
def test_a_person_without_name_fails_unless_the_defaults_have_one(name: str) -> None:
    assert "cannot be created without name: " in stranger(name).ruling.reason
    defaults = {"org_id": 5, "name": "Somebody"}
    made = only(stranger(name, person_defaults=defaults), CreatePerson)
    assert made.fields["name"] == "Somebody"


def test_a_created_person_comes_before_the_ticket_and_brings_its_organisation() -> None:
    found = stranger("Eve")
    assert [type(change) for change in found.changes] == [CreatePerson, CreateTicket]
    assert only(found, CreateTicket).fields["org_id"] == 5
    assert "caller_id" not in only(found, CreateTicket).fields


# --- long bodies, files, contacts --------------------------------------------------------------


WHOLE = AttachedFile("body.html", "text/html", "d" * 64, 2_000_000)


def test_of_too_long_a_body_the_ticket_takes_a_part_and_the_whole_as_a_file() -> None:
    body = Body("text/html", "<p>part</p>", "x" * 2_000_000)
    found = planned(creates(draft=draft(body=body, whole_body=WHOLE)))
    fields = only(found, CreateTicket).fields
    assert fields["description"] == "<p>part</p>"
    assert len(fields["description_text"]) == DESCRIPTION_CHARACTERS
    assert only(found, AttachFile) == AttachFile("body.html", "text/html", "d" * 64)
    assert not planned(creates(draft=draft(whole_new_part=WHOLE))).changes[1:]


FILES = (
    AttachedFile("kept.pdf", "application/pdf", "a" * 64, 3),
    AttachedFile("virus.exe", "application/exe", "b" * 64, 3, left_out="excluded type"),
    AttachedFile("logo.png", "image/png", "c" * 64, 3, "cid", inline=True),
)


def test_files_are_attached_or_said_to_be_left_out() -> None:
    found = planned(creates(draft=draft(files=FILES)))
    assert found.changes[1:] == (
        AttachFile("kept.pdf", "application/pdf", "a" * 64),
        LeaveOut("virus.exe", "application/exe", "excluded type"),
        AttachFile("logo.png", "image/png", "c" * 64, "cid", inline=True),
    )


def test_what_the_ticket_has_already_is_left_out_and_of_another_ticket_is_not() -> None:
    facts = replace(KNOWN, attached=frozenset({(1, "a" * 64), (2, "c" * 64)}))
    found = planned(updates(draft=draft(files=FILES), ticket_facts=facts))
    assert [type(change) for change in found.changes[1:]] == [LeaveOut, LeaveOut, AttachFile]
    assert found.changes[1].why == "the ticket has a file with the same content"  # type: ignore[union-attr]


def test_contacts_are_those_in_to_and_cc_but_for_the_inbox() -> None:
    people = {
        "to": (Address("", "Help@Acme.example"), Address("", "A@x")),
        "cc": (Address("", "a@X"), Address("", "b@x")),
    }
    given = case(header=header(**people), inbox={"additional_contacts": "always"})
    assert contact_addresses(given, "help@acme.EXAMPLE") == ("a@x", "b@x")
    assert contact_addresses(case(header=header(**people)), "") == ()


@pytest.mark.parametrize("way", ["never", "on_create", "on_update", "always"])
def test_contacts_are_linked_as_configured(way: str) -> None:
    facts = TicketFacts(callers=(ADA,), contacts=(ADA, GRACE))
    settings = {"additional_contacts": way}
    made = planned(creates(ticket_facts=facts, inbox=settings)).changes
    assert (AddContact(2) in made) == (way in ("on_create", "always"))
    changed = planned(updates(ticket_facts=facts, inbox=settings)).changes
    assert (AddContact(2) in changed) == (way in ("on_update", "always"))
    assert AddContact(1) not in made + changed


# --- updating ----------------------------------------------------------------------------------


def test_an_update_appends_the_new_part_and_keeps_what_was_cut() -> None:
    found = planned(updates(), log_field="private_log")
    assert (found.ruling.verdict, found.decided_by) == (Verdict.UPDATE, "thread")
    assert found.ruling.reason == "belongs to R-000001: refers to <x@y>"
    assert found.changes == (
        AppendLogEntry(
            1,
            "private_log",
            1,
            "Ada Lovelace",
            "<p>New.</p>",
            "New.",
            "<p>Old.</p>",
            "Old.",
        ),
    )


def test_of_too_long_a_new_part_the_log_takes_a_part_and_the_ticket_the_whole() -> None:
    new = NewPart("<p>part</p>", "x " * 600_000)
    found = planned(updates(draft=draft(new_part=new, whole_new_part=WHOLE)))
    assert only(found, AppendLogEntry).html == "<p>part</p>"
    assert only(found, AttachFile).filename == "body.html"
    assert not planned(updates(draft=draft(whole_body=WHOLE))).changes[1:]


@pytest.mark.parametrize(
    ("status", "mapping", "moved"),
    [
        ("new", {}, None),
        ("new", {"new": "assigned"}, "assigned"),
        ("new", {"new": "new"}, None),
        ("assigned", {"new": "assigned"}, None),
        ("new", {"new": "closed"}, "closed"),
    ],
)
def test_status_on_update_moves_an_open_ticket(
    status: str, mapping: dict[str, str], moved: str | None
) -> None:
    match = Match(ticket(status=status), "thread", "")
    found = planned(updates(match=match, inbox={"status_on_update": mapping}))
    assert found.changes[1:] == ((ChangeStatus(1, moved),) if moved else ())


@pytest.mark.parametrize("way", ["new_ticket", "reopen", "append"])
@pytest.mark.parametrize("kind", [None, "generated", "list"])
def test_a_closed_ticket_is_reopened_by_persons_only(way: str, kind: str | None) -> None:
    match = Match(ticket(status="closed", closed=True), "thread", "")
    written = draft(automatic=automatic(kind) if kind else None)
    settings = {"closed_ticket": way, "status_on_update": {"closed": "assigned"}}
    found = planned(updates(match=match, draft=written, inbox=settings))
    if way == "new_ticket":
        assert found.ruling.verdict is Verdict.CREATE
        assert found.ruling.reason == "a new UserRequest, since R-000001 is closed"
        return
    assert found.ruling.verdict is Verdict.UPDATE
    reopened = (ChangeStatus(1, "assigned", reopens=True),)
    assert found.changes[1:] == (reopened if way == "reopen" and kind is None else ())
