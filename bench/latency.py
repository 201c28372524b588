"""From the delivery of a mail to its committed ticket, in an Airflow with the demo's settings.

    .venv/bin/python bench/latency.py [--n 40]

Starts the demo's servers with one inbox, sends mail after mail by SMTP, each some seconds after the
ticket of the one before, and says where the time went:

  noticed   until the watcher told Airflow that there is mail (ours)
  Airflow   event to run, run to task, task to task, the start of each task's process
  steps     what our code did in fetch, filter, parse and upsert_ticket (ours)

The marks: 95 % of all within 8 s, and what is ours of it under 1 s. Moments come from the mail's
sender, from Airflow's database and from the tasks' logs, all on one clock.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

from demo.home import Home  # noqa: E402
from demo.stack import METADATA  # noqa: E402
from services.airflow_stack import AirflowStack, Database, Run, eventually  # noqa: E402

STEPS = ("fetch", "filter", "parse", "upsert_ticket")
BEFORE, AFTER = "::endgroup::", "Done. Returned value was"


@dataclass(frozen=True)
class Way:
    """One mail's way, in seconds."""

    whole: float
    noticed: float
    steps: float
    to_first_task: float

    @property
    def ours(self) -> float:
        """What is not Airflow's."""
        return self.noticed + self.steps


def moment(line: dict[str, str]) -> float:
    """Give a log line's time, as seconds since 1970."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def step_seconds(run: Run, step: str) -> tuple[float, float]:
    """Give when our code began in a task, and for how long it worked.

    A task's log has a line just before its function is called, and one just after.
    """
    folder = run.airflow.stack.airflow.home / "logs" / f"dag_id=mailticket_inbox_{run.inbox}"
    task = folder / f"run_id={run.run_id}" / f"task_id={step}"
    lines = [
        json.loads(line) for line in next(task.rglob("attempt=1.log")).read_text().splitlines()
    ]
    end = next(n for n, line in enumerate(lines) if line["event"].startswith(AFTER))
    begin = max(
        (n for n, line in enumerate(lines[:end]) if line["event"].startswith(BEFORE)), default=0
    )
    return moment(lines[begin]), moment(lines[end]) - moment(lines[begin])


def measured(stack: AirflowStack, number: int) -> Way:
    """Send one mail and follow it."""
    message_id = stack.send("fast", f"Latency {number}")
    sent = time.time()
    wanted = "SELECT created_at FROM mailticket.ticket WHERE title = %s"
    eventually(lambda: stack.rows(wanted, f"Latency {number}"), message_id)
    committed = time.time()
    fate = stack.decided(message_id)
    run = stack.ended("fast", fate["run"])
    [(rung,)] = Database(stack.stack.postgres, METADATA).rows(
        "SELECT e.extra -> 'payload' ->> 'at' FROM asset_event e"
        " JOIN dagrun_asset_event d ON d.event_id = e.id JOIN dag_run r ON r.id = d.dag_run_id"
        " WHERE r.run_id = %s ORDER BY e.timestamp LIMIT 1",
        run.run_id,
    )
    steps = [step_seconds(run, step) for step in STEPS]
    noticed = datetime.fromisoformat(rung).astimezone(UTC).timestamp() - sent
    return Way(committed - sent, noticed, sum(s for _, s in steps), steps[0][0] - sent - noticed)


def show(ways: list[Way]) -> None:
    """Print medians and the 95th percentile."""

    def line(name: str, values: list[float]) -> str:
        ninety_five = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
        return f"{name:<34} median {statistics.median(values):5.2f} s   95 % {ninety_five:5.2f} s"

    print(line("delivery to committed ticket", [way.whole for way in ways]))
    print(line("  noticed (ours)", [way.noticed for way in ways]))
    print(line("  steps (ours)", [way.steps for way in ways]))
    print(line("  ours together", [way.ours for way in ways]))
    print(line("  Airflow: bell to first task", [way.to_first_task for way in ways]))
    print(line("  Airflow: all of it", [way.whole - way.ours for way in ways]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=40, help="mails")
    options = parser.parse_args()
    person = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
    fields = {**person, "cap_tickets_per_sender": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with home.open():
            stack = AirflowStack(home, {"fast": fields}, settings={})
            try:
                stack.start()
                eventually(lambda: "fast" in stack.watchers(), "its trigger")
                for number in range(3):  # the first tasks after a start read all code from disk
                    measured(stack, -number)
                ways = []
                for number in range(1, options.n + 1):
                    time.sleep(random.uniform(0, 3))
                    ways.append(measured(stack, number))
                    print(f"{ways[-1].whole:.2f} s, ours {ways[-1].ours:.2f} s", flush=True)
                show(ways)
            finally:
                stack.stop()


if __name__ == "__main__":
    main()
