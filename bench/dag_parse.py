"""What a thousand inboxes cost whoever reads the DAG file: the DAG processor, and each task.

    .venv/bin/python bench/dag_parse.py [--n 1000] [--times 5]

CPU seconds of ``dags/ingest_inboxes.py`` in a process that has Airflow and our code loaded, as the
DAG processor and the workers of a LocalExecutor have; the least of several tries. A task asks for
one DAG: it must cost no more with a thousand inboxes than with one. The mark: 5 s for all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEASURED = """
import time, airflow.sdk, airflow.models, mailticket.dag, mailticket.watch
began = time.process_time()
import ingest_inboxes
made = sum(name.startswith("mailticket") for name in vars(ingest_inboxes))
print(time.process_time() - began, made)
"""


def cpu_seconds(number: int, wanted: str, times: int) -> tuple[float, int]:
    """Read the file with so many inboxes; give the CPU seconds, and how many DAGs were made."""
    person = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'dags'}{os.pathsep}{ROOT / 'plugins'}",
        "AIRFLOW_VAR_MAILTICKET_INBOXES": json.dumps({f"inbox{n}": person for n in range(number)}),
    }
    if wanted:
        environment["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = wanted
        environment["_AIRFLOW_PARSING_CONTEXT_TASK_ID"] = "fetch"
    command = [sys.executable, "-c", MEASURED]
    least, made = float("inf"), 0
    for _ in range(times):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        seconds, dags = done.stdout.split()[-2:]
        least, made = min(least, float(seconds)), int(dags)
    return least, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    for number in (1, options.n):
        for wanted in ("", "mailticket_inbox_inbox0"):
            seconds, made = cpu_seconds(number, wanted, options.times)
            who = "a task" if wanted else "DAG processor"
            print(f"{number} inboxes, {who}: {seconds:.3f} s CPU, DAGs made: {made}")


if __name__ == "__main__":
    main()
