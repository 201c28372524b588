"""bin/demo as a person runs it: in a fresh home, a second time, and stopped half way."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.home import CLONE, Home
from demo.ports import LOOPBACK
from demo.reference import SAMPLES
from demo.samples import read_samples
from demo.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "a home with spaces"


def run_demo(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLONE / "bin" / "demo", "--home", home, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def with_its_postgres(home: Path, ask: Callable[[Stack], str]) -> str:
    """Ask a stopped demo's databases something."""
    stack = Stack.on(Home(home))
    stack.postgres.start()
    try:
        return ask(stack)
    finally:
        stack.postgres.stop()


def ticket_count(stack: Stack) -> str:
    return str(stack.tickets.rows("SELECT count(*) FROM mailticket.ticket")[0][0])


def servers_of(home: Path) -> list[str]:
    """List the programs that still run on this home: it stands in their command or AIRFLOW_HOME."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            command = (process / "cmdline").read_bytes()
            if os.fsencode(home) in command + (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode())
    return found


def test_the_first_start_turns_every_sample_into_what_is_expected(home: Path) -> None:
    done = run_demo(home, "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"All {len(read_samples(SAMPLES))} sample mails as expected" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert servers_of(home) == []


def test_the_second_start_keeps_tickets_and_edits_though_a_port_is_taken(home: Path) -> None:
    before = with_its_postgres(home, ticket_count)
    edited = '{"periodicity": 7}'
    with_its_postgres(
        home, lambda stack: stack.airflow.run("variables", "set", "mailticket_settings", edited)
    )
    with socket.create_server((LOOPBACK, Stack.on(Home(home)).airflow.port)):
        done = run_demo(home, "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "were sent in an earlier start" in done.stdout
    assert with_its_postgres(home, ticket_count) == before
    kept = with_its_postgres(
        home, lambda stack: stack.airflow.run("variables", "get", "mailticket_settings")
    )
    assert edited in kept


def test_ctrl_c_stops_every_server_at_any_time(home: Path) -> None:
    log = home / "interrupted.txt"
    with log.open("w") as output:
        demo = subprocess.Popen(
            [CLONE / "bin" / "demo", "--home", home],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while "Airflow starts" not in log.read_text() and demo.poll() is None:
                time.sleep(0.1)
            # PostgreSQL, the demo, Airflow's four at least.
            assert len(servers_of(home)) > 5
        finally:
            os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(180) == 130
    assert servers_of(home) == []
