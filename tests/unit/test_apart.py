"""Children that answer: in order, in bounds, and replaced when they are lost."""

from __future__ import annotations

import mmap
import os
import signal
import time

import pytest

from mailticket.apart import Apart, Crew, Lost


def answer(question: str | int) -> str:
    match question:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            time.sleep(60)
        case "raise":
            raise ValueError("bad")
        case "eat":
            return str(len(bytearray(3 * 1024**3)))
        case "nibble":
            return str(len(bytearray(300 * 1024**2)))
    return f"{question}!"


def test_answers_come_in_the_order_of_the_questions() -> None:
    with Crew(answer, 10, size=3) as crew:
        answers = list(crew.each((n, n) for n in range(20)))
    assert answers == [(n, f"{n}!") for n in range(20)]


def test_what_the_parent_holds_is_not_put_down_to_its_child() -> None:
    with mmap.mmap(-1, 1024**3, flags=mmap.MAP_PRIVATE), Apart(answer, 20) as child:
        assert child.ask("nibble") == str(300 * 1024**2)
        with pytest.raises(Lost, match="MB of memory"):
            child.ask("eat")


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("die", "signal 9"),
        ("raise", "ValueError: bad"),
        ("eat", "MB of memory"),
        ("sleep", "limit_seconds"),
    ],
)
def test_a_child_that_is_lost_costs_its_own_answer_only(question: str, why: str) -> None:
    questions = ["a", question, "b", "c"]
    with Crew(answer, 1, size=2) as crew:
        answers = [given for _, given in crew.each((q, q) for q in questions)]
    assert isinstance(answers[1], Lost)
    assert why in str(answers[1])
    assert [answers[0], *answers[2:]] == ["a!", "b!", "c!"]


def test_no_child_outlives_its_crew() -> None:
    with Crew(answer, 10, size=2) as crew:
        list(crew.each((n, n) for n in range(4)))
        children = [child._running[0] for child in crew._children if child._running]
        assert all(child.is_alive() for child in children)
    assert not any(child.is_alive() for child in children)


def test_a_single_child_answers_again_after_it_was_lost() -> None:
    with Apart(answer, 10) as apart:
        with pytest.raises(Lost):
            apart.ask("die")
        assert apart.ask("x") == "x!"
