"""A backlog that several tasks parse at the same time, each a batch of it (SPEC 6.6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mailticket.store.attempts import Attempts
from mailticket.store.runs import Runs
from services.arena import Arena, MakeArena, die, mail

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    made = make_arena(**CREATES)
    made.deliver(*(mail(f"Mail {n}", message_id=f"<{n}@x>", body="x" * n) for n in range(9)))
    return made


def numbered(arena: Arena, run: str, messages: int, octets: int = 10**9, batches: int = 500) -> int:
    """Give the messages of a run batches that are smaller than those of `filter`."""
    db = arena.access().database()
    try:
        found = Runs(db).find(arena.name, run, 0)
        assert found
        return Attempts(db).number_batches(found, messages, octets, batches)
    finally:
        db.close()


def batches(arena: Arena) -> list[int]:
    rows = arena.rows("SELECT batch FROM mailticket.attempt ORDER BY message, n DESC")
    return [batch for (batch,) in rows]


def titles(arena: Arena) -> list[str]:
    return [title for (title,) in arena.rows("SELECT title FROM mailticket.ticket ORDER BY id")]


def test_an_ordinary_run_has_one_batch_and_an_empty_one_none(arena: Arena) -> None:
    assert arena.steps("one", "fetch", "filter")["batches"] == 1
    arena.steps("one", "parse", "upsert_ticket", "forward_errors", "cleanup", "report", batch=None)
    assert arena.steps("two", "fetch", "filter")["batches"] == 0


def test_batches_follow_the_mailbox_and_are_bounded_in_messages_bytes_and_number(
    arena: Arena,
) -> None:
    arena.steps("run", "fetch", "filter")
    assert numbered(arena, "run", 4) == 3
    assert batches(arena) == [1, 1, 1, 1, 2, 2, 2, 2, 3]
    assert numbered(arena, "run", 9, octets=500) == len(set(batches(arena))) > 3
    assert batches(arena) == sorted(batches(arena))
    assert numbered(arena, "run", 1, batches=3) <= 3
    assert batches(arena) == sorted(batches(arena))


def test_tasks_that_share_a_backlog_at_the_same_time_keep_the_order_of_its_effects(
    arena: Arena,
) -> None:
    arena.steps("run", "fetch", "filter")
    assert numbered(arena, "run", 3) == 3
    with ThreadPoolExecutor() as pool:
        counts = list(pool.map(lambda n: arena.steps("run", "parse", batch=n), (3, 2, 1)))
    assert [each["parsed"] for each in counts] == [3, 3, 3]
    arena.steps("run", "upsert_ticket", "forward_errors", "cleanup", "report")
    assert titles(arena) == [f"Mail {n}" for n in range(9)]
    done = arena.rows("SELECT batch FROM mailticket.run_step WHERE step = 'parse' ORDER BY 1")
    assert done == [(1,), (2,), (3,)]


def test_where_one_batch_is_left_undone_nothing_behind_it_overtakes_it(arena: Arena) -> None:
    arena.steps("run", "fetch", "filter")
    numbered(arena, "run", 3)
    arena.steps("run", "parse", batch=1)
    arena.steps("run", "parse", batch=3)
    assert arena.steps("run", "upsert_ticket") == {"create": 3}
    arena.steps("run", "forward_errors", "cleanup", "report")
    assert titles(arena) == ["Mail 0", "Mail 1", "Mail 2"]
    assert arena.run()[0] == {"create": 6}
    assert titles(arena) == [f"Mail {n}" for n in range(9)]


def test_a_batch_that_is_killed_and_tried_again_is_done_once(arena: Arena) -> None:
    arena.steps("run", "fetch", "filter")
    numbered(arena, "run", 3)
    kill = arena.store

    class Dies(kill):  # type: ignore[misc,valid-type]
        def many(self, name: str, *arguments: object, **values: object) -> object:
            return die() if name == "record" else super().many(name, *arguments, **values)

    arena.store = Dies
    assert arena.killed(lambda: arena.steps("run", "parse", batch=2))
    arena.store = kill
    for batch in (1, 2, 2, 3):
        arena.steps("run", "parse", batch=batch)
    arena.steps("run", "upsert_ticket", "forward_errors", "cleanup", "report")
    assert titles(arena) == [f"Mail {n}" for n in range(9)]
    assert arena.rows("SELECT count(*) FROM mailticket.attempt") == [(9,)]


def test_clearing_one_batch_redoes_what_failed_in_it_and_in_no_other(arena: Arena) -> None:
    arena.fields["ticket_class"] = "Change"  # without its category: each fails
    arena.steps("run", "fetch", "filter")
    numbered(arena, "run", 3)
    for batch in (1, 2, 3):
        arena.steps("run", "parse", batch=batch)
    assert arena.steps("run", "upsert_ticket") == {"failed": 9}
    arena.steps("run", "parse", clear_number=1, batch=2)
    again = arena.rows("SELECT message FROM mailticket.attempt WHERE n = 2 ORDER BY message")
    assert again == [(4,), (5,), (6,)]
    assert arena.steps("run", "parse", clear_number=1, batch=2)["parsed"] == 0
    assert arena.rows("SELECT count(*) FROM mailticket.attempt") == [(12,)]


def test_a_failed_batch_leaves_the_lease_to_the_others(arena: Arena) -> None:
    arena.steps("run", "fetch", "filter")
    numbered(arena, "run", 3)
    arena.rows("ALTER TABLE mailticket.draft RENAME TO away")
    with pytest.raises(Exception, match="draft"):
        arena.steps("run", "parse", batch=1)
    assert arena.rows("SELECT holder FROM mailticket.lease") == [("run",)]
