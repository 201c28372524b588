"""Which ticket a message belongs to, without a database."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.decision import Case
from mailticket.judging import MOST_WAITS, describe, judge
from mailticket.matching import find_ticket, named_in_title, thread_ids
from mailticket.rules import RULES
from mailticket.ticket import (
    AddContact,
    AppendLogEntry,
    AttachFile,
    ChangeStatus,
    CreatePerson,
    CreateTicket,
    LeaveOut,
    Threaded,
    TicketFacts,
)
from services.cases import ADA, case, ground, header, ticket

ONE, TWO, THREE = ticket(1), ticket(2), ticket(3)
RELATED = ticket(3, related=True)


def found(**fields: Any) -> tuple[int | None, dict[str, str]]:
    facts = fields.pop("facts", {})
    given = case(**fields, ticket_facts=TicketFacts(callers=(ADA,), **facts))
    result = find_ticket(given)
    number = result.match.ticket.id if result.match else None
    return number, {step.rule: step.outcome for step in result.steps}


def test_the_first_way_that_finds_a_ticket_wins_and_the_others_are_skipped() -> None:
    every = {
        "earlier": ONE,
        "signed": (TWO,),
        "threaded": (Threaded("x@y", THREE, took_part=True),),
        "titled": (RELATED,),
    }
    assert found(facts=every)[0] == 1
    del every["earlier"]
    number, steps = found(facts=every)
    assert number == 2
    assert list(steps.values()) == ["miss", "hit", "skipped", "skipped"]
    del every["signed"]
    assert found(facts=every)[0] == 3
    assert found()[0] is None


def test_of_several_messages_the_first_whose_sender_had_a_part_counts() -> None:
    threaded = (
        Threaded("a@x", ONE, took_part=False),
        Threaded("b@x", TWO, took_part=True),
        Threaded("c@x", THREE, took_part=True),
    )
    assert found(facts={"threaded": threaded})[0] == 2
    related = (Threaded("a@x", RELATED, took_part=False),)
    assert found(facts={"threaded": related})[0] == 3


def test_create_only_looks_nowhere() -> None:
    number, steps = found(facts={"earlier": ONE}, inbox={"behavior": "create_only"})
    assert (number, steps) == (None, {"find_ticket": "skipped"})


def test_thread_ids_are_the_nearest_32_each_once_without_the_message_itself() -> None:
    many = tuple(f"{n}@x" for n in range(40))
    ids = thread_ids(header(message_id="39@x", in_reply_to=("7@x", "39@x"), references=many))
    assert ids == ("7@x", *(f"{n}@x" for n in range(38, 6, -1) if n != 7), "6@x")[:32]
    assert len(ids) == 32
    assert thread_ids(header()) == ()


def titled(subject: str, pattern: str | None = None) -> tuple[str, ...]:
    settings = {"title_pattern": pattern} if pattern else {}
    return named_in_title(case(header=header(subject=subject), inbox=settings)).references


@pytest.mark.parametrize(
    ("subject", "pattern", "references"),
    [
        ("Re: [R-000001]", None, ("R-000001",)),
        ("R-1234567", None, ("R-1234567",)),
        ("r-000001", None, ()),
        ("nothing", None, ()),
        ("#12", "/#([0-9]+)/", ("#12", "R-000012")),
        ("12", "/[0-9]+/", ("R-000012",)),
        ("000000000012", "/[0-9]+/", ("R-000012",)),
        ("٣٤", r"/\p{Nd}+/", ("٣٤",)),  # no number of a ticket
        ("a b", "/(a)? (c)?/", ("a",)),
        ("9" * 30, "/[0-9]+/", ("9" * 30,)),
    ],
)
def test_references_in_a_subject(
    subject: str, pattern: str | None, references: tuple[str, ...]
) -> None:
    assert titled(subject, pattern) == references


def waiting(**fields: Any) -> Case:
    facts = fields.pop("facts", {})
    return case(**fields, ticket_facts=TicketFacts(callers=(ADA,), awaited="later@x", **facts))


def ruled(given: Case, waits: int = 0) -> bool:
    return judge(given, ground(), RULES, waits).decision.ruling is not None


def test_a_message_waits_for_one_that_is_not_decided_yet_three_runs_at_most() -> None:
    assert MOST_WAITS == 3
    assert [ruled(waiting(), waits) for waits in range(4)] == [False, False, False, True]
    decision = judge(waiting(), ground(), RULES, 0).decision
    assert decision.steps[-1].detail == "waits for <later@x>, which is not decided yet"


def test_only_what_comes_before_the_thread_makes_waiting_needless() -> None:
    assert ruled(waiting(facts={"signed": (ONE,)}))
    assert ruled(waiting(facts={"threaded": (Threaded("x@y", ONE, took_part=True),)}))
    assert not ruled(waiting(facts={"titled": (RELATED,)}))
    assert ruled(waiting(inbox={"behavior": "create_only"}))
    assert ruled(waiting(inbox={"rules_off": ["thread"]}))


def test_each_change_is_described_for_the_decision() -> None:
    described = [
        describe(CreatePerson({"name": "x" * 300})),
        describe(CreateTicket("Change", "change", {"title": "t"}, {"category": "normal"})),
        describe(AppendLogEntry(1, "public_log", None, "Ada", "<p>x</p>", "x" * 300)),
        describe(ChangeStatus(1, "assigned", reopens=True)),
        describe(ChangeStatus(1, "pending")),
        describe(AddContact(7)),
        describe(AttachFile("a.pdf", "application/pdf", "ab" * 32)),
        describe(LeaveOut("b.exe", "application/exe", "excluded")),
    ]
    assert [each["change"] for each in described] == [
        "create_person",
        "create_ticket",
        "append_log_entry",
        "reopen",
        "change_status",
        "add_contact",
        "attach_file",
        "leave_out_file",
    ]
    assert described[0]["fields"] == {"name": "x" * 200}
    assert described[1]["fields"] == {"title": "t", "category": "normal"}
    assert len(described[2]["text"]) == 200
