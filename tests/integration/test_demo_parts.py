"""The parts of bin/demo, each on its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from demo.home import Home, HomeInUse
from demo.ports import LOOPBACK
from demo.program import Program, ProgramDied
from demo.reference import SAMPLES
from demo.samples import read_samples
from mailticket.config import load


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.open().close()
    return made


def python(tmp_path: Path, code: str, grace: float = 5) -> Program:
    return Program("a program", [sys.executable, "-c", code], tmp_path / "log", grace=grace)


def wait_for_word(program: Program, word: str) -> str:
    deadline = time.monotonic() + 60
    while word not in program.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    return program.log.read_text()


def ends(process: int) -> bool:
    """Wait until a process is gone, or waits for nobody but its parent."""
    deadline = time.monotonic() + 30  # half of what it would live by itself
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state.rpartition(") ")[2].startswith("Z"):
            return True
        time.sleep(0.02)
    return False


def test_two_demos_on_one_home_are_one_too_many(home: Home) -> None:
    with home.open(), pytest.raises(HomeInUse, match="already running"):
        home.open()


def test_ports_stay_the_same_as_long_as_nobody_else_has_them(home: Home) -> None:
    first = home.ports(["imap", "smtp"])
    assert home.ports(["imap", "smtp"]) == first
    with socket.create_server((LOOPBACK, first["imap"])):
        second = home.ports(["imap", "smtp"])
    assert second["smtp"] == first["smtp"]
    assert second["imap"] != first["imap"]


def test_secrets_are_made_once_and_nobody_else_reads_them(home: Home) -> None:
    assert home.secrets() == home.secrets()
    assert (home.folder / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_program_that_dies_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = python(tmp_path, "print('the reason'); raise SystemExit(3)")
    program.start()
    wait_for_word(program, "reason")
    while program.is_alive():
        time.sleep(0.01)
    with pytest.raises(ProgramDied, match=r"(?s)exit status 3.*the reason.*log"):
        program.require_alive()


def test_stopping_takes_children_along_even_those_that_ignore_it(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    code = (
        f"import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', {deaf!r}]); "
        "print(c.pid, 'started', flush=True); time.sleep(60)"
    )
    program = python(tmp_path, code, grace=1)
    program.start()
    child = int(wait_for_word(program, "started").split()[0])
    program.stop()
    assert ends(child)


def test_programs_die_with_whoever_started_them(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    starter = os.fork()
    if not starter:
        program = python(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
        program.start()
        wait_for_word(program, "up")
        assert program._running is not None
        os.write(writer, str(program._running.pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(starter, 0)
    child = int(os.read(reader, 20))
    assert ends(child)


def test_the_samples_are_complete_and_their_inboxes_are_valid() -> None:
    samples = read_samples(SAMPLES)
    configuration = load(
        (SAMPLES / "inboxes.json").read_text("utf-8"),
        (SAMPLES / "settings.json").read_text("utf-8"),
    )
    assert (configuration.broken, configuration.faults) == ({}, ())
    assert {sample.inbox for sample in samples} == configuration.inboxes.keys()
    assert len({sample.message_id for sample in samples}) == len(samples)
    assert {path.name for path in (SAMPLES / "mails").iterdir()} == {each.file for each in samples}
