"""All servers of the demo, started in the order in which they need each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from demo.airflow import Airflow
from demo.database import Database
from demo.home import Home, Secrets
from demo.mailserver import MailServer
from demo.ports import LOOPBACK
from demo.postgres import Postgres
from demo.progress import Progress
from demo.reference import Reference

_PORTS = ("postgres", "imap", "smtp", "mailboxes", "airflow")
METADATA, TICKETS = "airflow", "mailticket"


@dataclass(frozen=True, slots=True)
class Stack:
    """PostgreSQL, the mail server and Airflow on one home."""

    secrets: Secrets
    postgres: Postgres
    mail: MailServer
    airflow: Airflow
    tickets: Database
    reference: Reference

    @classmethod
    def on(cls, home: Home) -> Self:
        """Choose ports and passwords; nothing is started yet."""
        secrets, ports = home.secrets(), home.ports(_PORTS)
        postgres = Postgres(home.postgres, ports["postgres"], secrets.postgres_password)
        mail = MailServer(
            imap_port=ports["imap"],
            smtp_port=ports["smtp"],
            http_port=ports["mailboxes"],
            password=secrets.mail_password,
            log=home.logs / "mailserver.log",
        )
        database = postgres.url(METADATA, METADATA, "postgresql+psycopg2")
        airflow = Airflow(home.airflow, home.logs, ports["airflow"], database, secrets)
        tickets = Database(postgres, TICKETS)
        return cls(
            secrets, postgres, mail, airflow, tickets, Reference(airflow, mail, tickets, secrets)
        )

    def start(self, progress: Progress) -> None:
        """Start everything; Airflow is still warming up when this returns."""
        with progress.step(f"PostgreSQL on port {self.postgres.port}"):
            self.postgres.start()
            for name in (METADATA, TICKETS):
                Database(self.postgres, name).create()
        with progress.step(f"Mail server: SMTP on port {self.mail.smtp_port}"):
            self.mail.start()
        with progress.step("Airflow's metadata database"):
            self.airflow.migrate()
        with progress.step("Connections and Variables"):
            self.reference.seed()
        with progress.step("mailticket's tables"):
            self.reference.migrate()
        # Not while Airflow starts: its four components leave no core for anything else.
        with progress.step("Organisations, persons, services, teams"):
            self.reference.load()
        self.airflow.start()

    def stop(self) -> None:
        """Stop everything, the other way round."""
        self.airflow.stop()
        self.mail.stop()
        self.postgres.stop()

    def require_alive(self) -> None:
        """Raise ``ProgramDied`` unless all run."""
        self.airflow.require_alive()
        self.mail.require_alive()
        self.postgres.require_alive()

    @property
    def mailboxes_url(self) -> str:
        """The mail server's own page, which shows every mailbox."""
        return f"http://{LOOPBACK}:{self.mail.http_port}"
