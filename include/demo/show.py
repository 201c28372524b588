"""The demo itself: start, send, wait, show, stay."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from demo.airflow import USER
from demo.outcome import Outcome
from demo.progress import Progress
from demo.samples import send
from demo.stack import Stack
from demo.tables import show

PATIENCE = 400
"""Seconds after which an undecided sample counts as missing."""


class SamplesMissing(Exception):
    """The samples did not become what they should; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class Show:
    """One performance: the servers, the samples, and who is told."""

    stack: Stack
    outcome: Outcome
    progress: Progress
    _told: set[str] = field(default_factory=set)
    """The messages whose fate is known to whoever reads along."""

    def run(self) -> None:
        """Start everything and see the samples through; raises ``SamplesMissing``."""
        self.stack.start(self.progress)
        self.stack.airflow.wait_until_ready(
            lambda ill: self.progress.wait_for(f"Airflow starts: waiting for {ill}")
        )
        self.progress.say("Airflow is up")
        self._send()
        self._wait()
        self.progress.done_waiting()
        show(self.progress.console, self.outcome)
        if surprises := self.outcome.surprises() + self.outcome.unsent():
            raise SamplesMissing("\n".join(surprises))
        self.progress.console.print(f"\nAll {len(self.outcome.samples)} sample mails as expected.")

    def tell_how_to_look(self) -> None:
        """Print addresses and passwords."""
        mail, tickets = self.stack.mail, self.stack.tickets
        lines = {
            "Airflow": f"{self.stack.airflow.url}   user {USER}, password "
            f"{self.stack.secrets.admin_password}",
            "Mailboxes": self.stack.mailboxes_url,
            "Send mail": f"SMTP 127.0.0.1:{mail.smtp_port}, to support@demo.example or "
            "incidents@demo.example",
            "Read mail": f"IMAP 127.0.0.1:{mail.imap_port}, any login, password {mail.password}",
            "Tickets": tickets.server.url(tickets.name, tickets.name),
        }
        self.progress.console.print()
        for name, value in lines.items():
            self.progress.console.print(f"[bold]{name:<10}[/bold] {value}", soft_wrap=True)

    def stay(self) -> None:
        """Tell what is decided on new mail until somebody stops us."""
        self.progress.console.print("\nCtrl-C stops it. What comes in meanwhile:")
        seen = max((fate.decided_at for fate in self.outcome.since(None)), default=None)
        while True:
            self.stack.require_alive()
            for fate in self.outcome.since(seen):
                self.progress.say(fate.sentence())
                seen = fate.decided_at
            time.sleep(1)

    def _send(self) -> None:
        """Send the samples that no inbox has seen: the mail server forgets, the tables do not."""
        new = self.outcome.unknown()
        self._told.update(self.outcome.fates())
        if not new:
            self.progress.say("The sample mails were sent in an earlier start")
            return
        with self.progress.step(f"Sending {len(new)} sample mails"):
            send(new, self.stack.mail.smtp_port)

    def _wait(self) -> None:
        """Wait until each sample is decided and each error was forwarded."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.stack.require_alive()
            fates = self.outcome.fates()
            for message_id in [each for each in fates if each not in self._told]:
                self.progress.say(fates[message_id].sentence())
                self._told.add(message_id)
            missing = len(self.outcome.samples) - len(fates)
            if not missing and not self.outcome.unsent():
                return
            waiting = f"{missing} sample mails to be decided" if missing else "the outbox"
            self.progress.wait_for(f"Airflow's runs: waiting for {waiting}")
            time.sleep(0.5)
