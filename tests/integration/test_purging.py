"""What is old goes, in every inbox that there is or was; what is needed stays (SPEC 8.5)."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from mailticket.passage import Counts
from mailticket.purging import purge
from mailticket.store.attempts import Attempts
from mailticket.store.postgres import Database as Store
from mailticket.store.purging import Kept, Purging
from services.airflow_stack import eventually
from services.arena import Arena, MakeArena, mail

CREATES: dict[str, Any] = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


@pytest.fixture
def db(arena: Arena) -> Iterator[Store]:
    opened = arena.access().database()
    yield opened
    opened.close()


def purged(arena: Arena, db: Store) -> Counts:
    return purge(db, arena.access().configuration()[0])


def age(arena: Arena, days: int) -> None:
    for table, column in (
        ("original", "stored_at"), ("run", "started_at"), ("ticket_event", "created_at"),
        ("blob", "stored_at"),
    ):  # fmt: skip
        arena.rows(
            f"UPDATE mailticket.{table} SET {column} = {column} - make_interval(days => %s)", days
        )


def left(arena: Arena, table: str) -> int:
    return int(arena.rows(f"SELECT count(*) FROM mailticket.{table}")[0][0])


# -- which inboxes ----------------------------------------------------------------------------


def inactive(arena: Arena) -> None:
    arena.fields["active"] = False


def out_of_reach(arena: Arena) -> None:
    arena.imap_port = 1


def broken(arena: Arena) -> None:
    arena.fields |= {"raw_retention_days": "a month", "closed_ticket": "reopne"}


def removed(arena: Arena) -> None:
    arena.name = "another"


@pytest.mark.parametrize("state", [inactive, out_of_reach, broken, removed])
def test_the_mail_of_an_inbox_that_is_not_read_any_more_goes_by_age_too(
    arena: Arena, db: Store, state: Any
) -> None:
    arena.fields |= {"raw_retention_days": 50, "event_retention_days": 60}
    arena.deliver(mail("One"), mail("Error", sender=""))
    arena.steps("with mail")
    arena.run("without")
    arena.rows("UPDATE mailticket.ticket_event SET announced_at = now()")
    state(arena)
    age(arena, 40)
    assert purged(arena, db) == {"originals": 0, "runs": 0, "events": 0, "files": 0}
    age(arena, 30)
    assert purged(arena, db) == {"originals": 1, "runs": 1, "events": 1, "files": 0}
    kept = arena.rows("SELECT m.subject FROM mailticket.original JOIN mailticket.message m"
                      " ON m.id = message")  # fmt: skip
    assert kept == [("Error",)]  # it lies in the mailbox, and may still be tried again
    assert arena.rows("SELECT name FROM mailticket.run") == [("with mail",)]


# -- events -----------------------------------------------------------------------------------


def events(arena: Arena, number: int, inbox: str, days: int) -> None:
    arena.rows(
        "INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, inbox, created_at,"
        " announced_at) SELECT 1, 'R-1', 'UserRequest', 'updated', %s,"
        " now() - make_interval(days => %s), now() FROM generate_series(1, %s)",
        inbox, days, number,
    )  # fmt: skip


def test_old_events_go_in_batches_each_by_its_inbox_and_young_ones_stay(
    arena: Arena, db: Store
) -> None:
    events(arena, 1, "keeps", 200)
    events(arena, 6000, "short", 200)
    events(arena, 1, "", 200)  # of an inbox that nobody knows: as long as any
    events(arena, 6000, "short", 20)
    kept = {"short": Kept(30, 100, announces=True), "keeps": Kept(30, 400, announces=True)}
    assert list(Purging(db).events(kept)) == [4999, 1001, 0]
    assert left(arena, "ticket_event") == 6002
    assert sum(Purging(db).events({"keeps": Kept(30, 150, announces=True)})) == 2
    assert list(Purging(db).events({})) == []


def test_an_event_that_a_run_may_still_announce_stays(arena: Arena, db: Store) -> None:
    arena.deliver(mail("One"))
    arena.run()
    age(arena, 1000)
    assert purged(arena, db)["events"] == 0
    arena.rows("UPDATE mailticket.ticket_event SET announced_at = now()")
    assert purged(arena, db)["events"] == 1


def test_nobody_announces_the_events_of_an_inbox_that_is_gone(arena: Arena, db: Store) -> None:
    arena.deliver(mail("One"))
    arena.run()
    arena.name = "another"
    age(arena, 1000)
    assert purged(arena, db)["events"] == 1


def test_a_storm_cap_keeps_the_events_that_it_counts(arena: Arena, db: Store) -> None:
    arena.fields |= {"event_retention_days": 1, "cap_reopens_per_ticket": ["5/14400"]}
    arena.deliver(mail("One"))
    arena.run()
    arena.rows("UPDATE mailticket.ticket_event SET announced_at = now()")
    age(arena, 9)
    assert purged(arena, db)["events"] == 0
    age(arena, 3)
    assert purged(arena, db)["events"] == 1


def test_a_reader_of_the_feed_goes_on_where_it_was(arena: Arena, db: Store) -> None:
    arena.fields["event_retention_days"] = 1
    arena.deliver(mail("One"))
    arena.run()
    [first] = db.rows("events_after", xid="0", id=0, limit=10)
    arena.rows("UPDATE mailticket.ticket_event SET announced_at = now()")
    age(arena, 3)
    assert purged(arena, db)["events"] == 1
    arena.deliver(mail("Two"))
    arena.run()
    [second] = db.rows("events_after", xid=str(first["xid"]), id=first["id"], limit=10)
    assert (second["kind"], second["ref"]) == ("created", "R-000002")


# -- files ------------------------------------------------------------------------------------


def test_files_that_nothing_names_go_and_others_stay(arena: Arena, db: Store) -> None:
    insert = (
        "INSERT INTO mailticket.blob (sha256, size, content, stored_at)"
        " VALUES (sha256(%s), 1, 'x', now() - interval '2 days')"
    )
    for content in (b"orphan", b"attached", b"drafted"):
        arena.rows(insert, content)
    arena.rows(insert.replace("2 days", "2 hours"), b"young")
    arena.deliver(mail("One"))
    arena.run()
    arena.deliver(mail("Two"))
    arena.steps("r2", "fetch", "filter", "parse")
    arena.rows(
        "INSERT INTO mailticket.attachment (ticket_id, sha256, filename, content_type)"
        " SELECT id, sha256('attached'), 'a', 'text/plain' FROM mailticket.ticket"
    )
    arena.rows(
        "UPDATE mailticket.draft SET document = document || jsonb_build_object('files',"
        " jsonb_build_array(jsonb_build_object('sha256', encode(sha256('drafted'), 'hex'))))"
    )
    assert sum(Purging(db).files()) == 1
    found = {bytes(row[0]) for row in arena.rows("SELECT sha256 FROM mailticket.blob")}
    wanted = arena.rows("SELECT sha256('attached'), sha256('drafted'), sha256('young')")[0]
    assert found == {bytes(one) for one in wanted}


def test_many_files_that_nothing_names_go_in_batches(arena: Arena, db: Store) -> None:
    arena.rows(
        "INSERT INTO mailticket.blob (sha256, size, content, stored_at)"
        " SELECT sha256(n::text::bytea), 1, 'x', now() - interval '2 days'"
        " FROM generate_series(1, 12000) n"
    )
    assert list(Purging(db).files()) == [10_000, 2000]
    assert left(arena, "blob") == 0


def test_a_file_that_comes_again_while_it_is_purged_is_stored(arena: Arena, db: Store) -> None:
    """The mail waits for the purge, and then must not believe that the file is there."""
    arena.rows(
        "INSERT INTO mailticket.blob (sha256, size, content, stored_at)"
        " VALUES (sha256('again'), 5, 'again', now() - interval '2 days')"
    )
    digest = bytes(arena.rows("SELECT sha256('again')")[0][0]).hex()
    purger = arena.database.connect()
    purger.autocommit = False
    purger.cursor().execute("DELETE FROM mailticket.blob")

    def bring() -> None:
        with db.transaction():
            Attempts(db).add_blobs({digest: b"again"})

    mail_brings = Thread(target=bring)
    mail_brings.start()
    eventually(lambda: left_waiting(arena), "the mail waits for the purge")
    purger.commit()
    purger.close()
    mail_brings.join(20)
    assert left(arena, "blob") == 1


def left_waiting(arena: Arena) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return arena.rows(f"{waiting} AND datname = current_database()") == [(1,)]
