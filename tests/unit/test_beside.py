"""A step in a process beside: what is said to it and what it tells, both ways at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from mailticket.beside import Beside, Hear, Tell

MANY = 2000
"""More than a line takes without anybody reading."""


@pytest.fixture
def _in_time() -> Iterator[None]:
    """Let what hangs fail, not hold up all tests."""

    def fail(*_: object) -> None:
        raise TimeoutError("both sides wait for each other")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _tells_much(tell: Tell, hear: Hear) -> None:
    word = "more"
    while word == "more":
        word = str(hear())
        for number in range(MANY):
            tell(word, number, MANY)


@pytest.mark.usefixtures("_in_time")
def test_neither_waits_for_the_other_where_both_have_much_to_say() -> None:
    told: list[tuple[str, int, int | None]] = []
    with Beside(_tells_much, lambda *far: told.append(far)) as beside:
        for _ in range(MANY):
            beside.say("more")
        beside.say("all")
        while beside.goes_on():
            pass
    assert [word for word, number, _ in told if number == 0] == ["more", "all"]
    assert told[-1] == ("all", MANY - 1, MANY)


@pytest.mark.usefixtures("_in_time")
def test_what_nobody_says_any_more_ends_the_step() -> None:
    heard: list[object] = []

    def listens(tell: Tell, hear: Hear) -> None:
        while (word := hear()) is not None:
            tell(str(word), 0, None)

    with Beside(listens, lambda *far: heard.append(far[0])) as beside:
        beside.say("one")
        while beside.goes_on() and heard != ["one"]:
            pass
    assert heard == ["one"]
