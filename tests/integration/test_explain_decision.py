"""explain --inbox: the decision that a run would take, with nothing written."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailticket.commands.deciding import judge_for
from mailticket.errors import LimitExceeded
from mailticket.message import Message
from mailticket.parsing import parse
from services.arena import Arena, mail
from services.database import Database

PROGRAM = Path(__file__).parents[2] / "bin" / "mailticket"
CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
FIRST = mail("Printer", message_id="<first@acme.example>")
ANSWER = mail(
    "Re: Printer",
    body="It prints again.\r\n\r\nOn Monday Ada wrote:\r\n> It does not print.",
    message_id="<answer@acme.example>",
    headers=["In-Reply-To: <first@acme.example>"],
)
AWAY = mail("Away", headers=["Auto-Submitted: auto-replied"])
BOUNCE = mail(
    "Mail delivery failed: returning message to sender",
    sender="Mail Delivery System <Mailer-Daemon@mx.example>",
    body="This message was created automatically by mail delivery software.\r\n\r\n"
    "A message that you sent could not be delivered to one or more of its recipients.\r\n"
    "This is a permanent error. The following address(es) failed:\r\n\r\n"
    "  nobody@acme.example\r\n    550 no such user\r\n",
)
BIG = mail("Big", body="long line\r\n" * 3000)
ENDLESS = b"X-Long: aaaa\r\n" * 100_000 + FIRST
ATTACHED = b"""\
From: Ada Lovelace <ada@acme.example>\r
Message-ID: <files@acme.example>\r
Subject: Files\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=x\r
\r
--x\r
Content-Type: text/html\r
\r
<p>See <b>below</b></p>\r
--x\r
Content-Type: text/plain; name=a.txt\r
Content-Disposition: attachment; filename=a.txt\r
\r
one\r
--x\r
Content-Type: application/octet-stream; name=a.exe\r
Content-Disposition: attachment; filename=a.exe\r
\r
MZ...\r
--x--\r
"""

LONG = mail("Long", body="W\u00f6rter & mehr <b> and more\r\n" * 40_000)

CASES: Mapping[str, tuple[Mapping[str, Any], Sequence[bytes], bytes]] = {
    "a new ticket and person": (CREATES, (), FIRST),
    "files": (CREATES, (), ATTACHED),
    "a body that is too long": (CREATES, (), LONG),
    "an answer": (CREATES, (FIRST,), ANSWER),
    "a stranger": ({}, (), FIRST),
    "a copy": (CREATES, (FIRST,), FIRST),
    "an automatic reply": (CREATES, (), AWAY),
    "a bounce of old": (CREATES, (), BOUNCE),
    "a bounce of old from a stranger": ({}, (), BOUNCE),
    "too big": ({**CREATES, "maximum_email_size": "1K"}, (), BIG),
    "an endless header section": (CREATES, (), ENDLESS),
    "no ticket to update": ({**CREATES, "behavior": "update_only"}, (), FIRST),
    "always a new one": ({**CREATES, "behavior": "create_only"}, (FIRST,), ANSWER),
    "an undesired subject": (
        {**CREATES, "undesired_subject_patterns": ["/^print/i"], "rules_off": ["unknown_caller"]},
        (),
        FIRST,
    ),
    "a missing field": ({**CREATES, "ticket_class": "Problem"}, (), FIRST),
    "a missing person's field": ({"unknown_caller": "create_person"}, (), FIRST),
    "a file that was left out": (
        {**CREATES, "exclude_attachment_types": ["text/plain"]},
        (),
        ATTACHED,
    ),
}


def rehearsed(arena: Arena, raw: bytes) -> dict[str, Any]:
    judge = judge_for(arena.name, arena.access())
    options = judge.inbox.parse_options()
    try:
        message: Message | LimitExceeded = parse(raw, options)
    except LimitExceeded as refusal:
        message = refusal
    try:
        return dict(judge.decide(raw, len(raw), message))
    finally:
        judge.close()


def decided(arena: Arena) -> dict[str, Any]:
    [row] = arena.rows(
        "SELECT a.verdict::text, a.decided_by, a.reason, a.steps, a.changes"
        " FROM mailticket.attempt a ORDER BY a.id DESC LIMIT 1"
    )
    told = dict(zip(("verdict", "decided_by", "reason", "steps", "changes"), row, strict=True))
    told["steps"] = [{k: v for k, v in one.items() if k != "phase"} for one in told["steps"]]
    told["changes"] = told["changes"] or []
    return told


@pytest.mark.parametrize("case", CASES)
def test_the_decision_is_that_of_the_run_word_for_word(
    case: str, make_arena: Callable[..., Arena]
) -> None:
    fields, before, raw = CASES[case]
    arena = make_arena(**fields)
    for one in before:
        arena.deliver(one)
        arena.run()
    expected = rehearsed(arena, raw)
    arena.deliver(raw)
    arena.run()
    assert expected == decided(arena)


def test_a_message_that_would_wait_for_another_one_is_not_decided_yet(
    make_arena: Callable[..., Arena],
) -> None:
    arena = make_arena(**CREATES)
    arena.deliver(FIRST)
    arena.steps("half", "fetch", "filter")
    told = rehearsed(arena, ANSWER)
    assert (told["verdict"], told["decided_by"]) == (None, "thread")
    assert told["reason"] == "waits for <first@acme.example>, which is not decided yet"


def test_nothing_is_written_not_even_a_key(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(**CREATES)
    # PostgreSQL gives a number to every transaction that writes, and to no other.
    next_writer = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
    before = arena.rows(next_writer)
    assert rehearsed(arena, FIRST)["verdict"] == "create"
    assert arena.rows(next_writer) == before
    assert arena.rows("SELECT count(*) FROM mailticket.reference_key") == [(0,)]


# --- from a shell --------------------------------------------------------------------------------

INBOXES = {"support": CREATES, "other": {"unknown_caller": "perhaps"}}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(tmp_path: Path) -> Run:
    (tmp_path / "mail.eml").write_bytes(FIRST)

    def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW_CONN_MAILTICKET_DB": url,
            "AIRFLOW_VAR_MAILTICKET_INBOXES": json.dumps(INBOXES),
            "AIRFLOW_VAR_MAILTICKET_INBOXES_LAST_VALID": "{}",
            "AIRFLOW_VAR_MAILTICKET_SETTINGS": "{}",
            "AIRFLOW_VAR_MAILTICKET_SETTINGS_LAST_VALID": "{}",
        }
        command = [str(PROGRAM), "explain", *arguments, str(tmp_path / "mail.eml")]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def test_connections_and_variables_are_taken_from_the_environment(
    database: Database, shell: Run
) -> None:
    database.rows("INSERT INTO mailticket.organization (name) VALUES ('Acme')")
    done = shell(database.url, "--jsonl", "--inbox", "support")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["ok"], told["error"]) == (True, None)
    assert told["decision"].keys() == {"verdict", "decided_by", "reason", "steps", "changes"}
    assert told["decision"]["verdict"] == "create"
    assert {step.keys() == {"rule", "outcome", "detail"} for step in told["decision"]["steps"]} == {
        True
    }
    assert [change["change"] for change in told["decision"]["changes"]] == [
        "create_person",
        "create_ticket",
    ]


def test_a_database_out_of_reach_costs_the_decision_alone(shell: Run) -> None:
    done = shell("postgresql://nobody:x@127.0.0.1:1/none", "--jsonl", "--inbox", "support")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["decision"]) == (0, True, None)
    assert told["error"].startswith("no decision: PostgreSQL: ")
    assert told["message"]["subject"] == "Printer"


def test_defaults_that_the_database_does_not_know_cost_the_decision_alone(
    database: Database, shell: Run
) -> None:
    told = json.loads(shell(database.url, "--jsonl", "--inbox", "support").stdout)
    assert (told["ok"], told["decision"]) == (True, None)
    assert "person_defaults.org_id" in told["error"]


def test_an_inbox_that_is_not_there_is_said_with_those_that_are(shell: Run) -> None:
    done = shell("postgresql://x@127.0.0.1:1/x", "--inbox", "suport")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no inbox suport" in done.stderr
    assert "other, support" in done.stderr


def test_an_inbox_that_is_broken_is_said_with_its_faults(shell: Run) -> None:
    done = shell("postgresql://x@127.0.0.1:1/x", "--inbox", "other")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown_caller" in done.stderr
