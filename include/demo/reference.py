"""What the demo's Airflow and tables are filled with before the first mail comes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.airflow import Airflow
from demo.database import Database
from demo.home import CLONE, Secrets
from demo.mailserver import MailServer
from demo.ports import LOOPBACK

SAMPLES = CLONE / "include" / "samples"
LOGINS = {
    "mailticket_inbox_support": "support@demo.example",
    "mailticket_inbox_incidents": "incidents@demo.example",
}
# Kind as `bin/mailticket import` names it → its table; in the order in which they refer.
KINDS = {
    "organizations": "organization",
    "persons": "person",
    "services": "service",
    "teams": "team",
}


class CommandFailed(Exception):
    """One of our own commands ended with an error; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Fills one Airflow and one database."""

    airflow: Airflow
    mail: MailServer
    tickets: Database
    secrets: Secrets

    def seed(self) -> None:
        """Create Connections and Variables where they are missing."""
        wanted = {"connections": self._connections(), "variables": _variables()}
        environment = self.airflow.environment()
        environment["PYTHONPATH"] = str(CLONE / "include")
        _run([sys.executable, "-m", "demo.seed"], environment, json.dumps(wanted))

    def migrate(self) -> None:
        """Bring mailticket's tables up to date."""
        self._mailticket("migrate")

    def load(self) -> list[str]:
        """Import organisations, persons, services, teams; name the kinds that were empty."""
        empty = [
            kind for kind, table in KINDS.items() if self.tickets.is_empty("mailticket", table)
        ]
        for kind in empty:
            self._mailticket("import", kind, str(SAMPLES / f"{kind}.csv"))
        return empty

    def _mailticket(self, *command: str) -> None:
        _run([str(CLONE / "bin" / "mailticket"), *command], self.airflow.environment())

    def _connections(self) -> list[dict[str, Any]]:
        tickets = {
            "conn_id": "mailticket_db",
            "conn_type": "postgres",
            "host": LOOPBACK,
            "port": self.tickets.server.port,
            "schema": self.tickets.name,
            "login": self.tickets.name,
            "password": self.tickets.server.password,
            "description": "The tickets, in PostgreSQL's schema mailticket",
        }
        return [tickets, self._smtp(), *(self._inbox(*each) for each in LOGINS.items())]

    def _smtp(self) -> dict[str, Any]:
        return {
            "conn_id": "mailticket_smtp",
            "conn_type": "smtp",
            "host": LOOPBACK,
            "port": self.mail.smtp_port,
            "extra": json.dumps({"disable_ssl": True, "disable_tls": True}),
            "description": "Mail that goes out",
        }

    def _inbox(self, conn_id: str, login: str) -> dict[str, Any]:
        return {
            "conn_id": conn_id,
            "conn_type": "imap",
            "host": LOOPBACK,
            "port": self.mail.imap_port,
            "login": login,
            "password": self.secrets.mail_password,
            "extra": json.dumps({"tls": "none"}),
            "description": f"The mailbox of {login}",
        }


def _variables() -> dict[str, str]:
    """Read the Variables that the demo starts with, as text, so that they stay readable."""
    files = {"mailticket_inboxes": "inboxes.json", "mailticket_settings": "settings.json"}
    return {key: (SAMPLES / name).read_text("utf-8") for key, name in files.items()}


def _run(command: list[str], environment: Mapping[str, str], typed: str = "") -> None:
    done = subprocess.run(
        command, env=environment, input=typed, text=True, capture_output=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        raise CommandFailed(f"{' '.join(command)} failed:\n{said}")
