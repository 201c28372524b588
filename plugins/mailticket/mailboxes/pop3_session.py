"""A signed-in POP3 session: connecting, STLS, six ways to sign in, and its errors in words."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace

from mailticket import keeper
from mailticket.errors import (
    InsecureConnection,
    MailboxUnavailable,
    MailticketError,
    SignInRefused,
)
from mailticket.mailboxes import dialing, pop3_wire, sasl, server_words
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.pop3_wire import BrokenOff, Wire
from mailticket.mailboxes.server_words import readable

Capabilities = dict[str, list[str]]


@contextlib.contextmanager
def translated(step: str, login: MailboxLogin) -> Iterator[None]:
    """Let only errors of our own out; ``step`` says what was being done."""
    try:
        yield
    except MailticketError:
        raise
    except TimeoutError:
        hint = ": it may expect TLS from the first byte; try tls = implicit"
        silent = step == "greeting" and login.tls != "implicit"
        raise MailboxUnavailable(
            f"{login.server} says nothing within {login.timeout:g} s{hint}"
            if silent
            else f"{login.server} did not answer in time ({step})"
        ) from None
    except (BrokenOff, OSError, ValueError) as error:
        raise MailboxUnavailable(f"{login.server} broke off ({step}): {error}") from None
    except pop3_wire.error as error:
        said = words_of(error, login)
        server_words.refuse_to_be_throttled(said, login)
        raise MailboxUnavailable(f"{login.server} refuses ({step}): {said}") from None


def words_of(error: pop3_wire.error, login: MailboxLogin) -> str:
    """Give the text of an -ERR."""
    said = error.args[0] if error.args else b""
    return server_words.blanked(readable(said).removeprefix("-ERR").strip(), login)


def connect(login: MailboxLogin) -> Wire:
    """Connect, greet and encrypt; everything but the sign-in."""
    return encrypt(greet(login, dialing.dial(login)))


def greet(login: MailboxLogin, connection: socket.socket) -> Wire:
    """Read the greeting."""
    try:
        with translated("greeting", login):
            try:
                return Wire(connection, login)
            except pop3_wire.error as error:
                raise _unwelcome(words_of(error, login), login) from None
    except Exception:
        connection.close()
        raise


def _unwelcome(said: str, login: MailboxLogin) -> MailboxUnavailable:
    spoken = "IMAP" if said.startswith("* ") else "SMTP" if said.startswith("220") else ""
    if spoken:
        return MailboxUnavailable(
            f"{login.server} does not speak POP3 but {spoken}: check the port and the protocol"
        )
    return MailboxUnavailable(f"{login.server} turns us away: {said}")


def capabilities(wire: Wire) -> Capabilities:
    """Ask for capabilities (RFC 2449); none where the server does not know the question."""
    try:
        lines = wire.lines("CAPA")
    except pop3_wire.error:
        return {}
    words = (line.decode("ascii", "replace").upper().split() for line in lines)
    return {each[0]: each[1:] for each in words if each}


def encrypt(wire: Wire) -> Wire:
    """STLS where the login asks for it; the session never goes on in clear without it."""
    login = wire.login
    if login.tls != "starttls":
        return wire
    try:
        with translated("STLS", login):
            try:
                wire.encrypt()
            except pop3_wire.error as error:
                raise InsecureConnection(
                    f"{login.server} refuses STLS ({words_of(error, login)}), and mail is never "
                    f"read in clear instead: use tls = implicit and its port"
                ) from None
    except Exception:
        wire.hang_up()
        raise
    return wire


def open_session(login: MailboxLogin) -> Wire:
    """Connect and sign in; when, and with which token, is the login's keeper's to say."""

    def attempt(token: str) -> Wire:
        return sign_in(connect(replace(login, token=token)))

    return keeper.signed_in(login.keeper, login.token, attempt)


def sign_in(wire: Wire) -> Wire:
    """Sign in on a greeted wire; hangs up when refused."""
    login = wire.login
    try:
        with translated("sign-in", login):
            wire.begin()
            wire.be_patient(login.read_timeout)
            _authenticate(wire, _method(login, capabilities(wire)))
    except Exception:
        wire.hang_up()
        raise
    finally:
        wire.hushed = False
    return wire


def _method(login: MailboxLogin, known: Capabilities) -> str:
    """Choose the way to sign in; raises ``SignInRefused`` when the server does not offer it."""
    offered = known.get("SASL", [])
    if login.auth == "XOAUTH2" and not login.token:
        raise server_words.no_token(login)
    if login.auth == "password":
        return "PLAIN" if known and "USER" not in known and "PLAIN" in offered else "password"
    if login.auth == "APOP" or not offered or login.auth in offered:
        return login.auth
    raise SignInRefused(
        f"{login.server} does not offer {login.auth}; it offers {', '.join(offered)}: "
        f"change pop3_auth_option, or auth in the Connection's Extra"
    )


def _authenticate(wire: Wire, method: str) -> None:
    login, told = wire.login, None
    wire.hushed = True
    try:
        if method == "password":
            wire.user(login.login)
            wire.pass_(login.password)
        elif method == "APOP":
            wire.apop(login.login, login.password)
        else:
            told = sasl.answerer(method, login)
            wire.authenticate(method, told.answer)
    except pop3_wire.error as error:
        said = words_of(error, login) + (told.fault if told else "")
        server_words.refuse_to_be_throttled(said, login)
        raise server_words.sign_in_fault(said, login) from None
