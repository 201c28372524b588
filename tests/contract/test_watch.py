"""The watch of an inbox against real mail servers and the real database; Airflow is not there."""

from __future__ import annotations

import asyncio
import smtplib  # noqa: TID251 -- it plays the rest of the world
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from demo.mailserver import MailServer
from demo.ports import LOOPBACK, free_ports
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.tls import context_for
from mailticket.watching import (
    health,
    imap_client,
    imap_dial,
    shared,
    trust,
    variables,
    watcher,
)
from mailticket.watching.shared import Shared
from mailticket.watching.watcher import Watcher
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot
from services.faulty_proxy import FaultyProxy
from services.scenes import close, person
from services.scripted_pop3 import ScriptedPop3

CLOSED = "a ticket was closed, or undesired mail is due to go"
QUIET = 1.0
"""Seconds in which no bell is expected; a bell that is expected comes within ``SOON``."""
SOON = 90.0


class Bells:
    """The bells of one inbox, as Airflow would receive them."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.shared = Shared(arena.access)
        self.watcher = Watcher(arena.name, self.shared)
        self.rung: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def _listen(self) -> None:
        async with aclosing(self.watcher.rings()) as rings:
            async for why in rings:
                self.rung.put_nowait(why)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.shared.close()

    async def next(self, seconds: float = SOON) -> str:
        async with asyncio.timeout(seconds):
            return await self.rung.get()

    async def none(self, seconds: float = QUIET) -> None:
        await asyncio.sleep(seconds)
        assert self.rung.empty(), self.rung.get_nowait()

    async def settled(self) -> None:
        """Wait until the mailbox was looked at and all is quiet."""
        while not self.shared._well:
            self.raise_if_over()
            await asyncio.sleep(0.01)

    def raise_if_over(self) -> None:
        if self._task.done():
            self._task.result()

    async def run(self) -> Any:
        return await asyncio.to_thread(self.arena.run)


def watched(test: Callable[[Bells], Awaitable[None]], arena: Arena) -> None:
    async def go() -> None:
        async with Bells(arena) as bells:
            await test(bells)

    asyncio.run(go())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "POLL", 0.1)
    monkeypatch.setattr(shared, "UNDECIDED_POLL", 0.2)


def test_mail_rings_at_once_and_the_same_mail_only_once(make_arena: MakeArena) -> None:
    arena = make_arena()

    async def test(bells: Bells) -> None:
        await bells.settled()
        await bells.none(0.3)
        arena.deliver(mail())
        assert await bells.next() == "1 new message"
        await bells.none()
        await bells.run()
        await bells.none()
        arena.deliver(mail())
        assert await bells.next() == "1 new message"

    watched(test, arena)


def test_mail_that_came_while_nobody_watched_rings_at_the_start(make_arena: MakeArena) -> None:
    arena = make_arena()
    arena.deliver(mail(), mail())

    async def test(bells: Bells) -> None:
        assert await bells.next() == "2 new messages"
        await bells.run()
        await bells.none()

    watched(test, arena)

    async def again(bells: Bells) -> None:
        await bells.settled()
        await bells.none()

    watched(again, arena)


def test_mail_that_comes_after_the_run_has_looked_rings_again(make_arena: MakeArena) -> None:
    arena = make_arena()
    late = [mail()]

    def progress(what: str, _done: int, _of: int | None) -> None:
        if what == "parse" and late:
            arena.deliver(late.pop())

    arena.wrap = lambda outside: replace(outside, progress=progress)

    async def test(bells: Bells) -> None:
        await bells.settled()
        arena.deliver(mail())
        await bells.next()
        await bells.run()
        assert await bells.next() == "1 new message"
        await bells.run()
        await bells.none()

    watched(test, arena)
    assert len(arena.status()) == 2


def test_a_burst_makes_few_runs_and_loses_nothing(make_arena: MakeArena) -> None:
    arena = make_arena()

    async def test(bells: Bells) -> None:
        await bells.settled()
        burst = asyncio.create_task(asyncio.to_thread(deliver_slowly))
        runs = 0
        while not burst.done() or not bells.rung.empty() or len(arena.status()) < 150:
            await bells.next()
            await bells.run()
            runs += 1
        await bells.none()
        assert runs < 20

    def deliver_slowly() -> None:
        for _ in range(150):
            arena.deliver(mail())
            time.sleep(0.01)

    watched(test, arena)
    assert len(arena.status()) == 150


@pytest.mark.parametrize("kind", ["no push", "pop3"])
def test_where_the_server_cannot_push_a_look_finds_the_mail(
    kind: str, make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena(periodicity=1)
    if kind == "pop3":
        arena.fields["protocol"] = "pop3"
        arena.imap_port = arena.dovecot.pop3_port
    else:
        arena.dovecot = make_dovecot(extra="imap_capability = IMAP4rev1")
    arena.deliver(mail())

    async def test(bells: Bells) -> None:
        assert await bells.next() == "1 new message"
        await bells.run()
        await bells.none(2.5)
        arena.deliver(mail())
        assert await bells.next() == "1 new message"
        await bells.run()
        await bells.none(2.5)

    watched(test, arena)
    assert arena.rows("SELECT watched_by FROM mailticket.inbox_state") == [("look",)]


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_login"])
def test_a_server_that_grants_few_sessions_is_left_to_the_runs(
    limit: str, make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena(periodicity=1)
    arena.dovecot = make_dovecot(connections=1)
    arena.extra = f'{{"tls": "none", "{limit}": 1}}'

    async def test(bells: Bells) -> None:
        await bells.settled()
        for _ in range(2):
            arena.deliver(mail())
            assert await bells.next() == "1 new message"
            await bells.run()
        await bells.none()

    watched(test, arena)
    assert len(arena.status()) == 2


@pytest.mark.parametrize("at_work", [True, False])
def test_a_maildrop_that_a_run_has_open_is_left_to_it_and_nobody_is_told(
    at_work: bool, make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "POLL", 60.0)  # it does not know yet that a run has begun
    monkeypatch.setattr(health, "TOLD_AFTER", 0.0)
    monkeypatch.setattr(watcher, "_AGAIN", 0.2)
    arena = make_arena(periodicity=1, protocol="pop3")
    password = f"PASS {arena.dovecot.password}"
    with ScriptedPop3({}, {"STAT": b"+OK 0 0\r\n"}) as server:
        arena.imap_port = server.port

        async def test(bells: Bells) -> None:
            await bells.settled()
            server.script[password] = b"-ERR [IN-USE] another session has it\r\n"
            if not at_work:
                assert "another session has it" in await bells.next()
                return
            arena.rows("INSERT INTO mailticket.lease VALUES ('support', 'run', now() + '1 hour')")
            refused = server.commands.count(password) + 3
            async with asyncio.timeout(SOON):
                while server.commands.count(password) < refused:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await bells.none(0.3)
            assert arena.rows("SELECT error FROM mailticket.inbox_state WHERE error <> ''") == []

        watched(test, arena)


def test_a_server_that_has_idle_and_does_not_push_is_found_out(
    make_arena: MakeArena, tmp_path: Path
) -> None:
    arena = make_arena(periodicity=1)
    imap, smtp, http = free_ports(3)
    # It takes mail in one thread and pushes in another, which it does not wake.
    server = MailServer(imap, smtp, http, arena.dovecot.password, tmp_path / "mail.log", push=False)
    server.start()
    arena.imap_port = imap

    def send() -> None:
        with smtplib.SMTP(LOOPBACK, smtp) as client:
            client.sendmail("ada@acme.example", [arena.user], mail(to=arena.user))

    async def test(bells: Bells) -> None:
        await bells.settled()
        for _ in range(3):
            await asyncio.to_thread(send)
            assert await bells.next() == "1 new message"
            await bells.run()

    try:
        watched(test, arena)
    finally:
        server.stop()


def test_a_server_that_is_restarted_is_watched_again_and_nobody_is_told(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena()
    arena.dovecot = make_dovecot()

    async def test(bells: Bells) -> None:
        await bells.settled()
        arena.dovecot.stop()
        arena.deliver(mail())
        await asyncio.sleep(0.5)
        arena.dovecot.start()
        assert await bells.next() == "1 new message"
        await bells.run()
        await bells.none()
        arena.deliver(mail())
        assert await bells.next() == "1 new message"

    watched(test, arena)


def test_a_mailbox_out_of_reach_is_told_once_and_once_more_when_it_is_well(
    make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TOLD_AFTER", 0.5)
    monkeypatch.setattr(health, "_PASSING", (0.2,))
    arena = make_arena()
    arena.imap_port = 1

    async def test(bells: Bells) -> None:
        why = await bells.next()
        assert why.startswith("the mailbox cannot be watched: 127.0.0.1:1 refused the connection")
        await bells.none(1.5)
        [(since, error, told)] = arena.rows(
            "SELECT failing_since, error, told_at FROM mailticket.inbox_state"
        )
        assert since < told
        assert "refused the connection" in error

    async def later(bells: Bells) -> None:
        await bells.none(1.5)  # it was told before this triggerer began
        arena.imap_port = 0
        assert await bells.next() == "the mailbox is well again"
        await bells.none()
        [row] = arena.rows("SELECT failing_since, error, told_at FROM mailticket.inbox_state")
        assert row == (None, None, None)

    watched(test, arena)
    watched(later, arena)


def test_a_refused_password_is_told_at_once_not_repeated_and_noticed_when_mended(
    make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_MENDED", 0.2)
    arena = make_arena()
    arena.password = "wrong"

    async def test(bells: Bells) -> None:
        assert "refused to sign" in await bells.next()
        await bells.none(1.5)
        tried = arena.dovecot.log.read_text().count(f"user=<{arena.user}>")
        assert tried == 1
        arena.password = ""
        assert await bells.next() == "the mailbox is well again"

    watched(test, arena)


def test_a_line_that_fell_silent_is_noticed(
    make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "RENEWAL", 1.0)
    monkeypatch.setattr(imap_dial, "COMMAND_SECONDS", 1.0)
    monkeypatch.setattr(health, "_PASSING", (0.1,))
    arena = make_arena()
    with FaultyProxy(arena.dovecot.port, "hang", 10**9) as proxy:
        arena.imap_port = proxy.port

        async def test(bells: Bells) -> None:
            await bells.settled()
            proxy.at = 0  # from now on not a byte comes through
            arena.deliver(mail())
            assert await bells.next() == "1 new message"

        watched(test, arena)


def test_without_the_database_nothing_rings_and_nothing_is_lost(
    make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_WITHOUT_DATABASE", 0.1)
    arena = make_arena()
    database = arena.database
    arena.database = replace(database, name="not_there")
    arena.deliver(mail())

    async def test(bells: Bells) -> None:
        await bells.none(1)
        arena.database = database
        assert await bells.next() == "1 new message"

    watched(test, arena)


def test_a_removed_inbox_is_left_alone(
    make_arena: MakeArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "NAMES_POLL", 0.2)
    monkeypatch.setattr(variables, "_AGE", 0.1)
    arena = make_arena()

    async def test(bells: Bells) -> None:
        await bells.settled()
        arena.name = "another"
        while bells.watcher._connection is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        arena.deliver(mail())
        await bells.none()
        assert arena.rows("SELECT * FROM mailticket.inbox_state") == []

    watched(test, arena)


def test_a_closed_and_a_deleted_ticket_ring_until_their_mail_is_settled(
    make_arena: MakeArena,
) -> None:
    arena = make_arena()
    person(arena, "ada@acme.example")
    arena.deliver(mail(), mail())
    arena.run()
    assert arena.in_folder() == 2

    async def test(bells: Bells) -> None:
        await bells.settled()
        close(arena)
        assert await bells.next() == CLOSED
        await bells.none()
        await bells.run()
        await bells.none()
        assert arena.in_folder() == 1

    watched(test, arena)
    arena.rows("DELETE FROM mailticket.ticket WHERE ref = 'R-000002'")

    async def deleted(bells: Bells) -> None:
        assert await bells.next() == CLOSED
        await bells.run()
        assert arena.in_folder() == 0

    watched(deleted, arena)
    assert arena.rows("SELECT * FROM mailticket.bell") == []


def test_undesired_mail_rings_when_it_is_due_to_be_purged_and_not_before(
    make_arena: MakeArena,
) -> None:
    arena = make_arena(undesired_subject_patterns=["/spam/"], undesired_behavior="purge")
    arena.deliver(mail("spam"), mail("more spam"))
    arena.run()
    for _ in range(2):
        arena.run()
        [(in_days,)] = arena.rows(
            "SELECT round(extract(epoch FROM asked_at - now()) / 86400)::int FROM mailticket.bell"
        )
        assert in_days == 7

    async def test(bells: Bells) -> None:
        await bells.settled()
        await bells.none()
        for table, column in (("attempt", "decided_at"), ("bell", "asked_at")):
            arena.rows(f"UPDATE mailticket.{table} SET {column} = {column} - interval '7 days'")
        assert await bells.next() == CLOSED
        await bells.run()
        await bells.none()
        assert arena.in_folder() == 0

    watched(test, arena)
    assert arena.rows("SELECT * FROM mailticket.bell") == []


def test_mail_that_waits_to_be_sent_rings(make_arena: MakeArena) -> None:
    arena = make_arena()

    async def test(bells: Bells) -> None:
        await bells.settled()
        arena.rows(
            "INSERT INTO mailticket.outbox (inbox, kind, smtp_conn_id, sender, recipient,"
            " message_id, raw) VALUES ('support', 'agent_reply', 'x', 'a@b.c', 'd@e.f', 'm', '')"
        )
        assert await bells.next() == "mail waits to be sent"
        await bells.none()

    watched(test, arena)


def test_messages_that_a_dead_run_left_ring(make_arena: MakeArena) -> None:
    arena = make_arena()
    arena.deliver(mail())
    arena.steps("dead", "fetch")
    arena.lapse()
    arena.rows("UPDATE mailticket.run SET started_at = now() - interval '1 minute'")

    async def test(bells: Bells) -> None:
        assert await bells.next() == "messages wait to be decided"
        await bells.run()
        await bells.none()

    watched(test, arena)
    assert len(arena.status()) == 1


def test_a_folder_whose_uids_are_void_rings(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena()
    arena.dovecot = make_dovecot()
    arena.deliver(mail())
    arena.run()
    arena.dovecot.stop()
    arena.dovecot.forget_uids(arena.user)
    arena.dovecot.start()

    async def test(bells: Bells) -> None:
        assert await bells.next() == "1 new message"
        await bells.run()
        await bells.none()

    watched(test, arena)


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
@pytest.mark.parametrize("auth", ["password", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_every_way_of_signing_in(dovecot: Dovecot, tls: Any, auth: str) -> None:
    login = MailboxLogin(
        host="localhost",
        port=dovecot.imaps_port if tls == "implicit" else dovecot.port,
        login=f"watch-{auth}@example.com".lower(),
        password=dovecot.password,
        token=dovecot.password,
        tls=tls,
        auth=auth,
        ca=str(dovecot.authority.ca),
    )

    async def go() -> None:
        connection = await imap_client.Connection.open(login, "INBOX", context_for)
        try:
            place = await connection.place()
            assert place.uidvalidity
            assert connection.can_push
        finally:
            connection.close()

    asyncio.run(go())
