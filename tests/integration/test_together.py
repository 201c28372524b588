"""A large pass makes tickets while it parses, in two processes: nothing is lost or twice."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailticket.ahead import TOGETHER
from mailticket.beside import has_room
from mailticket.errors import Lapsed, MailticketError
from mailticket.ingest import STEPS
from mailticket.passage import Outside
from mailticket.store.postgres import Database as Store
from services.airflow_stack import eventually
from services.arena import Arena, MakeArena, die, mail

pytestmark = pytest.mark.skipif(not has_room(), reason="one core: the steps come one by one")

MAILS = TOGETHER + 60
FIELDS = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
    "cap_tickets_per_sender": [],
}
EACH = 5
"""So many mails of a thread stand one after the other."""


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    arena = make_arena(**FIELDS)
    arena.deliver(*map(_mail, range(MAILS)))
    return arena


def _mail(number: int) -> bytes:
    first = number - number % EACH
    answers = [] if number == first else [f"In-Reply-To: <{first}@acme.example>"]
    body = "Again. " * (2000 if number == 7 else 1)  # one that takes longer than those after it
    return mail(
        f"Mail {number:03}", body=body, message_id=f"<{number}@acme.example>", headers=answers
    )


def _wanted(number: int) -> tuple[Any, ...]:
    verdict = "update" if number % EACH else "create"
    return (f"Mail {number:03}", "processed", verdict, number // EACH + 1)


def _is_right(arena: Arena) -> None:
    tickets = {
        ref: n
        for n, (ref,) in enumerate(arena.rows("SELECT ref FROM mailticket.ticket ORDER BY id"), 1)
    }
    found = [(subject, *said[:2], tickets[said[3]]) for subject, *said in arena.status()]
    assert found == list(map(_wanted, range(MAILS)))
    entries = arena.rows("SELECT message FROM mailticket.log_entry ORDER BY ticket_id, id")
    assert len(entries) == MAILS - MAILS // EACH
    assert entries == sorted(entries)


def _parses_beside(arena: Arena) -> bool:
    """Tell whether a ticket was made before all was parsed."""
    [(first, last)] = arena.rows(
        "SELECT (SELECT min(created_at) FROM mailticket.ticket),"
        " (SELECT finished_at FROM mailticket.run_step WHERE step = 'parse')"
    )
    return bool(first < last)


def test_tickets_are_made_while_others_are_parsed_in_the_order_of_the_mailbox(
    arena: Arena,
) -> None:
    told: list[tuple[str, int, int | None]] = []
    arena.wrap = lambda outside: replace(outside, progress=lambda *far: told.append(far))
    counts, failed = arena.run()
    assert (counts, failed) == ({"create": MAILS // EACH, "update": MAILS - MAILS // EACH}, [])
    _is_right(arena)
    assert _parses_beside(arena)
    assert ("parse", MAILS, MAILS) in told
    assert ("upsert_ticket", MAILS, MAILS) in told


@pytest.fixture
def patient(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> Arena:
    """Read the mailbox in four batches, and wait after the last until something is parsed."""
    monkeypatch.setattr("mailticket.steps.fetch.BATCH_MESSAGES", MAILS // 4)

    def wait(step: str, done: int, _of: int | None) -> None:
        if step == "fetch" and done == MAILS:
            eventually(lambda: arena.rows("SELECT FROM mailticket.draft"), "a draft")

    arena.wrap = lambda outside: replace(outside, progress=wait)
    return arena


def test_what_is_fetched_is_parsed_while_the_mailbox_is_still_read(patient: Arena) -> None:
    patient.run()
    _is_right(patient)
    steps = "SELECT step, counts FROM mailticket.run_step ORDER BY finished_at"
    told = dict(patient.rows(steps))
    assert list(told) == list(STEPS)
    assert (told["fetch"]["fetched"], told["filter"]["accepted"]) == (MAILS, MAILS)
    assert told["parse"] == {"parsed": MAILS, "decided": 0, "found_automatic": 0}
    [made_before_all_was_fetched] = patient.rows(
        "SELECT (SELECT min(created_at) FROM mailticket.ticket) < s.finished_at"
        "  FROM mailticket.run_step s WHERE s.step = 'fetch'"
    )
    assert made_before_all_was_fetched == (False,)


def test_an_answer_that_lies_before_its_question_still_waits_for_it(make_arena: MakeArena) -> None:
    arena = make_arena(**FIELDS)
    answer = mail("Re: Late", message_id="<answer@acme.example>", headers=["References: <late@x>"])
    late = mail("Late", message_id="<late@x>")
    arena.deliver(answer, *map(_mail, range(MAILS)), late)
    arena.run()
    [(entry, question)] = arena.rows(
        "SELECT e.ticket_id, (SELECT ticket_id FROM mailticket.message WHERE message_id = 'late@x')"
        "  FROM mailticket.log_entry e JOIN mailticket.message m ON m.id = e.message"
        " WHERE m.message_id = 'answer@acme.example'"
    )
    assert entry == question


def test_what_is_not_whole_is_filtered_once_the_mailbox_is_read(
    make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailticket.steps.fetch.BATCH_MESSAGES", MAILS // 4)
    arena = make_arena(**FIELDS, maximum_email_size="2K")
    big = mail("Big", body="x" * 3000, message_id="<big@acme.example>")
    arena.deliver(*map(_mail, range(7)), big, *map(_mail, range(8, MAILS)))
    accepted: list[tuple[int, int]] = []

    def look(step: str, _done: int, _of: int | None) -> None:
        if step == "fetch":
            accepted.extend(
                arena.rows(
                    "SELECT count(*) FILTER (WHERE stage <> 'fetched'), count(*)"
                    "  FROM mailticket.attempt"
                )
            )

    arena.wrap = lambda outside: replace(outside, progress=look)
    arena.run()
    assert (7, MAILS) in accepted
    decided = [
        (subject, by) for subject, _, verdict, by, _ in arena.status() if verdict != "create"
    ]
    assert ("Big", "too_big") in decided
    assert len(arena.status()) == MAILS


def test_a_mailbox_that_goes_away_meanwhile_leaves_nothing_begun(patient: Arena) -> None:
    wait = patient.wrap

    def goes_away(outside: Outside) -> Outside:
        def progress(step: str, done: int, of: int | None) -> None:
            wait(outside).progress(step, done, of)
            if step == "filter" and done == MAILS and of is None:
                raise MailticketError("the mailbox went away")

        return replace(outside, progress=progress)

    patient.wrap = goes_away
    with pytest.raises(MailticketError, match="went away"):
        patient.run()
    left = "SELECT stage::text, tries, count(*) FROM mailticket.attempt GROUP BY 1, 2"
    assert patient.rows(left) == [("parsed", 0, MAILS)]
    assert not patient.rows("SELECT FROM mailticket.lease WHERE expires_at > now()")
    patient.wrap = wait
    patient.run("next")
    _is_right(patient)


@pytest.mark.parametrize("query", ["save_drafts", "load_drafts"])
@pytest.mark.parametrize("turn", [1, 3])
def test_whichever_of_the_two_is_killed_the_next_pass_completes_the_work(
    arena: Arena, query: str, turn: int
) -> None:
    class Dies(Store):
        left = turn

        def _asked_for(self, name: str) -> None:
            if name == query:
                self.left -= 1
                if self.left == 0:
                    die()

        def rows(self, name: str, /, **values: Any) -> Any:
            self._asked_for(name)
            return super().rows(name, **values)

        def many(self, name: str, tuples: Any, /, **values: Any) -> Any:
            self._asked_for(name)
            return super().many(name, tuples, **values)

    arena.store = Dies
    if query == "load_drafts":  # the pass itself
        assert arena.killed(arena.run)
        _wait_for_end_of_parsing(arena)
    else:  # the process beside it
        with pytest.raises(MailticketError, match="exit status -9"):
            arena.run()
    arena.store = Store
    arena.lapse()
    arena.run("next")
    _is_right(arena)


def _wait_for_end_of_parsing(arena: Arena) -> None:
    """Wait: a process beside a dead pass has nobody to tell of its next group, and ends."""
    for _ in range(1200):
        [(busy,)] = arena.rows(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'mailticket'"
        )
        if not busy:
            return
        time.sleep(0.1)
    pytest.fail("it goes on without its parent")


def test_what_ends_the_parsing_ends_the_pass(arena: Arena) -> None:
    class LosesItsLease(Store):
        def many(self, name: str, tuples: Any, /, **values: Any) -> Any:
            if name == "save_drafts":
                raise Lapsed("another pass took over")
            return super().many(name, tuples, **values)

    arena.store = LosesItsLease
    with pytest.raises(Lapsed, match="another pass took over"):
        arena.run()
    arena.store = Store
    assert not arena.rows("SELECT FROM mailticket.ticket")
    arena.run("next")
    _is_right(arena)


def _children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


def test_a_failure_here_ends_the_process_beside(arena: Arena) -> None:
    class Fails(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            if name == "load_drafts":
                raise Lapsed("no more")
            return super().rows(name, **values)

    arena.store = Fails
    before = _children()
    with pytest.raises(Lapsed, match="no more"):
        arena.run()
    assert _children() == before
    arena.store = Store
    arena.run("next")
    _is_right(arena)


def test_few_messages_are_parsed_without_another_process(make_arena: MakeArena) -> None:
    few = make_arena(**FIELDS)
    few.deliver(mail("One"), mail("Two"))
    few.run()
    assert not _parses_beside(few)
