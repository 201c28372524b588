"""The mail server of the demo: mail-devel, SMTP in, IMAP out, any login with one password.

It keeps mail in memory: a restart empties every mailbox and gives it a new UIDVALIDITY.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.ports import LOOPBACK, wait_until_open
from demo.program import Program

PUSHING = Path(__file__).with_name("pushing.py")


@dataclass(slots=True)
class MailServer:
    """One server: ports for IMAP, SMTP and its web page, which shows the mailboxes."""

    imap_port: int
    smtp_port: int
    http_port: int
    password: str
    log: Path
    push: bool = True
    """Tell clients that wait of their mail at once."""
    _program: Program | None = None

    def start(self) -> None:
        """Start it and wait until it takes mail."""
        self._program = Program(
            name="the mail server",
            command=[sys.executable, *self._module(), *self._options()],
            log=self.log,
            # The password in the environment: the command line is there for everybody to read.
            environment={**os.environ, "MAIL_PASSWORD": self.password},
            grace=3,
        )
        self._program.start()
        for port in (self.imap_port, self.smtp_port, self.http_port):
            wait_until_open(port, self._program.is_alive)

    def stop(self) -> None:
        """Stop it; its mail is gone."""
        if self._program:
            self._program.stop()
        self._program = None

    def require_alive(self) -> None:
        """Raise ``ProgramDied`` unless it runs."""
        if self._program:
            self._program.require_alive()

    def _module(self) -> list[str]:
        return [str(PUSHING)] if self.push else ["-m", "mail_devel"]

    def _options(self) -> list[str]:
        ports = {"imap": self.imap_port, "smtp": self.smtp_port, "http": self.http_port}
        chosen = [f"--{protocol}-port={port}" for protocol, port in ports.items()]
        return ["--multi-user", f"--host={LOOPBACK}", *chosen]
