"""PostgreSQL, a mail server and a whole Airflow, as an operator has them: by API, SMTP and SQL."""

from __future__ import annotations

import contextlib
import json
import os
import re
import smtplib  # noqa: TID251 -- it plays the rest of the world
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 -- it plays an operator

from demo.airflow import USER
from demo.database import Database
from demo.home import CLONE, Home
from demo.ports import LOOPBACK
from demo.stack import METADATA, TICKETS, Stack
from services.figures import Figures

WRONG_PASSWORD = "not-the-password-of-locked"
PATIENCE = 400
"""Seconds that anything may take on a machine that others use too."""
QUICK = {
    # What a person waits half a minute for; a test should not.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "10",
}
REFERENCE_DATA = """
INSERT INTO mailticket.organization (name) VALUES ('Acme');
INSERT INTO mailticket.person (name, email, org_id)
SELECT split_part(email, '@', 1), email, o.id
  FROM mailticket.organization o, (VALUES ('ann@acme.test'), ('slow@acme.test')) AS given (email);
"""
Json = dict[str, Any]


@dataclass
class AirflowStack:
    """All servers on one home; ``inboxes`` is what the Variable says."""

    home: Home
    inboxes: dict[str, Json]
    settings: Mapping[str, str] = field(default_factory=lambda: QUICK)
    """More of Airflow's environment."""
    figures: Figures = field(default_factory=Figures)
    """What its metrics were sent."""
    stack: Stack = field(init=False, repr=False)  # it knows secrets
    _client: httpx.Client | None = None

    # -- servers ----------------------------------------------------------------------------------

    def start(self) -> None:
        self.stack = Stack.on(self.home)
        self.figures.start()
        self.stack.airflow.settings = {**self.settings, **self.figures.environment()}
        self.stack.postgres.settings = {"fsync": "off"}
        self.stack.postgres.start()
        for name in (METADATA, TICKETS):
            Database(self.stack.postgres, name).create()
        self.stack.mail.start()
        self.stack.airflow.migrate()
        self._seed()
        self.stack.reference.migrate()
        self.rows(REFERENCE_DATA)
        self.stack.airflow.start()
        self.stack.airflow.wait_until_ready(lambda _what: None, 300)

    def stop(self) -> None:
        self.stack.stop()
        self.figures.stop()

    def _seed(self) -> None:
        connections = [self._tickets(), self._smtp(), *map(self.mailbox, self.inboxes)]
        variables = {
            "mailticket_inboxes": json.dumps(self.inboxes),
            "mailticket_settings": json.dumps({"periodicity": 3600}),
        }
        self.seed(connections, variables)

    def seed(self, connections: list[Json], variables: dict[str, str]) -> None:
        """Add Connections and Variables that are not there yet, many at a time."""
        subprocess.run(
            [sys.executable, "-m", "demo.seed"],
            env=self.stack.airflow.environment() | {"PYTHONPATH": str(CLONE / "include")},
            input=json.dumps({"connections": connections, "variables": variables}),
            text=True,
            check=True,
        )

    def _tickets(self) -> Json:
        return {
            "conn_id": "mailticket_db",
            "conn_type": "postgres",
            "host": LOOPBACK,
            "port": self.stack.postgres.port,
            "schema": TICKETS,
            "login": TICKETS,
            "password": self.stack.secrets.postgres_password,
        }

    def _smtp(self) -> Json:
        return {
            "conn_id": "mailticket_smtp",
            "conn_type": "smtp",
            "host": LOOPBACK,
            "port": self.stack.mail.smtp_port,
            "extra": '{"disable_ssl": true, "disable_tls": true}',
        }

    def mailbox(self, inbox: str) -> Json:
        """Say how an inbox's mailbox is reached."""
        return {
            "conn_id": f"mailticket_inbox_{inbox}",
            "conn_type": "imap",
            "host": LOOPBACK,
            "port": 1 if inbox == "nowhere" else self.stack.mail.imap_port,
            "login": f"{inbox}@acme.test",
            "password": WRONG_PASSWORD if inbox == "locked" else self.stack.secrets.mail_password,
            "extra": '{"tls": "none"}',
        }

    # -- Airflow's API ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.stack.airflow.url

    @property
    def password(self) -> str:
        return self.stack.secrets.admin_password

    def call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._signed_in().request(method, path, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def _signed_in(self) -> httpx.Client:
        if self._client is None:
            who = {"username": USER, "password": self.password}
            token = httpx.post(f"{self.url}/auth/token", json=who, timeout=60, trust_env=False)
            self._client = httpx.Client(
                base_url=f"{self.url}/api/v2",
                headers={"Authorization": f"Bearer {token.json()['access_token']}"},
                timeout=60,
                trust_env=False,
            )
        return self._client

    def say_inboxes(self, text: str) -> None:
        """Set the Variable to this text, whatever it is."""
        value = {"key": "mailticket_inboxes", "value": text}
        self.call("PATCH", "/variables/mailticket_inboxes", json=value)

    def configure(self, inbox: str, **fields: Any) -> None:
        """Set fields of an inbox; ``None`` takes one away."""
        merged = self.inboxes.get(inbox, {}) | fields
        self.inboxes[inbox] = {key: value for key, value in merged.items() if value is not None}
        self.say_inboxes(json.dumps(self.inboxes))

    def connect(self, inbox: str, **fields: Any) -> None:
        """Add the Connection of a new inbox, with other fields than usual."""
        given = self.mailbox(inbox) | fields
        body = given | {"connection_id": given.pop("conn_id")}
        self.call("POST", "/connections", json=body)

    def reconnect(self, inbox: str, **fields: Any) -> None:
        """Change fields of an inbox's Connection."""
        name = f"mailticket_inbox_{inbox}"
        body = {"connection_id": name, "conn_type": "imap", **fields}
        mask = {"update_mask": list(fields)}
        self.call("PATCH", f"/connections/{name}", params=mask, json=body)

    def remove(self, inbox: str) -> None:
        """Take an inbox out of the Variable."""
        del self.inboxes[inbox]
        self.say_inboxes(json.dumps(self.inboxes))

    def pause(self, inbox: str, *, paused: bool) -> None:
        """Pause or unpause the DAG of an inbox."""
        self.call("PATCH", f"/dags/mailticket_inbox_{inbox}", json={"is_paused": paused})

    def watchers(self) -> set[str]:
        """Name the inboxes that a trigger watches."""
        found = Database(self.stack.postgres, METADATA).rows(
            "SELECT a.name FROM asset a JOIN asset_watcher w ON w.asset_id = a.id"
            " JOIN trigger t ON t.id = w.trigger_id"
        )
        return {name.removeprefix("mailticket_bell_") for (name,) in found}

    def dag(self, dag_id: str) -> Json | None:
        """Give what Airflow knows of a DAG that is there."""
        answer = self._signed_in().get(f"/dags/{dag_id}/details")
        found = answer.json() if answer.is_success else None
        return found if found and not found["is_stale"] else None

    def inbox_dag(self, inbox: str) -> Json | None:
        return self.dag(f"mailticket_inbox_{inbox}")

    def until_dag(
        self, dag_id: str, holds: Callable[[Json], bool], what: str, seconds: float = PATIENCE
    ) -> Json:
        """Wait until a DAG is there and as it should be."""

        def look() -> Json | None:
            found = self.dag(dag_id)
            return found if found and holds(found) else None

        found: Json = eventually(look, f"{dag_id}: {what}", seconds)
        return found

    # -- runs -------------------------------------------------------------------------------------

    def runs(self, inbox: str) -> list[Json]:
        """List the runs of an inbox, the newest first."""
        path = f"/dags/mailticket_inbox_{inbox}/dagRuns"
        found: list[Json] = self.call("GET", path, params={"order_by": "-run_after"})["dag_runs"]
        return found

    def trigger(self, inbox: str) -> str:
        path = f"/dags/mailticket_inbox_{inbox}/dagRuns"
        run_id: str = self.call("POST", path, json={"logical_date": None})["dag_run_id"]
        return run_id

    def run(self, inbox: str) -> Run:
        """Take one run from its start to its end."""
        return self.ended(inbox, self.trigger(inbox))

    def ended(self, inbox: str, run_id: str) -> Run:
        """Wait for the end of a run."""
        path = f"/dags/mailticket_inbox_{inbox}/dagRuns/{run_id}"

        def look() -> Json | None:
            found: Json = self.call("GET", path)
            return found if found["state"] in ("success", "failed") else None

        found: Json = eventually(look, f"the end of {run_id} of {inbox}")
        tasks = self.call("GET", f"{path}/taskInstances")["task_instances"]
        return Run(self, inbox, run_id, found, {task["task_id"]: task for task in tasks})

    # -- mail, tickets ----------------------------------------------------------------------------

    def send(self, inbox: str, subject: str, sender: str = "ann@acme.test", **headers: str) -> str:
        """Send a mail by SMTP; give its Message-ID, without ``<>``."""
        mail = EmailMessage()
        domain = sender.rstrip(">").rpartition("@")[2]
        message_id = f"{re.sub('[^a-z0-9]+', '-', subject.lower())}@{domain}"
        given = {
            "From": sender,
            "To": f"{inbox}@acme.test",
            "Subject": subject,
            "Message-ID": f"<{message_id}>",
        }
        for name, value in (given | headers).items():
            mail[name.replace("_", "-")] = value
        mail.set_content(f"Words about {subject}.")
        with smtplib.SMTP(LOOPBACK, self.stack.mail.smtp_port, timeout=30) as server:
            server.send_message(mail)
        return message_id

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the tickets' database."""
        return self.stack.tickets.rows(statement, *values)

    def fates(self, *message_ids: str) -> dict[str, Json]:
        """Say what was decided on these messages, by Message-ID."""
        columns = ("message_id", "verdict", "decided_by", "reason", "ticket", "run", "attempt")
        found = self.rows(
            f"SELECT {', '.join(columns)} FROM mailticket.message_status"
            " WHERE message_id = ANY (%s) AND verdict IS NOT NULL",
            list(message_ids),
        )
        return {row[0]: dict(zip(columns, row, strict=True)) for row in found}

    def decided(self, message_id: str) -> Json:
        """Wait until a message is decided."""
        found: Json = eventually(
            lambda: self.fates(message_id).get(message_id), f"a verdict on {message_id}"
        )
        return found

    # -- logs -------------------------------------------------------------------------------------

    def all_logs(self) -> Iterator[tuple[Path, bytes]]:
        """Give each log file of each server and each task."""
        for folder in (self.stack.airflow.logs, self.stack.airflow.home / "logs"):
            for path in sorted(folder.rglob("*.log")):
                yield path, path.read_bytes()
        yield self.stack.postgres.log, self.stack.postgres.log.read_bytes()


@dataclass(frozen=True)
class Run:
    """A run that has ended, as Airflow's pages show it."""

    airflow: AirflowStack
    inbox: str
    run_id: str
    facts: Json
    tasks: Mapping[str, Json]

    @property
    def state(self) -> str:
        return str(self.facts["state"])

    @property
    def note(self) -> str:
        """What its note says; it is written in the moment in which the run ends."""
        return str(self.facts["note"] or "")

    @property
    def states(self) -> dict[str, str]:
        return {name: task["state"] for name, task in self.tasks.items()}

    def counts(self, task: str) -> Any:
        """Give what a task returned."""
        path = f"{self._path}/taskInstances/{task}/xcomEntries/return_value"
        return self.airflow.call("GET", path, params={"deserialize": True})["value"]

    def log(self, task: str, attempt: int | None = None) -> list[Json]:
        """Give the lines of a task's log, of its last attempt unless told otherwise."""
        attempt = attempt or self.tasks[task]["try_number"]
        folder = self.airflow.stack.airflow.home / "logs"
        path = folder.joinpath(
            f"dag_id=mailticket_inbox_{self.inbox}",
            f"run_id={self.run_id}",
            f"task_id={task}",
            f"attempt={attempt}.log",
        )
        return [json.loads(line) for line in path.read_text().splitlines()]

    def events(self) -> list[Json]:
        """List the asset events that this run brought about."""
        asked = {
            "source_dag_id": f"mailticket_inbox_{self.inbox}",
            "source_run_id": self.run_id,
            "limit": 1000,
        }
        found: list[Json] = self.airflow.call("GET", "/assets/events", params=asked)["asset_events"]
        return found

    def clear(self, task: str) -> Run:
        """Clear a task with what follows, and wait for the run's end."""
        self.begin_clearing(task)
        return self.airflow.ended(self.inbox, self.run_id)

    def clear_all(self) -> Run:
        """Clear the run itself, as the button above its tasks does, and wait for its end."""
        body = {"dry_run": False, "only_failed": False}
        self.airflow.call("POST", f"{self._path}/clear", json=body)
        return self.airflow.ended(self.inbox, self.run_id)

    def begin_clearing(self, task: str) -> None:
        """Clear a task with what follows."""
        body = {
            "dag_run_id": self.run_id,
            "task_ids": [task],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
            "dry_run": False,
        }
        path = f"/dags/mailticket_inbox_{self.inbox}/clearTaskInstances"
        self.airflow.call("POST", path, json=body)

    @property
    def _path(self) -> str:
        return f"/dags/mailticket_inbox_{self.inbox}/dagRuns/{self.run_id}"


def eventually(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Look until something is there, or fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing after {seconds:.0f} s: {what}")
        time.sleep(0.3)


def process_of(task_instance: str) -> int | None:
    """Find the process that runs a task: its title ends with the task instance's id."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            title = (process / "cmdline").read_bytes().rstrip(b"\0")
            if title == os.fsencode(f"airflow worker -- {task_instance}"):
                return int(process.name)
    return None
