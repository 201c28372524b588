"""What a thousand inboxes cost one Airflow: a run, and the watchers in a quiet hour.

    .venv/bin/python bench/watchers.py [--n 1000] [--seconds 120] [--tls] [--environment]

Starts its own Dovecot, PostgreSQL and a whole Airflow, measures it without a trigger, then with one
of a few lines that reads a Connection (what that costs is Airflow's own: the triggerer answers such
questions with an API that it starts when it is first asked), then with one inbox, then with all.
The triggerer counts with all its processes: memory as PSS (what it would give back), CPU as a share
of one core. The marks: at most 150 MB more than idle, and 5 % of a core. With ``--environment``
Connections and Variables come from the environment, as from any secrets backend: the triggerer then
needs no API. What the DAG file costs, ``bench/dag_parse.py`` tells, and how fast the tasks of a run
start, ``bench/task_starts.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

from demo.home import Home  # noqa: E402
from demo.stack import METADATA, Stack  # noqa: E402
from services.airflow_stack import AirflowStack, Database, Json, eventually  # noqa: E402
from services.dovecot import Dovecot  # noqa: E402

MANY = """
service imap-login {{
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  client_limit = {clients}
}}
service imap {{
  process_limit = {clients}
}}
service anvil {{
  client_limit = 9000
}}
service auth {{
  client_limit = 9000
}}
default_client_limit = 9000
"""
# Airflow takes the DAGs of a file for gone when writing all of them lasts longer than this.
PATIENT = {"AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "600"}
PLAIN = """
from pathlib import Path
from airflow.triggers.base import BaseEventTrigger

class Plain(BaseEventTrigger):
    def serialize(self):
        return "plain.Plain", {}

    async def run(self):
        import asyncio
        from airflow.sdk import BaseHook

        await BaseHook.aget_connection("mailticket_db")
        Path(__file__).with_name("asked").touch()
        await asyncio.Event().wait()
        yield
"""
PLAIN_DAG = """
from airflow.sdk import DAG, Asset, AssetWatcher
from plain import Plain

dag = DAG("plain", schedule=[Asset("plain", watchers=[AssetWatcher("plain", Plain())])],
    is_paused_upon_creation=False)
"""
CLOCK = os.sysconf("SC_CLK_TCK")
MIB = 1024**2 / 1e6
"""Megabytes."""


@dataclass(frozen=True)
class Cost:
    """What a group of processes holds and has used."""

    pss_mib: float
    cpu: float
    threads: int


def family(pid: int) -> Iterator[int]:
    """Give a process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def cost(pid: int) -> Cost:
    """Add up what a process and its children cost so far."""
    pss, cpu, threads = 0, 0.0, 0
    for each in family(pid):
        rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        pss += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / CLOCK
        threads += int(fields[17])
    return Cost(pss / 1024, cpu, threads)


def watched_for(stack: AirflowStack, seconds: float) -> tuple[Cost, float]:
    """Let the triggerer be for a while; give its cost at the end and its share of a core."""
    pid = stack.stack.airflow.component("triggerer").pid
    before = cost(pid)
    time.sleep(seconds)
    after = cost(pid)
    return after, (after.cpu - before.cpu) / seconds


def run_seconds(stack: AirflowStack, inbox: str, times: int) -> float:
    """Give the median seconds from the start of a run to its end."""
    taken = []
    for _ in range(times):
        facts = stack.run(inbox).facts
        taken.append(float(facts["duration"]))
    return statistics.median(taken)


def share_of_airflow(stack: AirflowStack, folder: Path, seconds: float) -> Cost:
    """Give what the triggerer costs with one trigger of a few lines that reads a Connection."""
    (folder / "dags" / "plain_dag.py").write_text(PLAIN_DAG)
    eventually((folder / "asked").exists, "the plain trigger", 600)
    return watched_for(stack, seconds)[0]


def bench_folder(folder: Path) -> dict[str, str]:
    """Make a DAGs folder of our own, still empty; give Airflow's environment for it."""
    (folder / "dags").mkdir(parents=True)
    (folder / "plain.py").write_text(PLAIN)
    return PATIENT | {
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__TRIGGERER__CAPACITY": "1001",
        "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{folder}",
    }


def measure(options: argparse.Namespace, folder: Path, home: Home, dovecot: Dovecot) -> None:
    """Print the figures."""
    person = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
    inboxes = {f"inbox{n:04}": dict(person) for n in range(options.n)}
    stack = AirflowStack(home, {}, settings=bench_folder(folder))
    stack.stack = Stack.on(home)
    connections = [stack.mailbox(name) | reached(options, dovecot) for name in inboxes]
    if options.environment:
        stack.settings = {**stack.settings, **environment(stack, connections, inboxes)}
    try:
        stack.start()
        stack.seed(connections, {})
        time.sleep(30)
        idle, share = watched_for(stack, options.seconds)
        print(f"triggerer without a trigger: {idle.pss_mib:.0f} MiB PSS, {share:.1%} of a core")
        plain = share_of_airflow(stack, folder, options.seconds)
        own = plain.pss_mib - idle.pss_mib
        print(f"with any trigger that reads a Connection: {plain.pss_mib:.0f} MiB, {own:.0f} more")
        shutil.copy(ROOT / "dags" / "ingest_inboxes.py", folder / "dags")
        if not options.environment:
            with_one(stack, inboxes, options.seconds)
        stack.inboxes = inboxes
        began = time.monotonic()
        first = next(iter(inboxes))
        stack.configure(first)
        until_watched(stack, options.n)
        print(f"all watched after {time.monotonic() - began:.0f} s")
        time.sleep(90)
        busy, share = watched_for(stack, options.seconds)
        print(
            f"triggerer with {options.n}: {busy.pss_mib:.0f} MiB PSS, {share:.1%} of a core,"
            f" {busy.threads} threads"
        )
        more, ours = busy.pss_mib - idle.pss_mib, busy.pss_mib - plain.pss_mib
        print(
            f"{more:.0f} MiB ({more * MIB:.0f} MB) more than idle,"
            f" Airflow's own {own:.0f} MiB of it;"
            f" ours {ours:.0f} MiB ({ours * MIB:.0f} MB)"
        )
        stack.until_dag(f"mailticket_inbox_{first}", bool, "there", 600)
        print(f"a run, {options.n} inboxes: {run_seconds(stack, first, 5):.1f} s")
        told_by_airflow(stack)
    finally:
        stack.stop()


def reached(options: argparse.Namespace, dovecot: Dovecot) -> Json:
    """Say how the mail server is reached."""
    tls = {"tls": "implicit", "ca": str(dovecot.authority.ca)} if options.tls else {"tls": "none"}
    return {
        "port": dovecot.imaps_port if options.tls else dovecot.port,
        "password": dovecot.password,
        "host": "localhost",
        "extra": json.dumps(tls),
    }


def environment(
    stack: AirflowStack, connections: list[Json], inboxes: dict[str, Json]
) -> dict[str, str]:
    """Give Connections and Variables as variables of the environment."""
    given = {
        f"AIRFLOW_CONN_{one['conn_id'].upper()}": json.dumps(
            {name: value for name, value in one.items() if name != "conn_id"}
        )
        for one in [*connections, stack._tickets()]  # noqa: SLF001
    }
    return given | {
        "AIRFLOW_VAR_MAILTICKET_INBOXES": json.dumps(inboxes),
        "AIRFLOW_VAR_MAILTICKET_SETTINGS": "{}",
    }


def with_one(stack: AirflowStack, inboxes: dict[str, Json], seconds: float) -> None:
    """Print what one inbox costs."""
    first = next(iter(inboxes))
    stack.inboxes = {first: inboxes[first]}
    stack.configure(first)
    until_watched(stack, 1)
    run_seconds(stack, first, 1)
    print(f"a run, 1 inbox: {run_seconds(stack, first, 5):.1f} s")
    one, share = watched_for(stack, seconds)
    print(f"triggerer with 1 inbox: {one.pss_mib:.0f} MiB PSS, {share:.1%} of a core")


def until_watched(stack: AirflowStack, number: int) -> None:
    """Wait until so many mailboxes are watched, and well."""

    def look() -> bool:
        [(found,)] = stack.rows(
            "SELECT count(*) FROM mailticket.inbox_state WHERE watched_by = 'push'"
        )
        return bool(found >= number)

    eventually(look, f"{number} watched inboxes", 900)


def told_by_airflow(stack: AirflowStack) -> None:
    """Print how long Airflow's own DAG processor took for the file."""
    rows = Database(stack.stack.postgres, METADATA).rows("SELECT max(last_parse_duration) FROM dag")
    print(f"Airflow's DAG processor, last: {rows[0][0] or 0:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--tls", action="store_true", help="implicit TLS to the mail server")
    parser.add_argument(
        "--environment", action="store_true", help="no Connection in Airflow's base"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dovecot = Dovecot(
            Path(folder) / "dovecot",
            tls=options.tls,
            connections=options.n + 100,
            extra=MANY.format(clients=options.n + 200),
        )
        home = Home(Path(folder) / "home")
        try:
            dovecot.start()
            with home.open():
                measure(options, Path(folder) / "bench", home, dovecot)
        finally:
            dovecot.close()


if __name__ == "__main__":
    main()
