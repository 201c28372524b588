"""Killed at any point, started again, run twice at once (SPEC 6.5); mail that wants to break it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from mailticket.errors import Lapsed
from mailticket.mailboxes.base import Fetched, Listed, Settlement
from mailticket.mailboxes.imap import ImapMailbox
from mailticket.steps.tries import MOST_TRIES
from mailticket.store.postgres import Database as Store
from services.arena import Arena, MakeArena, die, mail
from services.post_office import PostOffice
from services.seeds import SEED

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
OPS = "ops@x.example"
ROUNDS = 15


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give what decides where to kill; the seed is told at the end, MAILTICKET_SEED repeats one."""
    seed = int(os.environ.get(SEED, random.SystemRandom().randrange(10**6)))
    request.node.user_properties.append((SEED, seed))
    print(f"{SEED}={seed}")  # noqa: T201  pytest shows it when the test fails
    return random.Random(seed)


# -- one backlog of every kind, and what must be true of it in the end ----------------------------


def backlog() -> list[bytes]:
    """Give mails for each verdict: 3 tickets, 2 log entries, a copy, 2 in error, 1 undesired."""
    first = mail("Printer", message_id="<printer@acme.example>")
    return [
        first,
        mail("Re: Printer", body="Again.", headers=["In-Reply-To: <printer@acme.example>"]),
        mail("Nobody", sender=""),
        mail("Screen", sender="Bob <bob@acme.example>"),
        mail("Spam"),
        first,
        mail("Big", body="x" * 3000),
        mail("Mouse", sender="Cyd <cyd@acme.example>"),
        mail("Re: Printer", body="Better.", headers=["References: <printer@acme.example>"]),
    ]


@pytest.fixture
def busy(make_arena: MakeArena, post_office: PostOffice, tmp_path: Path) -> Arena:
    settings = {"maximum_email_size": "2K", "big_files_dir": str(tmp_path / "big")}
    arena = make_arena(
        settings,
        **CREATES,
        undesired_subject_patterns="/^Spam/",
        undesired_behavior="purge",
        undesired_purge_delay=0,
        after_processing="delete",
        error_behavior="delete",
        forward_errors_to=OPS,
        address="support@example.com",
    )
    arena.smtp = post_office.connection
    arena.deliver(*backlog())
    return arena


def finish(arena: Arena, post_office: PostOffice) -> None:
    """Let the next runs do what is left, and look at what it all came to."""
    for _ in range(2):
        arena.lapse()
        arena.rows("UPDATE mailticket.outbox SET not_before = now()")
        arena.run()
    printer = ref(arena, "Printer")
    assert arena.status() == [
        ("Printer", "processed", "create", "create_ticket", printer),
        ("Re: Printer", "processed", "update", "thread", printer),
        ("Nobody", "error", "rejected", "unknown_caller", None),
        ("Screen", "processed", "create", "create_ticket", ref(arena, "Screen")),
        ("Spam", "undesired", "undesired", "undesired_subject", None),
        ("Printer", "processed", "duplicate", "already_handled", printer),
        ("Big", "error", "rejected", "too_big", None),
        ("Mouse", "processed", "create", "create_ticket", ref(arena, "Mouse")),
        ("Re: Printer", "processed", "update", "thread", printer),
    ]
    assert arena.rows("SELECT text FROM mailticket.log_entry ORDER BY id") == [
        ("Again.",),
        ("Better.",),
    ]
    assert arena.rows("SELECT count(*) FROM mailticket.ticket") == [(3,)]
    assert arena.rows("SELECT count(*) FROM mailticket.person") == [(3,)]
    assert (
        arena.rows("SELECT kind FROM mailticket.ticket_event ORDER BY kind")
        == [("created",)] * 3 + [("updated",)] * 2
    )
    assert arena.rows("SELECT count(*) FROM mailticket.attempt") == [(9,)]
    assert arena.in_folder() == 0
    assert {t.message_id for t in post_office.mails} == {
        row[0] for row in arena.rows("SELECT message_id FROM mailticket.outbox")
    }
    assert len(post_office.mails) <= 3  # two, and one that a kill left in doubt
    assert len(list(Path(arena.settings["big_files_dir"]).glob("*.eml"))) == 1


def ref(arena: Arena, title: str) -> str:
    # A kill may have used up a number: the sequence of references has holes, and no doubles.
    return str(arena.rows("SELECT ref FROM mailticket.ticket WHERE title = %s", title)[0][0])


def test_without_a_kill_the_backlog_comes_to_this(busy: Arena, post_office: PostOffice) -> None:
    busy.run()
    finish(busy, post_office)
    assert len(post_office.mails) == 2


# -- killed ---------------------------------------------------------------------------------------


class Mortal(Store):
    """A store whose process is killed at one of its questions: before it, or after its commit."""

    left = 0
    asked = 0

    def _cursor(self) -> Any:
        type(self).asked += 1
        if self.asked == self.left:
            die()
        return super()._cursor()


def questions(arena: Arena) -> int:
    """Count how often a whole pass asks the database, in a process of its own."""
    reader, writer = os.pipe()

    def count() -> None:
        mortal_run(arena, 0)
        os.write(writer, str(Mortal.asked).encode())

    assert not arena.killed(count)
    os.close(writer)
    with os.fdopen(reader) as told:
        return int(told.read())


def test_killed_at_any_question_to_the_database_nothing_is_lost_or_doubled(
    busy: Arena, post_office: PostOffice, chance: random.Random
) -> None:
    every = range(1, questions(busy) + 1)
    assert len(every) > 50
    for number in chance.sample(every, ROUNDS):
        killed_at(busy, post_office, number)


@pytest.mark.long
def test_killed_at_each_question_to_the_database_nothing_is_lost_or_doubled(
    busy: Arena, post_office: PostOffice
) -> None:
    for number in range(1, questions(busy) + 1):
        killed_at(busy, post_office, number)


def killed_at(arena: Arena, post_office: PostOffice, number: int) -> None:
    arena.store = Store
    fresh_start(arena, post_office)
    assert arena.killed(lambda: mortal_run(replace(arena), number)), number
    finish(arena, post_office)


def mortal_run(arena: Arena, left: int) -> None:
    Mortal.left, Mortal.asked = left, 0
    arena.store = Mortal
    arena.run("mortal")


def test_killed_at_any_moment_again_and_again_nothing_is_lost_or_doubled(
    busy: Arena, post_office: PostOffice, chance: random.Random
) -> None:
    for round_ in range(3):
        for n in range(6):
            name = f"dies {round_} {n}"
            busy.killed(lambda name=name: busy.run(name), chance.uniform(0.01, 0.4))
            busy.lapse()
        finish(busy, post_office)
        fresh_start(busy, post_office)


def fresh_start(arena: Arena, post_office: PostOffice) -> None:
    """Empty the tables and the mailbox, and deliver the backlog again."""
    [(tables,)] = arena.rows(
        "SELECT string_agg('mailticket.' || quote_ident(relname), ', ') FROM pg_class"
        " WHERE relnamespace = 'mailticket'::regnamespace AND relkind = 'r' AND relname NOT IN"
        " ('ticket_class', 'ticket_status', 'instance', 'organization', 'alembic_version')"
    )
    arena.rows(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    arena.rows("ALTER SEQUENCE mailticket.ticket_number RESTART")
    arena.rows("INSERT INTO mailticket.organization (name) VALUES ('Acme') ON CONFLICT DO NOTHING")
    home = arena.dovecot.maildir(arena.user)
    for part in ("new", "cur"):
        for file in (home / part).iterdir():
            file.unlink()
    arena.dovecot.forget_uids(arena.user)
    for file in Path(arena.settings["big_files_dir"]).glob("*"):
        file.unlink()
    post_office.mails.clear()
    arena.deliver(*backlog())


@pytest.mark.parametrize(
    ("step", "after"),
    [("fetch", 1), ("filter", 9), ("parse", 2), ("upsert_ticket", 1), ("upsert_ticket", 3)],
)
def test_killed_in_the_middle_of_a_batch_the_task_is_tried_again(
    busy: Arena, post_office: PostOffice, step: str, after: int
) -> None:
    def progress(at: str, done: int, _of: int | None) -> None:
        if at == step and done >= after:
            die()

    names = ("fetch", "filter", "parse", "upsert_ticket")
    for earlier in names[: names.index(step)]:
        busy.steps("run", earlier)
    busy.wrap = lambda outside: replace(outside, progress=progress)
    assert busy.killed(lambda: busy.steps("run", step))
    busy.wrap = lambda outside: outside
    busy.steps("run", *names[names.index(step) :], "forward_errors", "cleanup", "report")
    finish(busy, post_office)


def test_killed_between_settling_and_writing_it_down_nothing_else_is_deleted(
    busy: Arena,
) -> None:
    class DiesAfterSettling(ImapMailbox):
        def settle(self, *arguments: Any, **named: Any) -> Any:
            yield from list(super().settle(*arguments, **named))[:2]
            die()

    busy.wrap = lambda outside: replace(outside, mailbox=mailboxes(busy, DiesAfterSettling))
    assert busy.killed(lambda: busy.run("dies"))
    busy.wrap = lambda outside: outside
    busy.deliver(mail("New"))
    busy.lapse()
    busy.run()
    assert busy.status()[-1][:3] == ("New", "processed", "create")
    assert busy.in_folder() == 0


def test_a_message_that_ends_the_process_each_time_is_given_up_and_the_others_go_on(
    arena: Arena,
) -> None:
    class DiesOfOne(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            rows = super().rows(name, **values)
            if name == "begin_originals" and any(row["subject"] == "Bomb" for row in rows):
                die()
            return rows

    arena.deliver(mail("One"), mail("Bomb"), mail("Two"))
    for n in range(MOST_TRIES):
        arena.store = DiesOfOne
        assert arena.killed(lambda n=n: arena.run(f"dies {n}"))
        arena.lapse()
    arena.store = Store
    counts, failed = arena.run("last")
    assert counts == {"create": 2, "failed": 1}
    assert arena.status()[1][1:4] == ("error", "failed", "worker")
    assert "Bomb" not in failed[0]
    assert f"{MOST_TRIES} times" in failed[0]
    arena.clear("last", "parse")
    assert arena.status()[1][1:3] == ("processed", "create")


# -- at once --------------------------------------------------------------------------------------


def test_a_second_pass_over_an_inbox_is_held_back_while_the_first_is_at_it(arena: Arena) -> None:
    arena.deliver(mail("One"))
    arena.steps("first", "fetch")
    with pytest.raises(Lapsed, match="first"):
        arena.run("second")
    arena.steps("first")
    assert arena.run("second")[0] == {}


def test_a_lease_that_ran_out_is_taken_over_and_the_first_pass_stops(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.steps("first", "fetch", "filter")
    arena.lapse()
    assert arena.run("second")[0] == {"create": 2}
    assert arena.steps("first", "parse") == {"parsed": 0, "decided": 0, "found_automatic": 0}
    assert arena.steps("first", "upsert_ticket") == {}
    assert {row[2] for row in arena.attempts()} == {"second"}


STEPS = ["fetch", "filter", "parse", "upsert_ticket", "forward_errors", "cleanup"]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_lost_its_lease_on_the_way_writes_nothing_wrong(
    busy: Arena, post_office: PostOffice, step: str
) -> None:
    """The first pass sleeps in one step, as a suspended machine does; another does all its work."""
    for earlier in STEPS[: STEPS.index(step)]:
        busy.steps("sleeper", earlier)
    slept: list[str] = []

    class Sleeper(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            if name == SLEEPS_AT[step] and not slept:
                slept.append(name)
                awake = replace_store(busy, Store)
                awake.lapse()
                awake.run("other")
            return super().rows(name, **values)

    with suppress(Lapsed):
        replace_store(busy, Sleeper).steps("sleeper", step)
    assert slept
    finish(busy, post_office)
    assert len(post_office.mails) == 2


def test_what_was_loaded_before_the_run_was_cleared_becomes_no_ticket(busy: Arena) -> None:
    """A pass sleeps with drafts in hand; meanwhile the run is cleared, and parsed anew."""
    parsed = busy.steps("run", "fetch", "filter", "parse")["parsed"]

    class Sleeper(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            if name == "ticket_facts" and not cleared:
                cleared.append(name)
                replace_store(busy, Store).steps("run", "filter", "parse", clear_number=1)
            return super().rows(name, **values)

    cleared: list[str] = []
    assert replace_store(busy, Sleeper).steps("run", "upsert_ticket") == {
        "decided_meanwhile": parsed
    }
    assert not busy.rows("SELECT FROM mailticket.ticket")


SLEEPS_AT = {
    "fetch": "known_uids",
    "filter": "load_headers",
    "parse": "begin_originals",
    "upsert_ticket": "load_drafts",
    "forward_errors": "errors_to_forward",
    "cleanup": "due",
}
"""Step → the question to the database before which the first pass falls asleep."""


def replace_store(arena: Arena, store: type[Store]) -> Arena:
    return replace(arena, store=store)


def test_two_tasks_of_one_run_at_once_do_its_work_once(
    busy: Arena, post_office: PostOffice
) -> None:
    """Airflow may give up a task that still works, and start it again beside it."""
    for step in ("fetch", "filter", "parse", "upsert_ticket", "forward_errors", "cleanup"):
        with ThreadPoolExecutor(3) as pool:
            tries = [pool.submit(busy.steps, "run", step) for _ in range(3)]
            assert all(one.result() is not None for one in tries)
    busy.steps("run", "report")
    finish(busy, post_office)
    assert len(post_office.mails) == 2


# -- mail that cannot be read ---------------------------------------------------------------------


def mailboxes(arena: Arena, kind: type[ImapMailbox]) -> Any:
    """Open mailboxes of another kind by the arena's Connection."""
    access = arena.access()
    return lambda inbox: kind(access.mailbox_login(inbox), inbox.mailbox)


def test_an_unreadable_message_stops_no_other_and_is_read_when_it_can_be(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Secret"), mail("Two"))
    home = arena.dovecot.maildir(arena.user) / "new"
    secret = next(file for file in home.iterdir() if b"Secret" in file.read_bytes())
    owner = secret.stat()
    os.chown(secret, 0, 0)
    secret.chmod(0)
    counts, failed = arena.run("past")
    assert counts == {"create": 2, "failed": 1}
    assert [row[1:4] for row in arena.status()][1] == ("error", "failed", "original")
    assert "cannot be read" in failed[0]
    for file in home.parent.glob("*/*"):
        if file.name.split(":")[0] == secret.name.split(":")[0]:
            file.chmod(0o600)
            os.chown(file, owner.st_uid, owner.st_gid)
    arena.clear("past", "filter")
    assert arena.status()[1] == ("Secret", "processed", "create", "create_ticket", "R-000003")


def test_a_message_that_vanishes_while_it_is_fetched_is_none(arena: Arena) -> None:
    class Vanishing(ImapMailbox):
        def originals(self, listed: Iterable[Listed], batch_bytes: int) -> Iterator[Fetched]:
            listed = list(listed)
            with ImapMailbox(self._login, "INBOX") as other:
                list(other.settle([listed[1].uid], Settlement.DELETE))
            yield from super().originals(listed, batch_bytes)

    arena.deliver(mail("One"), mail("Two"), mail("Three"))
    arena.wrap = lambda outside: replace(outside, mailbox=mailboxes(arena, Vanishing))
    arena.run()
    assert [row[0] for row in arena.status()] == ["One", "Three"]


def test_a_backlog_is_taken_in_portions_oldest_first(arena: Arena) -> None:
    arena.settings["max_messages_per_run"] = 2
    arena.deliver(*(mail(f"{n}") for n in range(5)))
    assert [arena.steps(f"run {n}", "fetch")["more"] for n in range(1)] == [True]
    arena.steps("run 0")
    assert [arena.run()[0] for _ in range(3)] == [{"create": 2}, {"create": 1}, {}]
    assert [row[0] for row in arena.status()] == ["0", "1", "2", "3", "4"]


HOSTILE = {
    "NUL in the subject": b"Subject: a\x00b\r\n",
    "an encoded NUL": b"Subject: =?utf-8?q?a=00b?=\r\n",
    "a lone surrogate": b"Subject: =?utf-8?b?7aCA?= \xed\xa0\x80\r\n",
    "raw bytes": b"Subject: \xff\xfe\x80\r\n",
    "escape sequences": b"Subject: =?utf-8?q?=1b[2J=0d=0aX-Forged:_1?=\r\n",
    "an endless subject": b"Subject: " + b"x" * 200_000 + b"\r\n",
    "percent signs": b"Subject: %s %(name)s %%\r\n",
    "quotes": b"Subject: '); DROP TABLE mailticket.ticket; --\r\n",
    "an impossible offset": b"Date: Mon, 02 Nov 2026 09:00:00 +2359\r\n",
    "the first year": b"Date: Mon, 01 Jan 0001 00:00:00 +1400\r\n",
    "the last year": b"Date: Fri, 31 Dec 9999 23:59:59 -1200\r\n",
    "a Message-ID that never ends": b"Message-ID: <" + b"i" * 50_000 + b"@x>\r\n",
    "a Message-ID with NUL": b"Message-ID: <a\x00b@x>\r\n",
    "references without end": b"References: " + b"<r@x> " * 20_000 + b"\r\n",
    "thousands of recipients": b"To: " + b"a@b.c," * 3000 + b"\r\n",
    "a sender of three thousand letters": b"From: X <" + b"a" * 3000 + b"@x.example>\r\n",
    "a sender with NUL": b'From: "a\x00" <a\x00@b.example>\r\n',
    "an attachment name with NUL": b'Content-Type: text/plain; name="a\x00.txt"\r\n',
    "a header section of two megabytes": b"X-Fill: " + b"x" * 2_000_000 + b"\r\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_mail_is_decided_and_stops_no_other(
    make_arena: MakeArena, post_office: PostOffice, what: str
) -> None:
    arena = make_arena(**CREATES, forward_errors_to=OPS, address="support@example.com")
    arena.smtp = post_office.connection
    field = HOSTILE[what]
    name = field.split(b":")[0]
    lines = [line for line in mail("Odd").split(b"\r\n") if not line.startswith(name + b":")]
    arena.deliver(field + b"\r\n".join(lines), mail("Good", sender="Bob <bob@acme.example>"))
    arena.run("run")
    assert arena.status()[1][1:3] == ("processed", "create")
    assert arena.status()[0][1] in {"processed", "error"}
    arena.dovecot.forget_uids(arena.user)
    assert arena.run()[0] == {}
    arena.clear("run", "filter")
    assert len(arena.status()) == 2


def test_a_mail_that_the_database_refuses_is_kept_without_what_it_refuses(arena: Arena) -> None:
    arena.rows(
        "ALTER TABLE mailticket.message ADD CONSTRAINT no_printers CHECK (subject <> 'Printer')"
    )
    arena.deliver(mail("One"), mail("Printer"), mail("Two"))
    arena.run()
    assert [row[:2] for row in arena.status()] == [
        ("One", "processed"),
        ("", "processed"),
        ("Two", "processed"),
    ]
    assert arena.rows("SELECT title FROM mailticket.ticket WHERE id = 2") == [("Printer",)]


# -- what is told in the log ----------------------------------------------------------------------


def test_each_message_has_one_line_that_says_what_became_of_it(busy: Arena) -> None:
    with structlog.testing.capture_logs() as logs:
        busy.run()
    lines = [str(log["event"]) for log in logs]
    told = [line for line in lines if " by " in line and line.startswith("message ")]
    assert len(told) == 9
    assert any(
        line.startswith("message 1: create R-000001 by create_ticket: ")
        and line.endswith("(<printer@acme.example> from ada@acme.example, “Printer”)")
        for line in told
    )
    assert "message 3: rejected by unknown_caller: neither From nor Sender" in "\n".join(told)


def test_a_failure_is_told_with_sender_and_subject(arena: Arena) -> None:
    arena.fields["ticket_class"] = "Problem"
    arena.fields["ticket_defaults"] = {"product": "Mail", "impact": "low"}
    arena.rows(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'No problem today'; END $$"
    )
    arena.rows(
        "CREATE TRIGGER no BEFORE INSERT ON mailticket.problem FOR EACH ROW EXECUTE FUNCTION no()"
    )
    arena.deliver(mail("Line\t\x1b[31mone"))
    with structlog.testing.capture_logs() as logs:
        arena.run()
    [line] = [str(log["event"]) for log in logs if " by " in str(log["event"])]
    assert line.startswith("message 1: failed by database: the database refuses it: No problem")
    assert "from ada@acme.example, “Line" in line
    assert "\x1b" not in line
