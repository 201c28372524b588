"""Clearing tasks of a past run, and Airflow's own retries (SPEC 6.4)."""

from __future__ import annotations

from typing import Any

import pytest

from services.arena import Arena, MakeArena, mail

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
KNOWN = (
    "INSERT INTO mailticket.person (name, email, org_id) VALUES ('Lovelace', 'ada@acme.example', 1)"
)


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena()


def verdicts(arena: Arena) -> list[tuple[Any, ...]]:
    return [row[1:4] for row in arena.status()]


def tickets(arena: Arena) -> int:
    return arena.rows("SELECT count(*) FROM mailticket.ticket")[0][0]


# -- clear filter, clear fetch --------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fetch", "filter"])
def test_clearing_decides_anew_what_is_in_error_or_undesired_under_todays_configuration(
    arena: Arena, step: str
) -> None:
    arena.fields["undesired_subject_patterns"] = "/^Spam/"
    arena.rows(KNOWN.replace("ada@", "bob@"))
    good = mail("Good", sender="bob@acme.example")
    arena.deliver(mail("Stranger"), mail("Spam"), good)
    arena.run("past")
    assert [row[0] for row in verdicts(arena)] == ["error", "undesired", "processed"]
    arena.deliver(mail("Later"))
    arena.fields |= CREATES
    arena.fields["undesired_subject_patterns"] = []
    arena.clear("past", step)
    assert arena.status() == [
        ("Stranger", "processed", "create", "create_ticket", "R-000002"),
        ("Spam", "processed", "create", "create_ticket", "R-000003"),
        ("Good", "processed", "create", "create_ticket", "R-000001"),
    ]
    assert arena.attempts() == [
        (1, 1, "past", 0, "rejected", "unknown_caller"),
        (1, 2, "past", 1, "create", "create_ticket"),
        (2, 1, "past", 0, "undesired", "undesired_subject"),
        (2, 2, "past", 1, "create", "create_ticket"),
        (3, 1, "past", 0, "create", "create_ticket"),
    ]


def test_each_decision_names_the_configuration_under_which_it_was_taken(arena: Arena) -> None:
    arena.deliver(mail("Stranger"))
    arena.run("past")
    arena.fields |= CREATES
    arena.clear("past", "filter")
    assert arena.rows(
        "SELECT c.document ->> 'unknown_caller' FROM mailticket.attempt a"
        " JOIN mailticket.configuration c ON c.hash = a.configuration ORDER BY a.n"
    ) == [("reject",), ("create_person",)]


def test_a_run_works_under_one_version_of_the_configuration_to_its_last_step(arena: Arena) -> None:
    arena.deliver(mail("Stranger"))
    arena.steps("run", "fetch")
    arena.fields |= CREATES
    arena.steps("run", "filter", "parse", "upsert_ticket")
    assert verdicts(arena) == [("error", "rejected", "unknown_caller")]
    arena.fields["nonsense"] = 1
    arena.steps("run", "forward_errors", "cleanup", "report")


def test_what_a_run_left_undecided_is_begun_anew_when_it_is_cleared(arena: Arena) -> None:
    arena.fields |= CREATES
    arena.deliver(mail("Spam"))
    arena.steps("past", "fetch", "filter", "parse")
    arena.fields["undesired_subject_patterns"] = "/^Spam/"
    arena.clear("past", "filter")
    assert verdicts(arena) == [("undesired", "undesired", "undesired_subject")]
    assert len(arena.attempts()) == 1


def test_what_a_later_run_has_taken_over_is_left_to_it(arena: Arena) -> None:
    arena.deliver(mail("Stranger"))
    arena.run("past")
    arena.rows("INSERT INTO mailticket.attempt (message, n) VALUES (1, 2)")
    arena.rows("UPDATE mailticket.message SET attempt = (SELECT max(id) FROM mailticket.attempt)")
    arena.run("later")
    arena.fields |= CREATES
    arena.clear("past", "filter")
    assert verdicts(arena) == [("error", "rejected", "unknown_caller")]
    assert [row[:3] for row in arena.attempts()] == [(1, 1, "past"), (1, 2, "later")]


def test_a_run_may_be_cleared_again_and_again(arena: Arena) -> None:
    arena.deliver(mail("Stranger"))
    arena.run("past")
    for number in (1, 2):
        arena.clear("past", "filter", number)
    arena.fields |= CREATES
    arena.clear("past", "filter", 3)
    assert [row[1:5] for row in arena.attempts()] == [
        (1, "past", 0, "rejected"),
        (2, "past", 1, "rejected"),
        (3, "past", 2, "rejected"),
        (4, "past", 3, "create"),
    ]


def test_a_cleared_fetch_that_had_not_completed_fetches(arena: Arena) -> None:
    arena.fields |= CREATES
    arena.deliver(mail("One"))
    good, arena.imap_port = arena.imap_port, 1
    with pytest.raises(Exception, match=r"127\.0\.0\.1:1\b"):
        arena.steps("past", "fetch")
    arena.imap_port = good
    arena.clear("past", "fetch")
    assert tickets(arena) == 1


def test_ignored_messages_stay_ignored(arena: Arena) -> None:
    arena.deliver(mail("Stranger"))
    arena.run("past")
    arena.rows("UPDATE mailticket.attempt SET status = 'ignored', verdict = 'ignored'")
    arena.fields |= CREATES
    arena.clear("past", "filter")
    assert tickets(arena) == 0


# -- clear a later task ---------------------------------------------------------------------------


def broken(arena: Arena) -> None:
    """Leave one message in error by each of filter, parse and upsert_ticket, and a good one."""
    arena.fields |= CREATES | {"limit_parts": 3}
    arena.fields["undesired_subject_patterns"] = "/^Spam/"
    arena.deliver(
        mail("Filter", sender=""),
        mail("Parse"),
        mail("Upsert", sender="Bob <bob@acme.example>"),
        mail("Good", sender="Cyd <cyd@acme.example>"),
        mail("Spam"),
    )
    arena.steps("past", "fetch", "filter")
    # What cannot be decoded is rare by design: a message that ends the process is one.
    arena.rows("UPDATE mailticket.attempt SET tries = 9 WHERE message = 2")
    arena.steps("past", "parse")
    arena.rows(
        "CREATE FUNCTION no_bob() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.email LIKE 'bob@%' THEN RAISE EXCEPTION 'Bob is not wanted'; END IF;"
        " RETURN NEW; END $$"
    )
    arena.rows(
        "CREATE TRIGGER no_bob BEFORE INSERT ON mailticket.person"
        " FOR EACH ROW EXECUTE FUNCTION no_bob()"
    )
    arena.steps("past", "upsert_ticket", "forward_errors", "cleanup", "report")
    assert [row[:4] for row in arena.status()] == [
        ("Filter", "error", "rejected", "unknown_caller"),
        ("Parse", "error", "failed", "worker"),
        ("Upsert", "error", "failed", "database"),
        ("Good", "processed", "create", "create_ticket"),
        ("Spam", "undesired", "undesired", "undesired_subject"),
    ]
    arena.rows("DROP TRIGGER no_bob ON mailticket.person")


def test_clearing_parse_redoes_only_what_failed_in_it_or_after_it(arena: Arena) -> None:
    broken(arena)
    arena.clear("past", "parse")
    assert [row[1:3] for row in arena.status()] == [
        ("error", "rejected"),
        ("processed", "create"),
        ("processed", "create"),
        ("processed", "create"),
        ("undesired", "undesired"),
    ]
    assert [row[:2] for row in arena.attempts() if row[1] > 1] == [(2, 2), (3, 2)]


def test_clearing_upsert_ticket_redoes_only_what_failed_in_it(arena: Arena) -> None:
    broken(arena)
    arena.clear("past", "upsert_ticket")
    assert [row[1:3] for row in arena.status()] == [
        ("error", "rejected"),
        ("error", "failed"),
        ("processed", "create"),
        ("processed", "create"),
        ("undesired", "undesired"),
    ]
    [(steps,)] = arena.rows("SELECT steps FROM mailticket.attempt WHERE message = 3 AND n = 2")
    assert {step["phase"] for step in steps} == {"headers", "content", "ticket"}
    assert "database" not in {step["rule"] for step in steps}


@pytest.mark.parametrize("step", ["forward_errors", "cleanup"])
def test_clearing_a_last_task_opens_no_attempt(arena: Arena, step: str) -> None:
    broken(arena)
    arena.fields["after_processing"] = "delete"
    before = arena.attempts()
    arena.clear("past", step)
    assert arena.attempts() == before
    assert arena.in_folder() == 5  # under the configuration that the run was pinned to


def test_after_clearing_cleanup_clearing_parse_still_redoes_what_failed(arena: Arena) -> None:
    broken(arena)
    arena.clear("past", "cleanup", 1)
    arena.clear("past", "parse", 2)
    assert tickets(arena) == 3


# -- automatic retries ----------------------------------------------------------------------------


def test_every_step_may_be_taken_twice_without_another_result(arena: Arena) -> None:
    broken(arena)
    arena.fields["undesired_subject_patterns"] = []
    for number in (0, 1):
        for step in ("fetch", "filter", "parse", "upsert_ticket", "forward_errors", "cleanup"):
            first = arena.steps("past", step, clear_number=number)
            before = arena.status(), arena.attempts(), arena.told()
            again = arena.steps("past", step, clear_number=number)
            assert (arena.status(), arena.attempts(), arena.told()) == before
            assert step != "fetch" or first == again
    assert tickets(arena) == 4


def test_a_message_waits_for_another_in_three_runs_however_often_each_is_tried(
    arena: Arena,
) -> None:
    arena.fields |= CREATES
    arena.deliver(mail("First", message_id="<first@x>"))
    arena.steps("stuck", "fetch")
    answer = mail("Answer", headers=["In-Reply-To: <first@x>"])
    arena.deliver(answer)
    # The first is never decided: whoever adopts it, it is put back.
    for run in ("one", "two", "three"):
        arena.lapse()
        arena.steps(run, "fetch", "filter", "parse")
        arena.rows("UPDATE mailticket.attempt SET stage = 'fetched' WHERE message = 1")
        for _ in range(3):
            assert arena.steps(run, "upsert_ticket") == {"waiting": 1}
    arena.lapse()
    arena.steps("four", "fetch", "filter", "parse")
    arena.rows("UPDATE mailticket.attempt SET stage = 'fetched' WHERE message = 1")
    assert arena.steps("four", "upsert_ticket") == {"create": 1}


# -- originals that are gone ----------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fetch", "filter", "parse", "upsert_ticket"])
def test_a_purged_original_is_a_clear_failure_and_stops_nothing(arena: Arena, step: str) -> None:
    broken(arena)
    arena.rows("DELETE FROM mailticket.original WHERE message IN (1, 2, 5)")
    arena.rows("DELETE FROM mailticket.original WHERE message = 3")
    arena.clear("past", step)
    [(status, reason)] = arena.rows(
        "SELECT status::text, reason FROM mailticket.message_status WHERE id = 3"
    )
    assert (status, "purged" in reason) == ("error", True)
    assert arena.status()[3][1] == "processed"
    assert arena.status()[4][1:4] == ("undesired", "undesired", "undesired_subject")


@pytest.mark.parametrize("step", ["forward_errors", "cleanup"])
def test_clearing_a_last_task_needs_no_original(arena: Arena, step: str) -> None:
    arena.fields |= {"forward_errors_to": "ops@x.example", "error_behavior": "delete"}
    broken(arena)
    before, told = arena.status(), arena.told()
    assert len(told) == 4
    arena.rows("DELETE FROM mailticket.original")
    arena.clear("past", step)
    assert (arena.status(), arena.told()) == (before, told)


def test_an_error_whose_original_is_gone_is_told_all_the_same(arena: Arena) -> None:
    arena.fields["forward_errors_to"] = "ops@x.example"
    arena.deliver(mail("Stranger"))
    arena.steps("past", "fetch", "filter", "parse", "upsert_ticket")
    arena.rows("DELETE FROM mailticket.original")
    arena.clear("past", "forward_errors")
    [(raw,)] = arena.rows("SELECT raw FROM mailticket.outbox")
    told = bytes(raw).decode()
    assert "unknown_caller" in told
    assert "it was purged, as raw_retention_days says" in told
    assert "original.txt" not in told
    assert "To try again" not in told


def test_a_purged_draft_is_told_as_such(arena: Arena) -> None:
    broken(arena)
    arena.rows("DELETE FROM mailticket.draft")
    arena.clear("past", "upsert_ticket")
    assert arena.status()[2][1:4] == ("error", "failed", "original")
    arena.clear("past", "parse", 2)
    assert arena.status()[2][1:3] == ("processed", "create")
