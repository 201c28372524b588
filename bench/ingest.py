"""How fast mail becomes tickets: Dovecot to committed rows, beside plain imaplib fetching the same.

    .venv/bin/python bench/ingest.py [--n 1000] [--keep-log]

Starts its own Dovecot and PostgreSQL on loopback, makes the mails (``make_corpus.py``), and runs
``bin/mailticket run`` once as a process of its own. The floor is a process that does nothing but
fetch the same mails with imaplib. Ratios within one run count; seconds on a shared machine do not.
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
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

from services.database import DatabaseServer  # noqa: E402
from services.dovecot import Dovecot  # noqa: E402

USER = "bench@example.com"
FLOOR = """
import imaplib, sys
host, port, user, password = sys.argv[1:]
client = imaplib.IMAP4(host, int(port))
client.login(user, password)
client.select("INBOX")
uids = client.uid("SEARCH", None, "ALL")[1][0].split()
size = 0
for start in range(0, len(uids), 200):
    answer = client.uid("FETCH", b",".join(uids[start:start + 200]).decode(), "(BODY.PEEK[])")[1]
    size += sum(len(part[1]) for part in answer if isinstance(part, tuple))
client.logout()
print(size)
"""


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    wall: float
    cpu: float
    peak_mib: float
    output: str


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Run a process; wall seconds, CPU seconds of user and system, peak resident memory."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, env=environment, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}: {text}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def environment(dovecot: Dovecot, database_url: str, home: Path) -> dict[str, str]:
    """Give Airflow's Connections and Variables by the environment, as an operator may."""
    inbox = f"imap://{quote(USER)}:{quote(dovecot.password)}@{dovecot.host}:{dovecot.port}"
    fields = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Bench"}}
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_MAILTICKET_DB": database_url.replace("postgresql://", "postgres://"),
        "AIRFLOW_CONN_MAILTICKET_INBOX_BENCH": inbox + "?tls=none",
        "AIRFLOW_VAR_MAILTICKET_INBOXES": json.dumps({"bench": fields}),
        "AIRFLOW_VAR_MAILTICKET_SETTINGS": json.dumps({"max_messages_per_run": 100_000}),
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        truth = corpus(folder / "mails", options.n)
        dovecot = Dovecot(folder / "dovecot")
        server = DatabaseServer.start()
        try:
            dovecot.start()
            for mail in truth:
                dovecot.deliver(USER, (folder / "mails" / str(mail["file"])).read_bytes())
            run(dovecot, server, truth, folder)
        finally:
            dovecot.close()
            server.stop()


def run(
    dovecot: Dovecot, server: DatabaseServer, truth: list[dict[str, object]], folder: Path
) -> None:
    """Take the floor and the pass in turn, and print both."""
    database = server.migrated()
    database.rows("INSERT INTO mailticket.organization (name) VALUES ('Bench')")
    env = environment(dovecot, database.url, folder / "airflow")
    python = sys.executable
    floor_command = [python, "-c", FLOOR, dovecot.host, str(dovecot.port), USER, dovecot.password]
    floor = measure(floor_command, env)
    idle = measure([str(ROOT / "bin" / "mailticket"), "--help"], env)
    passed = measure([str(ROOT / "bin" / "mailticket"), "run", "--quiet", "bench"], env)
    n, size = len(truth), int(floor.output)
    print(f"{n} mails, {size / 1e6:.0f} MB")
    print(f"{'':28}{'wall s':>8}{'CPU s':>8}{'peak MiB':>10}{'mails/s':>9}")
    for title, m in (("floor: imaplib fetches them", floor), ("bin/mailticket run", passed)):
        print(f"{title:28}{m.wall:8.2f}{m.cpu:8.2f}{m.peak_mib:10.0f}{n / m.wall:9.0f}")
    wall, cpu = passed.wall / floor.wall, passed.cpu / floor.cpu
    print(f"ratio to the floor: {wall:.1f} x wall, {cpu:.1f} x CPU")
    print(f"start-up of the program alone: {idle.wall:.2f} s")
    check(database, truth)


def check(database: object, truth: list[dict[str, object]]) -> None:
    """Compare the tables with the truth: a fast wrong answer is no answer."""
    rows = database.rows("SELECT verdict::text, count(*) FROM mailticket.attempt GROUP BY 1")  # type: ignore[attr-defined]
    tickets = len({mail["root"] for mail in truth})
    wanted = {"create": tickets, "update": len(truth) - tickets}
    word = "right" if dict(rows) == wanted else "WRONG"
    print(f"verdicts: {dict(rows)}; wanted {wanted}: {word}")
    [(size,)] = database.rows("SELECT pg_database_size(current_database())")  # type: ignore[attr-defined]
    print(f"database: {size / len(truth) / 1024:.0f} KiB a mail")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
