"""Storm caps, counted: what is reached, what is held, whom a person let through."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.decision import Case, Phase, decide
from mailticket.rules import RULES
from mailticket.sizes import Rate
from mailticket.storm import ended_by, person_behind, reached
from mailticket.ticket import Match, TicketFacts
from services.cases import automatic, case, draft, header, ticket

CAPS = (Rate(3, 10), Rate(5, 60))
TWO_CAPS = ["3/10", "5/60"]


@pytest.mark.parametrize(
    ("counts", "cap"),
    [((2, 4), None), ((3, 3), CAPS[0]), ((0, 5), CAPS[1]), ((9, 9), CAPS[0]), ((), None)],
)
def test_a_cap_is_reached_when_one_more_would_pass_it(
    counts: tuple[int, ...], cap: Rate | None
) -> None:
    assert reached(CAPS, counts) == cap


def test_a_storm_is_over_after_the_longest_window_without_a_held_message() -> None:
    assert ended_by(CAPS) == 60
    assert ended_by(()) == 0


@pytest.mark.parametrize(
    "address", ["ada@acme.example", "Ada@ACME.example", "ada+tag@acme.example", "adà@acme.example"]
)
def test_addresses_of_one_mailbox_are_one_sender(address: str) -> None:
    assert person_behind(address) == "ada@acme.example"


@pytest.mark.parametrize(
    "address",
    ["ada@b\u00fccher.example", "ada@XN--BCHER-KVA.example", "ada@b\u00fccher\u3002example"],
)
def test_a_domain_in_letters_and_in_punycode_is_one_sender(address: str) -> None:
    assert person_behind(address) == "ada@bucher.example"


@pytest.mark.parametrize(
    "label", ["xn--", "xn--\u00fc", "xn--99999b", "xn--ls8h", "xn--ib9b", "xn--a\0-cja"]
)
def test_what_only_looks_like_punycode_is_taken_as_it_is_written(label: str) -> None:
    person_behind(f"ada@{label}.example").encode()


def test_an_endless_address_makes_no_endless_key() -> None:
    assert len(person_behind("a" * 10_000 + "@x")) == 320


def decided(given: Case) -> tuple[str, str]:
    decision = decide(Phase.TICKET, given, RULES)
    if decision.ruling is None:
        return "", ""
    return decision.ruling.verdict.value, decision.decided_by


def storming(**fields: Any) -> Case:
    facts = TicketFacts(made_by_sender=(3, 3), made_in_inbox=(3, 3))
    settings = {"cap_tickets_per_sender": TWO_CAPS, "cap_tickets_per_inbox": TWO_CAPS}
    return case(**{"inbox": settings, "ticket_facts": facts, **fields})


def test_a_message_that_would_make_one_ticket_too_many_is_held_by_the_rule_of_the_cap() -> None:
    assert decided(storming()) == ("held", "cap_tickets_per_sender")
    assert decided(storming(ticket_facts=TicketFacts(made_by_sender=(2, 4)))) == ("", "")
    by_inbox = TicketFacts(made_by_sender=(2, 2), made_in_inbox=(3, 3))
    assert decided(storming(ticket_facts=by_inbox)) == ("held", "cap_tickets_per_inbox")


def test_the_reason_has_the_figures_and_the_storm_its_name() -> None:
    ruling = decide(Phase.TICKET, storming(), RULES).ruling
    assert ruling
    assert ruling.reason == (
        "3 tickets of ada@acme.example within 10 minutes are the most; "
        "it waits for a person: bin/mailticket reset, or ignore"
    )
    assert ruling.storm
    assert (ruling.storm.key, ruling.storm.minutes) == ("sender ada@acme.example", 60)


def test_a_sender_without_an_address_is_capped_like_any() -> None:
    assert decided(storming(header=header(from_=None))) == ("held", "cap_tickets_per_sender")


def test_an_update_is_never_held_by_the_caps_on_tickets() -> None:
    assert decided(storming(match=Match(ticket(), "thread", ""))) == ("", "")


def test_a_closed_ticket_that_calls_for_a_new_one_counts_as_a_new_one() -> None:
    closed = storming(match=Match(ticket(closed=True), "thread", ""))
    assert decided(closed) == ("held", "cap_tickets_per_sender")


def test_what_a_person_let_through_is_not_held_again() -> None:
    facts = TicketFacts(made_by_sender=(3, 3), made_in_inbox=(3, 3), released=True)
    decision = decide(Phase.TICKET, storming(ticket_facts=facts), RULES)
    assert decision.ruling is None
    assert "a person let it through" in decision.steps[-1].detail


def reopening(**fields: Any) -> Case:
    settings = {"closed_ticket": "reopen", "cap_reopens_per_ticket": ["3/10"]}
    match = Match(ticket(closed=True, reopens=(3,)), "thread", "")
    return case(**{"inbox": settings, "match": match, **fields})


def test_a_ticket_that_was_reopened_too_often_is_not_reopened_again() -> None:
    assert decided(reopening()) == ("held", "cap_reopens_per_ticket")
    open_again = Match(ticket(closed=False, reopens=(3,)), "thread", "")
    assert decided(reopening(match=open_again)) == ("", "")
    fewer = Match(ticket(closed=True, reopens=(2,)), "thread", "")
    assert decided(reopening(match=fewer)) == ("", "")


def test_automatic_mail_reopens_nothing_and_is_not_held_for_it() -> None:
    assert decided(reopening(draft=draft(automatic=automatic("generated")))) == ("", "")


def test_a_cap_can_be_switched_off_by_its_name() -> None:
    off = {"rules_off": ["cap_tickets_per_sender", "cap_tickets_per_inbox"]}
    caps = {"cap_tickets_per_sender": TWO_CAPS, "cap_tickets_per_inbox": TWO_CAPS}
    assert decided(storming(inbox={**caps, **off})) == ("", "")
