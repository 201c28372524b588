"""How fast mail becomes tickets: Dovecot to committed rows, and where the time goes.

    .venv/bin/python bench/ingest.py [--n 1000] [--cores 2] [--no-round-trips] [--durable]

Starts its own Dovecot and PostgreSQL on loopback, makes the mails (``make_corpus.py``), and runs
``bin/mailticket run`` once as a process of its own, on so many cores together with both servers.
The floor is a process that does nothing but fetch the same mails with imaplib and insert them with
the driver. PostgreSQL waits for the disk at each commit with ``--durable`` only. CPU seconds and
ratios within one run count; wall seconds on a shared machine do not.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

from round_trips import round_trips  # noqa: E402
from usage import Memory, children, cpu_of  # noqa: E402

from services.database import Database, DatabaseServer  # noqa: E402
from services.dovecot import Dovecot  # noqa: E402

USER = "bench@example.com"
MARK = 250
"""Mails a second that issue 5 asks for, the program's start-up told apart."""
FLOOR = """
import imaplib, sys, psycopg2
host, port, user, password, url = sys.argv[1:]
client = imaplib.IMAP4(host, int(port))
client.login(user, password)
client.select("INBOX")
database = psycopg2.connect(url)
cursor = database.cursor()
cursor.execute("CREATE TABLE floor (uid bigint PRIMARY KEY, raw bytea NOT NULL)")
cursor.execute("ALTER TABLE floor ALTER raw SET STORAGE EXTERNAL")
uids = client.uid("SEARCH", None, "ALL")[1][0].split()
size = 0
for start in range(0, len(uids), 200):
    batch = uids[start:start + 200]
    answer = client.uid("FETCH", b",".join(batch).decode(), "(BODY.PEEK[])")[1]
    originals = [part[1] for part in answer if isinstance(part, tuple)]
    for uid, raw in zip(batch, originals, strict=True):
        cursor.execute("INSERT INTO floor VALUES (%s, %s)", (int(uid), psycopg2.Binary(raw)))
        size += len(raw)
    database.commit()
client.logout()
print(size)
"""
_DURABLE = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "on")
_STEPS = """
SELECT s.step, sum(extract(epoch FROM s.finished_at - s.began))::float
  FROM (SELECT t.step, t.finished_at, coalesce(
                   lag(t.finished_at) OVER (PARTITION BY r.id ORDER BY t.finished_at),
                   r.started_at) AS began
          FROM mailticket.run_step t JOIN mailticket.run r ON r.id = t.run) s
 GROUP BY 1 ORDER BY min(s.finished_at)"""
_WORKING = """
SELECT extract(epoch FROM max(s.finished_at) - min(r.started_at))::float
  FROM mailticket.run r JOIN mailticket.run_step s ON s.run = r.id"""
_SIZES = """
SELECT relname, pg_total_relation_size(oid) AS size FROM pg_class
 WHERE relnamespace = 'mailticket'::regnamespace AND relkind = 'r' ORDER BY size DESC LIMIT 6"""


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    wall: float
    cpu: float
    peak_mib: float
    """Of it and of all that it started, together; what they share counts once."""
    output: str


def measure(
    command: list[str], environment: dict[str, str], *, looks_at_memory: bool = False
) -> Measured:
    """Run a process; wall seconds, CPU seconds of user and system, peak memory if asked for.

    A look at memory stops the process and takes a twentieth of a core: it is no part of a time.
    """
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, env=environment, stdout=out)
        with Memory(child.pid) if looks_at_memory else nullcontext() as memory:
            _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}: {text}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, memory.peak if memory else 0.0, text)


def environment(dovecot: Dovecot, database_url: str, home: Path) -> dict[str, str]:
    """Give Airflow's Connections and Variables by the environment, as an operator may."""
    inbox = f"imap://{quote(USER)}:{quote(dovecot.password)}@{dovecot.host}:{dovecot.port}"
    # Of 20,000 mails the same 250 people write: no storm is to be held back here.
    fields = {
        "unknown_caller": "create_person",
        "person_defaults": {"org_id": "Bench"},
        "cap_tickets_per_sender": [],
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_MAILTICKET_DB": database_url.replace("postgresql://", "postgres://"),
        "AIRFLOW_CONN_MAILTICKET_INBOX_BENCH": inbox + "?tls=none",
        "AIRFLOW_VAR_MAILTICKET_INBOXES": json.dumps({"bench": fields}),
    }


def corpus(folder: Path, n: int) -> list[dict[str, object]]:
    """Make the mails and read what they really say."""
    make = [sys.executable, str(ROOT / "bench" / "make_corpus.py"), "--n", str(n)]
    subprocess.run([*make, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def main() -> None:
    """Measure, print, and check that the result is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="mails")
    parser.add_argument("--cores", type=int, default=2, help="cores for all that takes part")
    parser.add_argument("--no-round-trips", action="store_true", help="do not count them")
    parser.add_argument("--durable", action="store_true", help="commits wait for the disk")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        truth = corpus(folder / "mails", options.n)
        server = DatabaseServer.start(_DURABLE if options.durable else {})
        dovecot = Dovecot(folder / "dovecot")
        try:
            dovecot.start()
            for mail in truth:
                dovecot.deliver(USER, (folder / "mails" / str(mail["file"])).read_bytes())
            run(dovecot, server, truth, folder)
            if not options.no_round_trips:
                print(
                    f"round trips to PostgreSQL: {round_trips(dovecot, server, folder):.1f} a mail"
                )
        finally:
            dovecot.close()
            server.stop()


def run(
    dovecot: Dovecot, server: DatabaseServer, truth: list[dict[str, object]], folder: Path
) -> None:
    """Take the floor and the pass in turn, and print both."""
    database = _fresh(server)
    env = environment(dovecot, database.url, folder / "airflow")
    program = str(ROOT / "bin" / "mailticket")
    login = (dovecot.host, str(dovecot.port), USER, dovecot.password)
    before = _cpu_of_servers(server)
    fetches = [sys.executable, "-c", FLOOR, *login]
    floor = measure([*fetches, server.empty().url], env)
    lowest = floor.cpu + sum(_cpu_of_servers(server).values()) - sum(before.values())
    grown = -_size(database)
    servers = _cpu_of_servers(server)
    passed = measure([program, "run", "--quiet", "bench"], env)
    servers = {name: cpu - servers[name] for name, cpu in _cpu_of_servers(server).items()}
    [(working,)] = database.rows(_WORKING)
    idle = measure([program, "run", "--quiet", "bench"], env)
    floor = replace(floor, peak_mib=_peak([*fetches, server.empty().url], env))
    again = environment(dovecot, _fresh(server).url, folder / "airflow")
    passed = replace(passed, peak_mib=_peak([program, "run", "--quiet", "bench"], again))
    print(f"{len(truth)} mails, {int(floor.output) / 1e6:.0f} MB")
    _table(len(truth), floor, replace(idle, wall=passed.wall - working), passed)
    _shares(len(truth), passed.cpu - idle.cpu, servers, lowest)
    steps = ", ".join(f"{step} {wall:.2f}" for step, wall in database.rows(_STEPS))
    print(f"wall s until each step's end, after the one before: {steps}")
    _growth(len(truth), grown + _size(database), database)
    check(database, truth)


def _fresh(server: DatabaseServer) -> Database:
    database = server.migrated()
    database.rows("INSERT INTO mailticket.organization (name) VALUES ('Bench')")
    return database


def _peak(command: list[str], environment: dict[str, str]) -> float:
    return measure(command, environment, looks_at_memory=True).peak_mib


def _table(n: int, floor: Measured, idle: Measured, passed: Measured) -> None:
    print(f"{'':36}{'wall s':>8}{'CPU s':>8}{'peak MiB':>10}{'mails/s':>9}")
    for title, m in (
        ("floor: imaplib fetches, driver inserts", floor),
        ("bin/mailticket run", passed),
    ):
        print(f"{title:36}{m.wall:8.2f}{m.cpu:8.2f}{m.peak_mib:10.0f}{n / m.wall:9.0f}")
    wall, cpu = passed.wall - idle.wall, max(0.0, passed.cpu - idle.cpu)
    # CPU: what a second run takes, which finds nothing.
    print(f"{'  of it the start-up of the program':36}{idle.wall:8.2f}{idle.cpu:8.2f}")
    word = "met" if n / wall >= MARK else "missed"
    print(f"{'  without it':36}{wall:8.2f}{cpu:8.2f}{'':10}{n / wall:9.0f}  mark {MARK}: {word}")
    print(f"ratio to the floor: {wall / floor.wall:.1f} x wall", end="")


def _shares(n: int, ours: float, servers: dict[str, float], lowest: float) -> None:
    every = {"mailticket": ours, **servers}
    print(f", {sum(every.values()) / lowest:.1f} x CPU, servers included")
    took = ", ".join(f"{name} {1000 * cpu / n:.2f}" for name, cpu in every.items())
    print(f"CPU ms a mail: {took}; {1000 * sum(every.values()) / n:.2f} together")


def _cpu_of_servers(server: DatabaseServer) -> dict[str, float]:
    postmaster = int((server.server.files / "postmaster.pid").read_text().split("\n", 1)[0])
    imap = sum(map(cpu_of, children(os.getpid()))) - cpu_of(postmaster)
    return {"PostgreSQL": cpu_of(postmaster), "Dovecot": imap}


def _size(database: Database) -> int:
    [(size,)] = database.rows("SELECT pg_database_size(current_database())")
    return int(size)


def _growth(n: int, grown: int, database: Database) -> None:
    print(f"database: {grown / n / 1024:.1f} KiB a mail more; ", end="")
    print(", ".join(f"{name} {size / n / 1024:.1f}" for name, size in database.rows(_SIZES)))


def check(database: Database, truth: list[dict[str, object]]) -> None:
    """Compare the tables with the truth: a fast wrong answer is no answer."""
    rows = database.rows("SELECT verdict::text, count(*) FROM mailticket.attempt GROUP BY 1")
    tickets = len({mail["root"] for mail in truth})
    wanted = {"create": tickets, "update": len(truth) - tickets}
    word = "right" if dict(rows) == wanted else "WRONG"
    print(f"verdicts: {dict(rows)}; wanted {wanted}: {word}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
