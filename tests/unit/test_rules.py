"""Each rule hit and missed, their order, and the rules of a site."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import mailticket.rules
from mailticket.decision import Case, Earlier, Facts, Miss, Phase, Rule, Ruling, Status
from mailticket.errors import ConfigurationError
from mailticket.rules import RULES, check_rules_off, site_rules, table, versions
from mailticket.ticket import Match, Person
from services.cases import ADA, automatic, case, header, inbox, ticket


def ask(name: str, given: Case, phase: Phase | None = None) -> Ruling | Miss | None:
    rule = next(r for r in RULES if r.name == name and phase in (None, r.phase))
    return rule.check(given)


def hit(name: str, given: Case) -> tuple[str, str]:
    answer = ask(name, given)
    assert isinstance(answer, Ruling), answer
    return answer.verdict.value, answer.reason


def missed(name: str, given: Case) -> str:
    answer = ask(name, given)
    assert not isinstance(answer, Ruling), answer
    return answer.detail if answer else ""


# --- the table ---------------------------------------------------------------------------------


def test_the_rules_are_asked_in_the_order_of_the_specification() -> None:
    assert [(rule.phase.value, rule.name) for rule in RULES] == [
        ("headers", "too_big"),
        ("headers", "undesired_subject"),
        ("headers", "automatic_mail"),
        ("headers", "already_handled"),
        ("headers", "unknown_caller"),
        ("content", "automatic_body"),
        ("ticket", "already_handled"),
        ("ticket", "other_class"),
        ("ticket", "closed_ticket"),
        ("ticket", "nothing_to_update"),
        ("ticket", "cap_reopens_per_ticket"),
        ("ticket", "cap_tickets_per_sender"),
        ("ticket", "cap_tickets_per_inbox"),
    ]


def test_each_rule_has_a_file_of_its_name_and_a_sentence_why() -> None:
    folder = Path(mailticket.rules.__file__).parent
    assert {rule.name for rule in RULES} == {
        path.stem for path in folder.glob("*.py") if path.stem != "__init__"
    }
    assert all(re.fullmatch(r"[A-Z].{10,80}\.", rule.why) for rule in RULES)


# --- rule by rule ------------------------------------------------------------------------------


def test_too_big_looks_at_the_size_alone() -> None:
    limited = {"maximum_email_size": "1K"}
    assert missed("too_big", case(size=1024, inbox=limited)) == ""
    assert hit("too_big", case(size=1025, inbox=limited)) == (
        "rejected",
        "1,025 bytes are above maximum_email_size of 1,024 bytes",
    )


def test_undesired_subject_takes_the_first_pattern_that_matches() -> None:
    patterns = {"undesired_subject_patterns": ["/^Out Of Office/i", "/(a+)+$/", "/spam/"]}
    out = case(header=header(subject="out of office: Ada"), inbox=patterns)
    assert hit("undesired_subject", out) == (
        "undesired",
        "the subject matches /^Out Of Office/i",
    )
    assert missed("undesired_subject", case(inbox=patterns)) == ""
    runaway = case(header=header(subject="a" * 60 + "!"), inbox=patterns)
    assert "/(a+)+$/" in missed("undesired_subject", runaway)


def test_undesired_subject_is_asked_about_the_beginning_of_a_long_subject() -> None:
    patterns = {"undesired_subject_patterns": ["/(?:\\w++!|\\w++;)/", "/^a.*z$/"]}
    endless = case(header=header(subject="a" * 100_000 + "z"), inbox=patterns)
    assert missed("undesired_subject", endless) == (
        "the pattern /(?:\\w++!|\\w++;)/ was looked for in the first 1000 characters only; "
        "the pattern /^a.*z$/ was looked for in the first 1000 characters only"
    )


@pytest.mark.parametrize("kind", ["auto-reply", "bounce", "own", "generated", "list"])
@pytest.mark.parametrize("way", ["accept_generated", "reject"])
def test_automatic_mail_is_undesired_but_for_what_a_machine_generated(kind: str, way: str) -> None:
    given = case(header=header(automatic=automatic(kind)), inbox={"automatic_mail": way})
    if kind in ("generated", "list") and way == "accept_generated":
        assert missed("automatic_mail", given).startswith(f"{kind}: Auto-Submitted: yes; accepted")
    else:
        assert hit("automatic_mail", given) == ("undesired", f"{kind}: Auto-Submitted: yes")
    assert missed("automatic_mail", case()) == ""


def test_automatic_mail_names_the_ticket_that_it_is_about() -> None:
    facts = Facts(about_ref="R-000007")
    given = case(header=header(automatic=automatic("bounce")), facts=facts)
    assert hit("automatic_mail", given)[1].endswith(", about R-000007")
    assert hit("automatic_mail", case(facts=Facts(own=True)))[1].startswith("own: ")


def test_automatic_body_rules_only_on_what_the_header_section_did_not_say() -> None:
    found = automatic("bounce", about=("ours@x",))
    assert missed("automatic_body", case()) == ""
    assert hit("automatic_body", case(automatic=found))[0] == "undesired"
    by_header = header(automatic=automatic("bounce"))
    assert missed("automatic_body", case(header=by_header, automatic=found)) == ""
    milder = header(automatic=automatic("generated"))
    assert hit("automatic_body", case(header=milder, automatic=found))[0] == "undesired"
    about = Facts(about_ref="R-000007")
    named = case(header=by_header, automatic=found, facts=about)
    assert hit("automatic_body", named)[1].endswith(", about R-000007")
    told = header(automatic=automatic("bounce"), in_reply_to=("ours@x",))
    assert missed("automatic_body", case(header=told, automatic=found, facts=about)) == ""


@pytest.mark.parametrize("status", ["processed", "error", "undesired", "ignored"])
def test_a_copy_is_a_duplicate_of_what_was_decided(status: str) -> None:
    earlier = Earlier(3, Status(status), "R-000007", 7)
    told = f"a copy of message 3 ({status}, R-000007)"
    assert hit("already_handled", case(facts=Facts(earlier=earlier))) == ("duplicate", told)


def test_a_copy_of_what_is_not_decided_yet_is_looked_at_again_later() -> None:
    assert missed("already_handled", case()) == ""
    undecided = case(facts=Facts(earlier=Earlier(3, Status.NEW)))
    assert missed("already_handled", undecided) == ("a copy of message 3, which is not decided yet")


def test_unknown_caller_asks_who_wrote() -> None:
    nobody = Facts()
    assert missed("unknown_caller", case()) == "person 1, Ada Lovelace"
    assert hit("unknown_caller", case(facts=nobody)) == (
        "rejected",
        "ada@acme.example is not the address of a known person",
    )
    creates = {"unknown_caller": "create_person"}
    assert "will be created" in missed("unknown_caller", case(facts=nobody, inbox=creates))
    nameless = case(header=header(from_=None), inbox=creates)
    assert hit("unknown_caller", nameless)[0] == "rejected"
    two = Facts(callers=(ADA, Person(9, "", "Byron", "ada@acme.example", 5)))
    assert missed("unknown_caller", case(facts=two)) == (
        "ada@acme.example belongs to persons 1, 9; the first is taken"
    )


def matched(**fields: Any) -> Match:
    return Match(ticket(**fields), "thread", "refers to <x@y>")


def test_other_class_compares_with_the_inbox() -> None:
    assert missed("other_class", case()) == ""
    assert missed("other_class", case(match=matched())) == ""
    found = hit("other_class", case(match=matched(ticket_class="Change")))
    assert found == (
        "rejected",
        "it belongs to R-000001, a Change; inbox support is for UserRequest",
    )


@pytest.mark.parametrize("way", ["new_ticket", "reopen", "append", "reject"])
@pytest.mark.parametrize("behavior", ["create_or_update", "update_only"])
def test_closed_ticket_rejects_where_nothing_else_may_be_done(way: str, behavior: str) -> None:
    settings = {"closed_ticket": way, "behavior": behavior}
    closed = case(match=matched(status="closed", closed=True), inbox=settings)
    if way == "reject" or (way == "new_ticket" and behavior == "update_only"):
        assert hit("closed_ticket", closed)[0] == "rejected"
    else:
        assert missed("closed_ticket", closed) == f"R-000001 is closed; closed_ticket is {way}"
    assert missed("closed_ticket", case(match=matched(), inbox=settings)) == ""
    assert missed("closed_ticket", case(inbox=settings)) == ""


def test_nothing_to_update_is_for_update_only() -> None:
    only = {"behavior": "update_only"}
    assert hit("nothing_to_update", case(inbox=only))[0] == "rejected"
    assert missed("nothing_to_update", case(inbox=only, match=matched())) == ""
    assert missed("nothing_to_update", case()) == ""


# --- a site's rules ----------------------------------------------------------------------------


def allow(_case: Case) -> None:
    return None


OWN_TOO_BIG = Rule("too_big", Phase.HEADERS, "Ours is bigger.", allow)
AT_NIGHT = Rule("at_night", Phase.HEADERS, "Nobody is there.", allow)
NO_COPIES = Rule("already_handled", Phase.TICKET, "We want copies.", allow)
MOVED = Rule("unknown_caller", Phase.CONTENT, "By signature.", allow)
NO_RULE = "not a rule"


def point(name: str) -> EntryPoint:
    return EntryPoint(name.lower(), f"{__name__}:{name}", "mailticket.rules")


def names(rules: tuple[Rule, ...], phase: Phase) -> list[str]:
    return [rule.name for rule in rules if rule.phase is phase]


def test_without_a_site_the_table_is_ours() -> None:
    assert table() == RULES
    assert versions() == {}


def test_a_site_replaces_a_rule_by_its_name_in_its_place_and_adds_at_the_end_of_a_phase() -> None:
    rules = table((AT_NIGHT, OWN_TOO_BIG))
    assert rules[0] is OWN_TOO_BIG
    assert names(rules, Phase.HEADERS) == [*names(RULES, Phase.HEADERS), "at_night"]
    assert len(rules) == len(RULES) + 1


def test_a_replaced_rule_is_asked_once_and_in_its_own_phase() -> None:
    rules = table((NO_COPIES, MOVED))
    assert names(rules, Phase.HEADERS) == ["too_big", "undesired_subject", "automatic_mail"]
    assert names(rules, Phase.CONTENT) == ["automatic_body", "unknown_caller"]
    assert names(rules, Phase.TICKET) == names(RULES, Phase.TICKET)


def test_entry_points_name_the_rules_of_a_site() -> None:
    assert site_rules([point("AT_NIGHT"), point("OWN_TOO_BIG")]) == (AT_NIGHT, OWN_TOO_BIG)
    assert versions((AT_NIGHT,)) == {"rule at_night": __name__}


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (EntryPoint("x", "mailticket_nowhere:RULE", "mailticket.rules"), "cannot be loaded"),
        (EntryPoint("x", "mailticket.rules:NOTHING", "mailticket.rules"), "cannot be loaded"),
        (EntryPoint("x", "mailticket.rules:GROUP", "mailticket.rules"), "must name a mailticket"),
    ],
)
def test_a_broken_entry_point_is_a_configuration_error_that_names_it(
    broken: EntryPoint, told: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        site_rules([broken])
    [fault] = caught.value.faults
    assert fault.field == "entry point mailticket.rules"
    assert fault.value == f"x = {broken.value}"
    assert told in fault.allowed


def test_two_packages_may_not_offer_the_same_rule() -> None:
    with pytest.raises(ConfigurationError, match="there is another rule at_night"):
        site_rules([point("AT_NIGHT"), point("AT_NIGHT")])


def test_only_rules_and_ways_that_exist_can_be_switched_off() -> None:
    known = inbox(rules_off=["too_big", "thread", "at_night"])
    check_rules_off(known, table((AT_NIGHT,)))
    with pytest.raises(ConfigurationError) as caught:
        check_rules_off(known, table())
    [fault] = caught.value.faults
    assert (fault.inbox, fault.field, fault.value) == ("support", "rules_off", "at_night")
    assert "there are too_big, undesired_subject" in fault.allowed
