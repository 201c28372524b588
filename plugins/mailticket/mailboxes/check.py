"""Check connection: step after step until one fails, in words, with the cure (SPEC 2.7)."""

from __future__ import annotations

import contextlib
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mailticket.errors import (
    ConfigurationError,
    InsecureConnection,
    MailboxUnavailable,
    MailticketError,
    SignInRefused,
)
from mailticket.mailboxes import (
    dialing,
    imap_folders,
    imap_session,
    imap_sign_in,
    imap_wire,
    pop3_session,
    pop3_wire,
    tls,
)
from mailticket.mailboxes.base import Place
from mailticket.mailboxes.imap_session import Session
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.pop3_maildrop import maildrop
from mailticket.oauth_endpoint import ask

_PROBE_SECONDS = 5.0
Step = Callable[[], str]
"""Does one thing and says what came of it; raises one of our errors."""


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One thing that was tried, from ``resolve`` to ``count``."""

    name: str
    ok: bool
    detail: str
    """A sentence; of a failure with its cure."""


def check(
    login: MailboxLogin, folder: str | None = None, move_to: str = ""
) -> tuple[CheckStep, ...]:
    """Connect as an inbox would; the steps that were reached, the last of them may have failed."""
    return tuple(steps(login, folder, move_to))


def steps(login: MailboxLogin, folder: str | None = None, move_to: str = "") -> Iterator[CheckStep]:
    """Give each step as soon as it is done, for somebody who waits.

    ``move_to``: a folder that has to be there as well.
    """
    kind = _Pop3Attempt if login.protocol == "pop3" else _ImapAttempt
    attempt = kind(login, folder or "INBOX", move_to)
    with contextlib.closing(attempt):
        for name, step in attempt.steps():
            try:
                yield CheckStep(name, True, step())
            except MailticketError as error:
                yield CheckStep(name, False, _with_cause(login, error))
                return


class _Attempt(ABC):
    """What has been reached so far, whatever the protocol; closed at the end."""

    def __init__(self, login: MailboxLogin, folder: str, move_to: str) -> None:
        self._login = login
        self._folder = folder
        self._move_to = move_to
        self._addresses: list[dialing.Address] = []
        self._connection: socket.socket | None = None

    def steps(self) -> list[tuple[str, Step]]:
        """List the steps in their order: STARTTLS comes after the greeting."""
        first: list[tuple[str, Step]] = [("greeting", self._greet)]
        if self._login.tls == "starttls":
            first.append(("TLS", self._start_tls))
        elif self._login.tls == "implicit":
            first.insert(0, ("TLS", self._secure))
        if self._login.auth == "XOAUTH2" and self._login.oauth:
            first.insert(0, ("token", self._fetch_token))
        return [("resolve", self._resolve), ("connect", self._connect), *first, *self._last_steps()]

    @abstractmethod
    def _enter(self) -> None: ...

    @abstractmethod
    def _last_steps(self) -> list[tuple[str, Step]]: ...

    @abstractmethod
    def _greet(self) -> str: ...

    @abstractmethod
    def _start_tls(self) -> str: ...

    def close(self) -> None:
        """Sign out, or hang up."""
        if self._connection:
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
        self._connection = dialing.secure(self._connection, self._login)
        return _security(self._connection, self._login)

    def _fetch_token(self) -> str:
        client = self._login.oauth
        assert client
        token = self._login.keeper.begin() if self._login.keeper else ask(client).access_token
        self._login = replace(self._login, token=token)
        return f"{client.server} gives a token ({client.grant.replace('_', ' ')})"

    def _sign_in(self) -> str:
        """Sign in; a person who asks counts as a reason to try at once what was refused lately."""
        keeper, token = self._login.keeper, self._login.token
        if keeper and not token:
            keeper.begin()
        try:
            self._enter()
        except SignInRefused as error:
            if keeper:
                keeper.refused(token, error)
            raise
        if keeper:
            keeper.accepted()
        return f"{self._login.login} is signed in with {self._login.auth}"


class _ImapAttempt(_Attempt):
    _wire: imap_wire.Wire | None = None
    _session: Session | None = None
    _place: Place | None = None

    def _last_steps(self) -> list[tuple[str, Step]]:
        last: list[tuple[str, Step]] = [("sign in", self._sign_in), ("open folder", self._open)]
        if self._move_to:
            last.append(("move_to", self._find_other))
        return [*last, ("count", self._count)]

    def close(self) -> None:
        if self._session:
            self._session.close()
        elif self._wire:
            self._wire.shutdown()
        super().close()

    def _greet(self) -> str:
        assert self._connection
        self._wire = imap_session.greet(self._login, self._connection)
        return "an IMAP server greets"

    def _start_tls(self) -> str:
        assert self._wire
        imap_session.encrypt(self._wire)
        return _security(self._wire.sock, self._login)

    def _enter(self) -> None:
        assert self._wire
        self._session = imap_sign_in.sign_in(self._wire)

    def _open(self) -> str:
        assert self._session
        self._place = imap_folders.select(self._session, self._folder)
        if self._place.read_only:
            return (
                f"the folder {self._folder!r} is open, but for reading only: nothing can be "
                f"deleted or moved from it; give {self._login.login} the right, or choose keep"
            )
        return f"the folder {self._folder!r} is open (UIDVALIDITY {self._place.uidvalidity})"

    def _find_other(self) -> str:
        assert self._session
        if self._session.has_folder(self._move_to):
            return f"the folder {self._move_to!r} is there"
        raise imap_folders.not_opened(self._session, self._move_to, "it is not listed")

    def _count(self) -> str:
        assert self._place
        return _holds(self._place.exists)


class _Pop3Attempt(_Attempt):
    _wire: pop3_wire.Wire | None = None

    def _last_steps(self) -> list[tuple[str, Step]]:
        return [("sign in", self._sign_in), ("count", self._count)]

    def close(self) -> None:
        if self._wire:
            self._wire.hang_up()
        super().close()

    def _greet(self) -> str:
        assert self._connection
        self._wire = pop3_session.greet(self._login, self._connection)
        return "a POP3 server greets"

    def _start_tls(self) -> str:
        assert self._wire
        pop3_session.encrypt(self._wire)
        return _security(self._wire.connection, self._login)

    def _enter(self) -> None:
        assert self._wire
        pop3_session.sign_in(self._wire)

    def _count(self) -> str:
        assert self._wire
        with pop3_session.translated("listing", self._login):
            self._wire.begin()
            return _holds(len(maildrop(self._wire)[0]))


def _holds(count: int) -> str:
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
        der = _peer_certificate(replace(login, verify=False, timeout=_PROBE_SECONDS))
    except MailticketError as error:
        return f"not shown ({error})"
    return tls.describe_certificate(der) if der else "not shown"


def _peer_certificate(login: MailboxLogin) -> bytes | None:
    if login.protocol == "pop3":
        with contextlib.closing(pop3_session.connect(login).connection) as connection:
            return dialing.peer_certificate(connection)
    with contextlib.closing(imap_session.connect(login).sock) as connection:
        return dialing.peer_certificate(connection)


def _speaks_tls(login: MailboxLogin) -> bool:
    """Try a handshake where a plain greeting was expected and did not come."""
    probe = replace(login, tls="implicit", verify=False, timeout=_PROBE_SECONDS)
    try:
        dialing.dial(probe).close()
    except MailticketError:
        return False
    return True
