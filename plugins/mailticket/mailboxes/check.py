"""Check connection: step after step until one fails, in words, with the cure (SPEC 2.7)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mailticket.errors import (
    ConfigurationError,
    InsecureConnection,
    MailboxUnavailable,
    MailticketError,
)
from mailticket.mailboxes import dialing, imap_folders, imap_session, imap_sign_in, tls
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.imap_session import Session
from mailticket.mailboxes.imap_wire import Wire
from mailticket.mailboxes.login import MailboxLogin

_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One thing that was tried, from ``resolve`` to ``count``."""

    name: str
    ok: bool
    detail: str
    """A sentence; of a failure with its cure."""


def check(login: MailboxLogin, folder: str | None = None) -> tuple[CheckStep, ...]:
    """Connect as an inbox would; the steps that were reached, the last of them may have failed."""
    return tuple(steps(login, folder))


def steps(login: MailboxLogin, folder: str | None = None) -> Iterator[CheckStep]:
    """Give each step as soon as it is done, for somebody who waits."""
    attempt = _Attempt(login, folder or "INBOX")
    with contextlib.closing(attempt):
        for name, step in attempt.steps():
            try:
                yield CheckStep(name, True, step())
            except MailticketError as error:
                yield CheckStep(name, False, _with_cause(login, error))
                return


class _Attempt:
    """What has been reached so far, closed at the end."""

    def __init__(self, login: MailboxLogin, folder: str) -> None:
        self._login = login
        self._folder = folder
        self._addresses: list[dialing.Address] = []
        self._connection: socket.socket | None = None
        self._wire: Wire | None = None
        self._session: Session | None = None
        self._place: Place | None = None

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """List the steps in their order: STARTTLS comes after the greeting."""
        security = ("TLS", self._secure)
        greeting = ("greeting", self._greet)
        first = [greeting, security] if self._login.tls == "starttls" else [security, greeting]
        return [
            ("resolve", self._resolve),
            ("connect", self._connect),
            *(first if self._login.tls != "none" else [greeting]),
            ("sign in", self._sign_in),
            ("open folder", self._open),
            ("count", self._count),
        ]

    def close(self) -> None:
        """Sign out, or hang up."""
        if self._session:
            self._session.close()
        elif self._wire:
            self._wire.shutdown()
        elif self._connection:
            self._connection.close()

    def _resolve(self) -> str:
        self._addresses = dialing.resolve(self._login)
        shown = dict.fromkeys(str(address[0]) for _, address in self._addresses)
        return f"{self._login.host} is {', '.join(shown)}"

    def _connect(self) -> str:
        self._connection = dialing.connect(self._login, self._addresses)
        return f"port {self._login.port} answers"

    def _secure(self) -> str:
        assert self._connection
        if self._login.tls == "starttls":
            assert self._wire
            self._wire = imap_session.encrypt(self._wire)
            self._connection = self._wire.sock
        else:
            self._connection = dialing.secure(self._connection, self._login)
        return _security(self._connection, self._login)

    def _greet(self) -> str:
        assert self._connection
        self._wire = imap_session.greet(self._login, self._connection)
        return "an IMAP server greets"

    def _sign_in(self) -> str:
        assert self._wire
        self._session = imap_sign_in.sign_in(self._wire)
        return f"{self._login.login} is signed in with {self._login.auth}"

    def _open(self) -> str:
        assert self._session
        self._place = imap_folders.select(self._session, self._folder)
        if self._place.read_only:
            return (
                f"the folder {self._folder!r} is open, but for reading only: nothing can be "
                f"deleted or moved from it; give {self._login.login} the right, or choose keep"
            )
        return f"the folder {self._folder!r} is open (UIDVALIDITY {self._place.uidvalidity})"

    def _count(self) -> str:
        assert self._place
        count = self._place.exists
        return f"it holds {count} message{'' if count == 1 else 's'}"


def _security(connection: socket.socket, login: MailboxLogin) -> str:
    version = getattr(connection, "version", str)() or "TLS"
    if login.verify:
        return f"{version}, and the certificate is trusted"
    return f"{version}, but the certificate is not looked at (novalidate-cert)"


def _with_cause(login: MailboxLogin, error: MailticketError) -> str:
    """Look closer at two failures: whose certificate it is, and whether TLS was expected."""
    words = str(error)
    if isinstance(error, ConfigurationError):
        return "; ".join(f"{fault.field}: {fault.allowed}" for fault in error.faults)
    if isinstance(error, InsecureConnection) and "certificate" in words and login.verify:
        return f"{words}. It is: {_certificate(login)}"
    if isinstance(error, MailboxUnavailable) and "says nothing" in words and _speaks_tls(login):
        return f"{login.server} expects TLS from the first byte: set tls = implicit"
    return words


def _certificate(login: MailboxLogin) -> str:
    """Fetch the certificate without trusting it; nothing is sent over that connection."""
    try:
        wire = imap_session.connect(replace(login, verify=False, timeout=_PROBE_SECONDS))
    except MailticketError as error:
        return f"not shown ({error})"
    try:
        der = wire.peer_certificate()
    finally:
        wire.shutdown()
    return tls.describe_certificate(der) if der else "not shown"


def _speaks_tls(login: MailboxLogin) -> bool:
    """Try a handshake where a plain greeting was expected and did not come."""
    probe = replace(login, tls="implicit", verify=False, timeout=_PROBE_SECONDS)
    try:
        dialing.dial(probe).close()
    except MailticketError:
        return False
    return True
