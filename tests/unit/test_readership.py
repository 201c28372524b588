"""Whom a mail calls to be told: each once, no machine, nobody of what they wrote themselves."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.decision import Case, Verdict
from mailticket.notices import Kind
from mailticket.readership import Audience, Reader, kinds, recipients
from mailticket.ticket import Match
from services.cases import automatic, case, draft, ticket

ALL = ["acknowledgement", "agent_reply", "team"]
CALLER, CONTACT = Reader("ada@acme.example"), Reader("bob@acme.example")
AGENT, TEAM = Reader("grace@help.example"), Reader("desk@help.example")
EVERYBODY = Audience((CALLER,), (CONTACT,), (AGENT,), (TEAM,))


def asked(verdict: Verdict, given: Case, *, public: bool = True) -> tuple[Kind, ...]:
    return kinds(given, verdict, public=public)


def by_agent(by: str = "signed_reference", **fields: Any) -> Case:
    match = Match(ticket(by_agent=True), by, "")
    return case(**{"inbox": {"notify": ALL}, "match": match, **fields})


def test_a_new_ticket_is_acknowledged_and_told_to_the_team() -> None:
    given = case(inbox={"notify": ALL})
    assert asked(Verdict.CREATE, given) == ("acknowledgement", "team")
    assert asked(Verdict.UPDATE, given) == ("team",)
    assert asked(Verdict.CREATE, case(inbox={"notify": []})) == ()


@pytest.mark.parametrize("kind", ["generated", "list", "auto-reply", "bounce", "own"])
def test_no_automatic_mail_is_acknowledged_or_passed_on(kind: str) -> None:
    machine = draft(automatic=automatic(kind))
    assert asked(Verdict.CREATE, case(inbox={"notify": ALL}, draft=machine)) == ("team",)
    assert asked(Verdict.UPDATE, by_agent(draft=machine)) == ("team",)


@pytest.mark.parametrize("verdict", [Verdict.HELD, Verdict.REJECTED, Verdict.DUPLICATE])
def test_what_changes_no_ticket_is_told_to_nobody(verdict: Verdict) -> None:
    assert asked(verdict, case(inbox={"notify": ALL})) == ()


def test_an_agent_s_answer_is_passed_on_only_if_it_answers_our_mail_and_is_public() -> None:
    assert asked(Verdict.UPDATE, by_agent()) == ("agent_reply", "team")
    assert asked(Verdict.UPDATE, by_agent("title_pattern")) == ("team",)
    assert asked(Verdict.UPDATE, by_agent("thread")) == ("team",)
    assert asked(Verdict.UPDATE, by_agent(), public=False) == ("team",)
    stranger = Match(ticket(by_agent=False), "signed_reference", "")
    assert asked(Verdict.UPDATE, by_agent(match=stranger)) == ("team",)


def told(
    *asked_for: Kind, to: Audience = EVERYBODY, writer: str = "x@x.example", apart: str = ""
) -> list[str]:
    chosen = recipients(asked_for, to, writer, [apart] if apart else [])
    return [reader.address for _, reader in chosen]


def test_each_kind_has_its_readers() -> None:
    assert told("acknowledgement") == [CALLER.address]
    assert told("agent_reply") == [CALLER.address, CONTACT.address]
    assert told("team") == [AGENT.address]
    assert told("team", to=Audience(team=(TEAM,))) == [TEAM.address]


def test_nobody_is_told_twice_nor_of_what_they_wrote() -> None:
    twice = Audience((CALLER,), (Reader("ADA+x@acme.example"), CONTACT), (CONTACT,), ())
    assert told("agent_reply", "team", to=twice) == [CALLER.address, CONTACT.address]
    assert told("agent_reply", writer="Bob@acme.example") == [CALLER.address]
    assert told("team", writer=AGENT.address) == []
    assert told("acknowledgement", writer=CALLER.address) == [CALLER.address]
    assert told("agent_reply", apart="bob@acme.example") == [CALLER.address]


def test_an_agent_who_calls_is_acknowledged_and_not_told_as_the_agent() -> None:
    own_call = Audience((AGENT,), (), (AGENT,), (TEAM,))
    assert told("acknowledgement", "team", to=own_call, writer=AGENT.address) == [AGENT.address]


@pytest.mark.parametrize(
    "address",
    [
        "no-reply@shop.example",
        "NoReply+1@shop.example",
        "do_not_reply@shop.example",
        "ne-pas-repondre@shop.example",
        "MAILER-DAEMON@mx.example",
        "root",
        "a b@x.example",
        "x@x.example\r\nBcc: y@x.example",
    ],
)
def test_nothing_goes_where_nobody_reads_or_nothing_can_be_sent(address: str) -> None:
    assert told("acknowledgement", to=Audience((Reader(address),))) == []


def test_nothing_goes_to_an_inbox_of_ours() -> None:
    other = Reader("second@example.com", ours=True)
    assert told("acknowledgement", to=Audience((other,))) == []
    assert told("acknowledgement", apart="Ada@acme.example") == []
