"""PostgreSQL is started anew or crashes, the SMTP server refuses, hangs or dies, disks are full."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import psycopg2  # noqa: TID251 -- it writes PostgreSQL's log full
import pytest

from mailticket.errors import MailticketError, StoreUnavailable
from services.database import DatabaseServer
from services.gate import Turn
from services.invariants import astray, lying
from services.letters import OPS, Writer
from services.world import World

MakeWorld = Callable[..., World]


# -- PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server() -> Iterator[DatabaseServer]:
    """One that may be stopped, and keeps what it said it keeps."""
    server = DatabaseServer.start({"synchronous_commit": "on"})
    yield server
    server.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_postgresql_is_started_anew_in_the_middle_of_a_pass(
    make_world: MakeWorld, own_server: DatabaseServer, chance: random.Random, how: signal.Signals
) -> None:
    world = make_world("imap-delete", database=own_server.migrated())
    letters = Writer(chance).every_kind()
    world.begin(letters)
    turns = [turn for turn in world.turns(world.run) if turn.server == "postgres"]
    for turn in [*chance.sample(turns, 2), chance.choice([t for t in turns if t.commits])]:
        world.begin(letters)
        stopped = Event()
        world.gate.meanwhile = lambda now, at=turn.number, told=stopped: (
            stop(own_server, how, told) if now.number == at else None
        )
        with suppress(MailticketError):
            world.run("breaks")
        assert stopped.wait(180)
        own_server.server.start()
        world.gate.meanwhile = None
        world.finish()


def stop(server: DatabaseServer, how: signal.Signals, told: Event | None = None) -> None:
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int((server.server.files / "postmaster.pid").read_text().partition("\n")[0])
        os.kill(pid, how)
    server.server.stop()
    if told:
        told.set()


@pytest.fixture
def full_server(tmp_path: Path) -> Iterator[tuple[DatabaseServer, Path]]:
    """One whose disk is small, and what fills it up."""
    folder = tmp_path / "disk"
    with mounted(folder, "160m"):
        small = {"synchronous_commit": "on", "max_wal_size": "32MB", "min_wal_size": "32MB"}
        server = DatabaseServer.start(small, folder)
        try:
            yield server, folder / "ballast"
        finally:
            server.stop()


@pytest.mark.parametrize("logs", [True, False], ids=["log", "rows"])
def test_postgresqls_disk_is_full_in_the_middle_of_a_pass(
    make_world: MakeWorld,
    full_server: tuple[DatabaseServer, Path],
    chance: random.Random,
    logs: bool,
) -> None:
    """With no room for rows PostgreSQL refuses them; with none for its log it ends itself."""
    server, ballast = full_server
    world = make_world("imap-delete", database=server.migrated())
    letters = Writer(chance).every_kind()
    world.begin(letters)
    turns = [turn for turn in world.turns(world.run) if turn.begins]
    for turn in chance.sample(turns, 2):
        world.begin(letters)
        world.gate.meanwhile = lambda now, at=turn.number: (
            fill_up(world, ballast, logs=logs) if now.number == at else None
        )
        with pytest.raises(StoreUnavailable, match=r"\APostgreSQL: "):
            world.run("breaks")
        world.gate.meanwhile = None
        # As a person would: out of its attempts to recover, room made, and started anew.
        stop(server, signal.SIGQUIT)
        ballast.unlink()
        server.server.start()
        world.finish()


def fill_up(world: World, ballast: Path, *, logs: bool) -> None:
    """Leave no byte of the disk, and no piece of the log that is not begun."""
    room = os.statvfs(ballast.parent)
    with suppress(OSError), ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_bsize)
    with suppress(psycopg2.Error):
        for _ in range(9 if logs else 0):
            world.rows("SELECT pg_logical_emit_message(true, '', 'x'), pg_switch_wal()")


# -- SMTP -----------------------------------------------------------------------------------------


@pytest.fixture
def world(make_world: MakeWorld, chance: random.Random) -> World:
    world = make_world("imap-delete")
    world.begin(Writer(chance).every_kind())
    return world


@pytest.mark.parametrize("answer", ["451 later", "421 closing", "die"])
def test_an_smtp_server_that_refuses_for_now_or_dies_gets_each_mail(
    world: World, answer: str, chance: random.Random
) -> None:
    troubled = chance.randint(1, 5)
    left = [troubled]

    def answers(_recipient: str, _raw: bytes) -> str:
        left[0] -= 1
        return answer if left[0] >= 0 else ""

    world.post_office.answer = answers
    world.run()
    world.finish()
    doubled = len(world.post_office.mails) - sum(len(one.told) for one in world.letters)
    # Of a mail that was taken without a word nothing is known: it goes once more, and no more.
    assert 0 < doubled <= troubled if answer == "die" else doubled == 0


def test_an_smtp_server_that_never_says_that_it_took_them_gets_each_mail_twice_at_most(
    world: World,
) -> None:
    world.post_office.answer = lambda _recipient, _raw: "die"
    for _ in range(30):
        world.lapse()
        world.rows("UPDATE mailticket.outbox SET not_before = now()")
        world.run()
    assert not astray(world)
    statuses = {status for (status,) in world.rows("SELECT status FROM mailticket.outbox")}
    assert statuses == {"unanswered"}
    assert len(world.post_office.mails) == 2 * sum(len(one.told) for one in world.letters)
    told = {one.number for one in world.letters if ("forwarded_error", OPS) in one.told}
    kept = {one.number for one in world.letters if one.place == "error"}
    assert set(lying(world, "INBOX")) == told & kept  # nobody knows that they were told of


def test_an_smtp_server_that_refuses_for_good_keeps_the_errors_in_the_mailbox(world: World) -> None:
    world.post_office.answer = lambda _recipient, _raw: "550 no"
    for _ in range(3):
        world.run()
    assert world.post_office.mails == []
    statuses = {status for (status,) in world.rows("SELECT status FROM mailticket.outbox")}
    assert statuses == {"refused"}
    assert set(lying(world, "INBOX")) == {o.number for o in world.letters if o.place == "error"}


def test_an_smtp_server_that_hangs_at_any_turn_holds_the_pass_up_for_its_timeout_only(
    world: World, chance: random.Random
) -> None:
    letters = list(world.letters)
    turns = [turn for turn in world.turns(world.run) if turn.sends]
    world.timeout = 0.5
    content = [turn for turn in turns if not turn.asks and ":" in turn.words]
    for turn in [chance.choice(content), *chance.sample(turns, 2)]:
        world.begin(letters)
        world.gate.arm(turn.number, "hang")
        world.run()
        world.finish()


# -- disks ----------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """Mount a small disk."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 64 kB: one of the two big letters fits."""
    folder = tmp_path / "small"
    with mounted(folder, "64k"):
        yield folder


def big_letters(chance: random.Random) -> Writer:
    writer = Writer(chance)
    writer.new()
    writer.big()
    writer.big()
    writer.reply()
    return writer


def test_what_does_not_fit_into_big_files_dir_stays_in_the_mailbox_until_it_does(
    make_world: MakeWorld, chance: random.Random, small_disk: Path
) -> None:
    world = make_world("imap-delete", {"big_files_dir": str(small_disk)})
    world.begin(big_letters(chance).letters)
    counts, _ = world.run()
    assert counts == {"create": 1, "rejected": 2, "update": 1}
    assert (sum(lying(world, "INBOX").values()), len(list(small_disk.iterdir()))) == (1, 1)
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    world.finish()


def test_a_file_that_breaks_off_is_none(make_world: MakeWorld, chance: random.Random) -> None:
    """A quota, as the kernel enforces it on one process."""
    world = make_world("imap-delete")
    world.begin(big_letters(chance).letters)

    def under_a_quota() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        world.run()

    assert not world.killed(under_a_quota)
    assert list(Path(world.settings["big_files_dir"]).iterdir()) == []
    assert sum(lying(world, "INBOX").values()) == 2
    world.finish()


@pytest.mark.parametrize("kind", ["imap-delete", "pop3-delete"])
def test_killed_while_a_file_is_written_half_of_it_is_not_left(
    make_world: MakeWorld, chance: random.Random, kind: str
) -> None:
    world = make_world(kind)
    letters = big_letters(chance).letters
    world.begin(letters)
    turns = world.turns(world.run)
    for turn in while_saving(turns):
        world.begin(letters)
        world.gate.arm(turn.number)
        assert world.killed(world.run)
        world.finish()


def while_saving(turns: list[Turn]) -> list[Turn]:
    """Give the turns in which the mailbox says what goes into a file: the last ones of those."""
    words = ("FETCH", "RETR", "TOP")
    asked = [
        turn
        for turn in turns
        if turn.server in ("imap", "pop3") and any(word in turn.words for word in words)
    ]
    marked = [turn.number for turn in turns if "saved_to" in turn.words]
    before = [turn for turn in asked if not marked or turn.number < max(marked)]
    return before[-4:]
