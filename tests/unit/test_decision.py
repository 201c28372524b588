"""How rules are asked, whatever they answer."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.decision import (
    Case,
    Decision,
    Miss,
    Phase,
    Rule,
    Ruling,
    Status,
    Step,
    Verdict,
    decide,
)
from services.cases import case


def rule(name: str, answer: Any = None, phase: Phase = Phase.HEADERS) -> Rule:
    def check(_case: Case) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Rule(name, phase, "a test", check)


HELD = Ruling(Verdict.HELD, "too many")


def test_rules_are_asked_in_order_and_the_first_ruling_wins() -> None:
    rules = (
        rule("one"),
        rule("two", Miss("something to say")),
        rule("other phase", Ruling(Verdict.FAILED, "never asked"), Phase.CONTENT),
        rule("three", HELD),
        rule("four", Ruling(Verdict.REJECTED, "too late")),
    )
    assert decide(Phase.HEADERS, case(), rules) == Decision(
        HELD,
        "three",
        (
            Step("one", "miss"),
            Step("two", "miss", "something to say"),
            Step("three", "hit", "too many"),
            Step("four", "skipped"),
        ),
    )


def test_a_rule_that_is_switched_off_is_not_asked() -> None:
    off = case(inbox={"rules_off": ["loud"]})
    decision = decide(Phase.HEADERS, off, (rule("loud", HELD), rule("quiet")))
    assert decision.ruling is None
    assert decision.steps[0] == Step("loud", "skipped", "switched off by rules_off")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ValueError("no\0pe \ud800!"), "rule odd raised ValueError: nope !"),
        (RecursionError("deep"), "rule odd raised RecursionError: deep"),
        (True, "rule odd answered bool, which no rule may"),
        ("undesired", "rule odd answered str, which no rule may"),
        (Ruling(Verdict.CREATE, "x"), "rule odd answered create, which no rule may"),
        (Ruling("nonsense", "x"), "rule odd raised ValueError: 'nonsense' is not a valid Verdict"),  # type: ignore[arg-type]
    ],
)
def test_a_rule_that_misbehaves_fails_the_message_and_nothing_else(
    answer: Any, reason: str
) -> None:
    decision = decide(Phase.HEADERS, case(), (rule("odd", answer), rule("next")))
    assert decision.ruling == Ruling(Verdict.FAILED, reason)
    assert decision.decided_by == "odd"
    assert decision.steps[1].outcome == "skipped"


def test_what_a_rule_quotes_can_be_stored() -> None:
    hostile = "\0\ud800" + "x" * 10_000
    for answer in (Miss(hostile), Ruling(Verdict.UNDESIRED, hostile)):
        [step] = decide(Phase.HEADERS, case(), (rule("quoting", answer),)).steps
        assert step.detail == "x" * 4000


def test_phases_are_joined_and_the_later_ruling_wins() -> None:
    first = Decision(None, "", (Step("a", "miss"),))
    second = Decision(HELD, "b", (Step("b", "hit"),))
    third = Decision(None, "", (Step("c", "miss"),))
    joined = first.then(second).then(third)
    assert (joined.ruling, joined.decided_by) == (HELD, "b")
    assert [step.rule for step in joined.steps] == ["a", "b", "c"]


def test_each_verdict_has_the_status_of_the_specification() -> None:
    assert {verdict: verdict.status for verdict in Verdict} == {
        Verdict.CREATE: Status.PROCESSED,
        Verdict.UPDATE: Status.PROCESSED,
        Verdict.DUPLICATE: Status.PROCESSED,
        Verdict.UNDESIRED: Status.UNDESIRED,
        Verdict.REJECTED: Status.ERROR,
        Verdict.FAILED: Status.ERROR,
        Verdict.HELD: Status.HELD,
        Verdict.IGNORED: Status.IGNORED,
    }
