"""What comes in from a mail server: read until a deadline, logged with secrets blanked."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from typing import Any

import structlog

from mailticket.blanking import blanked
from mailticket.mailboxes.login import MailboxLogin

COMMAND_SECONDS = 900.0
"""No answer may take longer, however steadily it drips."""


class Incoming(io.RawIOBase):
    """Reads a socket until a deadline; a server that drips byte by byte meets it too."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        super().__init__()
        self._connection = connection
        self.patience = patience
        self.deadline = time.monotonic() + patience

    def readable(self) -> bool:
        """Say yes, as ``io`` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, at most until the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        wanted = min(self.patience, left)
        if self._connection.gettimeout() != wanted:
            self._connection.settimeout(wanted)
        return self._connection.recv_into(buffer)


def dialogue_log(login: MailboxLogin, name: str) -> Callable[[str, bytes | str], None]:
    """Make the function that logs one line of the dialogue, secrets blanked."""
    log = structlog.get_logger(name).bind(server=login.server)

    def log_line(side: str, line: bytes | str) -> None:
        shown = line if isinstance(line, str) else line[:2000].decode("utf-8", "replace").rstrip()
        log.info(f"{side} {blanked(shown, login.secrets)}")

    return log_line
