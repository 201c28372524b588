"""Whole runs, from fetch to settling, over a connection that is spoilt at some step of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from mailticket.errors import MailboxError
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot
from services.faulty_proxy import Fault, FaultyProxy

CREATES = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
    "cap_tickets_per_sender": [],
    "cap_tickets_per_inbox": [],
}
MAILS = 4
KINDS = ["imap delete", "imap move", "imap copy", "imap keep", "pop3 delete", "pop3 keep"]
NEVER = 10**9


@dataclass
class World:
    """One inbox, which is filled anew for each fault; what was made of it before stays."""

    arena: Arena
    protocol: str
    after: str
    delivered: list[str] = field(default_factory=list)

    @property
    def server_port(self) -> int:
        dovecot = self.arena.dovecot
        return dovecot.port if self.protocol == "imap" else dovecot.pop3_port

    def deliver(self) -> None:
        subjects = [f"Mail {len(self.delivered) + n}" for n in range(MAILS)]
        self.arena.deliver(*(mail(subject, body="z" * 3000) for subject in subjects))
        self.delivered += subjects

    def steps(self) -> list[tuple[int, int]]:
        """Find the steps of a run: which connection, after how many bytes."""
        with self.through(FaultyProxy(self.server_port, "cut", NEVER)) as proxy:
            self.arena.run()
        return [(n, at) for n, steps in enumerate(proxy.steps) for at in steps]

    def spoilt(self, fault: Fault, connection: int, at: int) -> None:
        """Fill it, run with the fault and then without, and look at what became of the mail."""
        self.deliver()
        proxy = FaultyProxy(self.server_port, fault, at, spared=connection)
        with self.through(proxy), suppress(MailboxError):
            self.arena.run()
        for _ in range(2):
            self.arena.lapse()
            self.arena.run()
        self.check(exactly=fault in {"cut", "hang"})

    def check(self, *, exactly: bool) -> None:
        rows = self.arena.rows("SELECT title FROM mailticket.ticket ORDER BY id")
        titles = [title for (title,) in rows]
        # Bytes that TCP delivers wrong are not to be told from a mail that is so.
        assert set(self.delivered) <= set(titles) if not exactly else True
        assert sorted(titles) == sorted(self.delivered) if exactly else True
        assert self.arena.rows("SELECT 1 FROM mailticket.attempt WHERE status = 'new'") == []
        left = {"keep": len(self.delivered), "delete": 0, "move": 0}[self.after]
        assert self.arena.in_folder() == left
        if self.after == "move":
            assert self.arena.in_folder("Done") == len(self.delivered)

    def through(self, proxy: FaultyProxy) -> FaultyProxy:
        """Let the inbox be reached through a proxy; later runs take the direct way."""
        proxy.__enter__()
        self.arena.imap_port = proxy.port
        return _Direct(self, proxy)  # type: ignore[return-value]


@dataclass
class _Direct:
    world: World
    proxy: FaultyProxy

    def __enter__(self) -> FaultyProxy:
        return self.proxy

    def __exit__(self, *_: object) -> None:
        self.proxy.__exit__()
        self.world.arena.imap_port = self.world.server_port


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """Give a server without MOVE."""
    extra = "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS"
    server = Dovecot(tmp_path_factory.mktemp("dovecot"), connections=1000, extra=extra)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=KINDS)
def world(make_arena: MakeArena, plain_server: Dovecot, request: pytest.FixtureRequest) -> World:
    protocol, after = request.param.split()
    arena = make_arena(protocol=protocol, **CREATES)
    if after == "copy":
        arena.dovecot, after = plain_server, "move"
    arena.fields |= {"after_processing": after}
    if after == "move":
        arena.fields["move_to"] = "Done"
        arena.deliver(b"X: y\r\n\r\n", folder="Done")
        for path in arena.dovecot.maildir(arena.user, "Done").glob("new/*"):
            path.unlink()
    made = World(arena, protocol, after)
    arena.imap_port = made.server_port
    made.deliver()
    return made


def test_a_run_that_is_cut_at_any_step_loses_and_doubles_nothing(world: World) -> None:
    steps = world.steps()
    chance = random.Random(world.protocol + world.after)
    for connection, at in chance.sample(steps, 3):
        world.spoilt("cut", connection, at)


@pytest.mark.parametrize("fault", ["garble", "drop"])
def test_a_run_whose_server_is_misheard_loses_nothing(world: World, fault: Fault) -> None:
    connection, at = random.Random(fault + world.after).choice(world.steps())
    world.spoilt(fault, connection, at + 1)


@pytest.mark.long
@pytest.mark.parametrize("fault", ["cut", "hang", "garble", "drop"])
def test_a_run_that_is_spoilt_at_each_step_loses_nothing(world: World, fault: Fault) -> None:
    for connection, at in world.steps():
        for inside in (0, 2):
            world.spoilt(fault, connection, at + inside)
