"""How fast the tasks of a run start with one inbox and with a thousand in one Airflow.

    .venv/bin/python bench/task_starts.py [--n 1000] [--times 7]

Starts its own Dovecot, PostgreSQL and a whole Airflow with the demo's settings, and runs one inbox
again and again while the DAG processor is quiet, and while it reads and writes all DAGs. Airflow's
own moments of each task tell where a run's seconds are: until the scheduler sees that a task may
run, from queued to running (a free worker and a fork), and in the task. Last, what the DAG
processor takes for the file: Airflow's own figure for reading it, and CPU with the writing of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

from usage import cpu_of  # noqa: E402
from watchers import MANY, METADATA, PATIENT, until_watched  # noqa: E402

from demo.home import Home  # noqa: E402
from services.airflow_stack import AirflowStack, Database, Json, Run  # noqa: E402
from services.dovecot import Dovecot  # noqa: E402

BUSY = 0.4
"""A core's share above which the DAG processor reads or writes DAGs."""
PERSON = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@dataclass(frozen=True)
class Spent:
    """Where the seconds of one run are."""

    run: float
    waited: float
    """All seven tasks, from what went before them to queued."""
    starts: tuple[float, ...]
    """Each task, queued to running."""
    worked: float
    """All seven tasks, running."""


def spent(run: Run) -> Spent:
    """Add up Airflow's own moments."""
    assert run.state == "success", run.states

    def at(facts: Json, name: str) -> float:
        return datetime.fromisoformat(facts[name]).timestamp()

    tasks = sorted(run.tasks.values(), key=lambda task: at(task, "start_date"))
    befores = [at(run.facts, "start_date"), *(at(task, "end_date") for task in tasks)]
    return Spent(
        float(run.facts["duration"]),
        sum(at(task, "queued_when") - before for task, before in zip(tasks, befores, strict=False)),
        tuple(at(task, "start_date") - at(task, "queued_when") for task in tasks),
        sum(at(task, "end_date") - at(task, "start_date") for task in tasks),
    )


def until_processor_is(stack: AirflowStack, *, busy: bool) -> None:
    """Wait until the DAG processor is at work, or has been quiet for a second."""
    pid = stack.stack.airflow.component("dag-processor").pid
    while True:
        before = cpu_of(pid)
        time.sleep(0.5 if busy else 1)
        if (cpu_of(pid) - before > BUSY * 0.5) == busy:
            return


def print_runs(stack: AirflowStack, inbox: str, times: int, *, busy: bool) -> None:
    """Run the inbox some times, and print medians."""
    runs = []
    for _ in range(times):
        until_processor_is(stack, busy=busy)
        runs.append(spent(stack.run(inbox)))
        time.sleep(1)  # as in real life, the next run does not follow at once
    starts = sorted(start for run in runs for start in run.starts)
    print(
        f"{len(stack.inboxes):5} inboxes, DAG processor {'reads' if busy else 'quiet'}:"
        f" a run {statistics.median(run.run for run in runs):.2f} s"
        f" (longest {max(run.run for run in runs):.2f});"
        f" seven tasks waited {statistics.median(run.waited for run in runs):.2f},"
        f" worked {statistics.median(run.worked for run in runs):.2f};"
        f" queued to running {statistics.median(starts) * 1000:.0f} ms a task"
        f" (longest {starts[-1] * 1000:.0f})",
        flush=True,
    )


def print_reading(stack: AirflowStack) -> None:
    """Print what two minutes of the DAG processor come to."""
    pid = stack.stack.airflow.component("dag-processor").pid
    metadata = Database(stack.stack.postgres, METADATA)
    before, read = cpu_of(pid), []
    for _ in range(120):
        time.sleep(1)
        [(when, seconds)] = metadata.rows(
            "SELECT max(last_parsed_time), max(last_parse_duration) FROM dag WHERE NOT is_stale"
        )
        read += [(when, seconds)] if (when, seconds) not in read else []
    seconds = [taken for _, taken in read]
    print(
        f"Airflow's DAG processor: {min(seconds):.2f} to {max(seconds):.2f} s for the file,"
        f" {(cpu_of(pid) - before) / 120:.0%} of a core"
    )


def measure(options: argparse.Namespace, home: Home, dovecot: Dovecot) -> None:
    """Print the figures."""
    inboxes = {f"inbox{n:04}": dict(PERSON) for n in range(options.n)}
    first = next(iter(inboxes))
    capacity = {"AIRFLOW__TRIGGERER__CAPACITY": "1001"}
    stack = AirflowStack(home, {}, settings=PATIENT | capacity)
    try:
        stack.start()
        reached = {"port": dovecot.port, "password": dovecot.password, "host": "localhost"}
        extra = {"extra": json.dumps({"tls": "none"})}
        stack.seed([stack.mailbox(name) | reached | extra for name in inboxes], {})
        for some in ({first: inboxes[first]}, inboxes):
            stack.inboxes = some
            stack.configure(first)
            until_watched(stack, len(some))
            stack.until_dag(f"mailticket_inbox_{first}", bool, "there", 600)
            stack.run(first)
            print_runs(stack, first, options.times, busy=False)
        print_runs(stack, first, options.times, busy=True)
        print_reading(stack)
    finally:
        stack.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dovecot = Dovecot(
            Path(folder) / "dovecot",
            connections=options.n + 100,
            extra=MANY.format(clients=options.n + 200),
        )
        home = Home(Path(folder) / "home")
        try:
            dovecot.start()
            with home.open():
                measure(options, home, dovecot)
        finally:
            dovecot.close()


if __name__ == "__main__":
    main()
