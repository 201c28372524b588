"""The roles that SECURITY.md proposes: whole passes work with them, and what they may not fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2  # noqa: TID251 -- a test looks at rows without our own store
import pytest

from mailticket.errors import StoreOutdated
from mailticket.maintenance import maintain
from mailticket.purging import purge
from mailticket.store import sealed
from mailticket.store.attempts import Attempts
from mailticket.store.refusals import Refusals
from services.arena import Arena, MakeArena, mail
from services.database import Database
from services.post_office import PostOffice
from services.scenes import close, with_parts

ROOT = Path(__file__).parents[2]
RUNS, READS = "mailticket_runs", "mailticket_reads"
SQL = ROOT / "plugins/mailticket/store/sql"
BY_THE_OWNER = {"importing.sql"}
KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="


def proposed() -> str:
    [block] = re.findall(r"```sql\n(.*?)```", (ROOT / "SECURITY.md").read_text("utf-8"), re.DOTALL)
    return str(block)


class Restricted(Arena):
    """An inbox whose passes work with the restricted role."""

    def _postgres(self) -> Any:
        return SimpleNamespace(**{**vars(super()._postgres()), "login": RUNS})


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Iterator[Arena]:
    made = make_arena(
        unknown_caller="create_person",
        person_defaults={"org_id": "Acme"},
        notify=["acknowledgement", "agent_reply", "team"],
        forward_errors_to="ops@example.com",
        closed_ticket="reopen",
    )
    made.rows(proposed())
    for role in (RUNS, READS):
        made.rows(f"ALTER ROLE {role} PASSWORD '{made.database.server.password}'")
    yield Restricted(made.dovecot, made.database, fields=made.fields, smtp=post_office.connection)
    for role in (RUNS, READS):
        made.rows(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_whole_passes_work_with_the_restricted_role(arena: Arena, post_office: PostOffice) -> None:
    file = ("text/csv; name=a.csv", b"a,b")
    arena.deliver(with_parts(("text/plain", b"hello"), file, subject="one"))
    assert arena.run() == ({"create": 1}, [])
    arena.deliver(with_parts(("text/plain", b"again"), file, subject="Re: R-000001"))
    assert arena.run() == ({"update": 1}, [])
    close(arena)
    arena.deliver(mail("Re: R-000001 once more"))
    assert arena.run() == ({"update": 1}, [])
    arena.fields["unknown_caller"] = "reject"
    arena.fields["unknown_caller_reply"] = "Who are you?"
    arena.deliver(mail("stranger", sender="eve@evil.example"))
    assert arena.run()[0] == {"rejected": 1}
    close(arena)
    arena.run()
    assert arena.in_folder() == 1
    assert [taken.recipient for taken in post_office.mails] == [
        "ada@acme.example",
        "ops@example.com",
        "eve@evil.example",
    ]


def test_what_goes_on_beside_the_passes_works_with_the_restricted_role(arena: Arena) -> None:
    arena.deliver(mail("one"))
    arena.run()
    access = arena.access()
    db = access.database()
    inbox = access.inbox(arena.name)
    [upkeep] = maintain(db, [inbox], "maintenance", lambda _: access.outside())
    assert not upkeep.needs_a_person
    assert set(purge(db, access.configuration()[0]).values()) == {0}
    refusals = Refusals(db, "mailticket_inbox_support", ("host", "password"))
    assert not refusals.ask()
    refusals.forget()
    assert sealed.reseal(db, KEY) == 0
    assert Attempts(db).reset([1]) == [1]
    db.close()
    arena.deliver(mail("two"))
    assert arena.run()[0] == {"create": 1, "update": 1}


def test_each_table_may_be_written_as_the_queries_write_it(arena: Arena) -> None:
    asked = {
        (verb.split()[0], table)
        for file in SQL.glob("*.sql")
        if file.name not in BY_THE_OWNER
        for verb, table in re.findall(
            r"\b(INSERT INTO|UPDATE|DELETE FROM) (mailticket\.[a-z_]+)", file.read_text("utf-8")
        )
    }
    assert len(asked) > 40
    lacking = [
        (verb, table)
        for verb, table in sorted(asked)
        if not arena.rows("SELECT has_table_privilege(%s, %s, %s)", RUNS, table, verb)[0][0]
    ]
    assert lacking == []


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE mailticket.ticket",
        "CREATE TABLE mailticket.mine (id int)",
        "UPDATE mailticket.log_entry SET text = ''",
        "DELETE FROM mailticket.log_entry",
        "DELETE FROM mailticket.ticket",
        "UPDATE mailticket.person SET email = 'eve@evil.example'",
        "UPDATE mailticket.ticket_class SET prefix = 'X-'",
        "INSERT INTO mailticket.team_member VALUES (1, 1)",
        "UPDATE mailticket.reference_key SET secret = 'known'",
        "UPDATE mailticket.instance SET id = gen_random_uuid()",
        "COPY mailticket.ticket TO PROGRAM 'id'",
    ],
)
def test_the_restricted_role_may_not(arena: Arena, statement: str) -> None:
    db = arena.access().database()
    with pytest.raises(StoreOutdated, match=r"permission denied|must be owner"):
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    "table",
    ["original", "outbox", "draft", "vault", "oauth_token", "oauth_grant", "reference_key", "blob"],
)
def test_the_role_for_reports_reads_no_mail_and_no_key(arena: Arena, table: str) -> None:
    reader = _as_reader(arena.database)
    with reader, reader.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(f"SELECT * FROM mailticket.{table}")
    reader.close()


def test_the_role_for_reports_reads_tickets(arena: Arena) -> None:
    arena.deliver(mail("one"))
    arena.run()
    reader = _as_reader(arena.database)
    with reader, reader.cursor() as cursor:
        cursor.execute("SELECT ticket, subject FROM mailticket.message_status")
        assert cursor.fetchall() == [("R-000001", "one")]
    reader.close()


def _as_reader(database: Database) -> Any:
    return psycopg2.connect(database.server.url(database.name, READS))
