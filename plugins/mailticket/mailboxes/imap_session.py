"""An IMAP session: connecting, greeting, STARTTLS, commands by UID; what they mean is imap.py's."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imap_tools.mailbox import (  # noqa: TID251 - one of the files that own the library
    BaseMailBox,
)

from mailticket.errors import InsecureConnection
from mailticket.mailboxes import dialing, imap_faults, imap_wire, server_words
from mailticket.mailboxes.imap_answer import Folder, folder_on_wire, folders
from mailticket.mailboxes.login import MailboxLogin

_FAREWELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's end: whether it was OK, the server's words, and its untagged lines."""

    ok: bool
    words: str
    lines: tuple[Any, ...] = ()


class _Box(BaseMailBox):
    """imap_tools on a wire of ours."""

    def __init__(self, wire: imap_wire.Wire) -> None:
        self._wire = wire
        super().__init__()

    def _get_mailbox_client(self) -> imap_wire.Wire:
        return self._wire


class Session:
    """One connection to one server; ``open`` then commands, ``close`` signs out."""

    def __init__(self, login: MailboxLogin, wire: imap_wire.Wire) -> None:
        self.login = login
        self.wire = wire
        self.box = _Box(wire)
        self.capabilities = frozenset(wire.capabilities)
        self._spoilt = False
        """True once an answer broke off: nothing sensible can be said any more."""

    # -- commands ------------------------------------------------------------------------------

    def uid(self, command: str, *arguments: str, allowance: int = 0) -> Answer:
        """Run a UID command; NO and BAD are answers, a request to come later is an error."""
        return self._run(f"UID {command}", allowance, lambda: self.wire.uid(command, *arguments))

    def command(self, name: str, *arguments: str | bytes) -> Answer:
        """Run any other command; its untagged lines are those of its own name."""

        def run() -> tuple[str, list[Any]]:
            status, words = self.wire._simple_command(name, *arguments)  # noqa: SLF001
            return status, self.wire.take(name) if status == "OK" else words

        return self._run(name, 0, run)

    def _run(self, step: str, allowance: int, run: Callable[[], tuple[str, list[Any]]]) -> Answer:
        with imap_faults.translated(step, self.login):
            self.wire.begin(allowance or imap_wire.ANSWER_BYTES)
            try:
                status, lines = run()
            except (imap_wire.abort, OSError, ValueError):
                self._spoilt = True
                raise
            except imap_wire.error:  # imaplib's way to say BAD
                status, lines = "BAD", []
            words = imap_faults.last_words(self.wire)
            if status == "OK":
                return Answer(True, words, tuple(lines))
            server_words.refuse_to_be_throttled(words, self.login)
            words = server_words.blanked(words, self.login) or status
            # After a NO the untagged lines are still there: servers give what they could.
            return Answer(False, words, tuple(self.wire.take("FETCH")))

    # -- folders -------------------------------------------------------------------------------

    def folders(self, pattern: str = '"*"') -> list[Folder]:
        """List folders (RFC 3501, 6.3.8), those of other users and shared ones included."""
        return folders(self.command("LIST", '""', pattern).lines)

    def has_folder(self, name: str) -> bool:
        """Tell whether a folder is there, its name compared exactly."""
        wanted = "INBOX" if name.upper() == "INBOX" else name
        listed = self.folders(folder_on_wire(name))
        return any(folder.name == wanted or name.upper() == folder.name for folder in listed)

    # -- its end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Sign out, never with CLOSE (it would expunge the deleted mail of others)."""
        try:
            if self.wire.state != "LOGOUT" and not self._spoilt:
                self.wire.begin()
                self.wire.be_patient(_FAREWELL_SECONDS)
                self.box.logout()
        except Exception:  # noqa: BLE001, S110 - the work is done; a rude server changes nothing
            pass
        self.drop()

    def drop(self) -> None:
        """Cut the connection without a word."""
        self.wire.state = "LOGOUT"
        self.wire.shutdown()


def connect(login: MailboxLogin) -> imap_wire.Wire:
    """Connect, greet and encrypt; everything but the sign-in."""
    connection = dialing.dial(login)
    return encrypt(greet(login, connection))


def greet(login: MailboxLogin, connection: socket.socket) -> imap_wire.Wire:
    """Read the greeting and the capabilities."""
    try:
        with imap_faults.translated("greeting", login):
            return imap_wire.Wire(connection, login)
    except Exception:
        connection.close()
        raise


def _require_starttls(wire: imap_wire.Wire, login: MailboxLogin) -> None:
    # PREAUTH in clear would skip STARTTLS: somebody in between may have said it.
    if "STARTTLS" not in wire.capabilities or wire.state != "NONAUTH":
        raise InsecureConnection(
            f"{login.server} does not offer STARTTLS, and mail is never read in clear "
            f"instead: use tls = implicit and its port"
        )


def encrypt(wire: imap_wire.Wire) -> imap_wire.Wire:
    """STARTTLS where the login asks for it; the session never goes on in clear without it."""
    login = wire._login  # noqa: SLF001
    if login.tls != "starttls":
        return wire
    try:
        with imap_faults.translated("STARTTLS", login):
            _require_starttls(wire, login)
            wire.encrypt()
    except Exception:
        wire.shutdown()
        raise
    return wire
