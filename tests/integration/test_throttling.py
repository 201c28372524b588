"""A server that asks us to come later gets the time that it asks for (Exchange, Microsoft 365)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from mailticket.airflow_task import RetryAsTold, Told, _pause
from mailticket.errors import Lapsed, MailboxUnavailable, SignInRefused
from services.arena import Arena, MakeArena, mail
from services.scripted_imap import ScriptedImap
from services.scripted_pop3 import ScriptedPop3

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
BACKOFF = b"Request is throttled. Suggested Backoff Time: 299961 milliseconds"


@pytest.fixture
def imap() -> Iterator[ScriptedImap]:
    messages = {1: mail("One"), 2: mail("Two")}
    with ScriptedImap(messages=messages) as server:
        server.capabilities += " MOVE UIDPLUS"
        yield server


@pytest.fixture
def pop3() -> Iterator[ScriptedPop3]:
    with ScriptedPop3({"a": mail("One"), "b": mail("Two")}) as server:
        yield server


def waited(arena: Arena) -> float | None:
    """Run, and give how long the run's task would wait before it is tried again."""
    with pytest.raises(MailboxUnavailable) as caught:
        arena.run()
    return _pause(caught.value)


@pytest.mark.parametrize("status", ["NO", "BAD", "NO [THROTTLED]"])
@pytest.mark.parametrize(
    "command",
    [
        "LOGIN .*", "SELECT .*", "UID SEARCH .*", "UID FETCH .*RFC822.SIZE.*", "UID FETCH .*BODY.*",
        "UID STORE .*", "UID EXPUNGE .*",
    ],
)  # fmt: skip
def test_wherever_imap_asks_for_it_the_task_waits_that_long_and_nothing_is_lost(
    make_arena: MakeArena, imap: ScriptedImap, command: str, status: str
) -> None:
    arena = make_arena(after_processing="delete", **CREATES)
    arena.imap_port = imap.port
    imap.script = [(command, f"TAG {status} ".encode() + BACKOFF + b"\r\n")]
    assert waited(arena) == pytest.approx(299.961)
    imap.script = [
        (r"UID EXPUNGE .*", lambda: (imap.messages.clear(), b"TAG OK\r\n")[1]),
    ]
    arena.lapse()
    arena.run()
    assert [row[:3] for row in arena.status()] == [
        ("One", "processed", "create"),
        ("Two", "processed", "create"),
    ]
    assert imap.messages == {}


@pytest.mark.parametrize("command", ["PASS secret", "LIST", "UIDL", "RETR 2", "DELE 1"])
def test_wherever_pop3_asks_for_it_the_task_waits_that_long_and_nothing_is_lost(
    make_arena: MakeArena, pop3: ScriptedPop3, command: str
) -> None:
    arena = make_arena(protocol="pop3", after_processing="delete", **CREATES)
    arena.imap_port = pop3.port
    pop3.script[command] = b"-ERR " + BACKOFF + b"\r\n"
    assert waited(arena) == pytest.approx(299.961)
    del pop3.script[command]
    arena.lapse()
    arena.run()
    assert [row[:3] for row in arena.status()] == [
        ("One", "processed", "create"),
        ("Two", "processed", "create"),
    ]
    assert pop3.messages == {}


def test_a_mail_is_not_given_up_because_its_server_is_busy(
    make_arena: MakeArena, imap: ScriptedImap
) -> None:
    """What was too big is loaded under a higher limit: being throttled then is no failure."""
    arena = make_arena({"maximum_email_size": "100"}, **CREATES)
    arena.imap_port = imap.port
    arena.run("past")
    arena.settings["maximum_email_size"] = "10M"
    imap.script = [(r"UID FETCH \d+ .*<0\..*", b"TAG NO " + BACKOFF + b"\r\n")]
    with pytest.raises(MailboxUnavailable):
        arena.clear("past", "filter")
    imap.script = []
    arena.clear("past", "filter")
    assert [row[2] for row in arena.status()] == ["create", "create"]


def test_no_server_makes_us_wait_for_a_day() -> None:
    assert _pause(MailboxUnavailable("later", 86_400.0)) == 3600
    assert _pause(MailboxUnavailable("now", 0.0)) == 1
    assert _pause(MailboxUnavailable("who knows")) is None
    assert _pause(SignInRefused("no")) is None
    assert _pause(Lapsed("another pass")) > 0  # type: ignore[operator]


def test_airflow_is_told_how_long_to_wait() -> None:
    decision = RetryAsTold().evaluate(Told("later", again=True, after=299.961), 1, 3)
    assert decision.retry_delay == timedelta(seconds=299.961)
    assert re.match("later", decision.reason or "")
