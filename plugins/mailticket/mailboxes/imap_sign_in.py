"""Signing in to IMAP: which way, each way, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailticket import keeper
from mailticket.errors import SignInRefused
from mailticket.mailboxes import imap_answer, imap_faults, imap_wire, sasl, server_words
from mailticket.mailboxes.imap_session import Session, connect
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.server_words import readable


def open_session(login: MailboxLogin) -> Session:
    """Connect and sign in; capabilities are those after the sign-in (Dovecot shows MOVE then).

    When it may be tried, and with which token, is the login's keeper's to say.
    """

    def attempt(token: str) -> Session:
        return sign_in(connect(replace(login, token=token)))

    return keeper.signed_in(login.keeper, login.token, attempt)


def sign_in(wire: imap_wire.Wire) -> Session:
    """Sign in on a greeted wire; closes it when refused."""
    login = wire._login  # noqa: SLF001
    session = Session(login, wire)
    try:
        with imap_faults.translated("sign-in", login):
            wire.begin()
            wire.be_patient(login.read_timeout)
            if wire.state == "NONAUTH":
                _authenticate(session)
            session.capabilities = _capabilities_now(wire)
    except Exception:
        wire.shutdown()
        raise
    return session


def _capabilities_now(wire: imap_wire.Wire) -> frozenset[str]:
    """Take the capabilities that came with the sign-in's OK, else ask (RFC 3501, 7.2.1)."""
    told = wire.take("CAPABILITY")
    if not told:
        _, told = wire.capability()
    line = told[-1] or b""
    wire.capabilities = tuple(readable(line, 10_000).upper().split())
    return frozenset(wire.capabilities)


def _authenticate(session: Session) -> None:
    wire, login = session.wire, session.login
    method = _method(session)
    wire.take("CAPABILITY")
    wire.hushed = True
    try:
        _METHODS[method](session)
    except imap_wire.abort:
        if wire.untagged_responses.get("BYE"):
            words = readable(wire.take("BYE")[-1])
            raise server_words.sign_in_fault(words, login) from None
        raise
    except imap_faults.REFUSALS:
        words = imap_faults.last_words(wire)
        server_words.refuse_to_be_throttled(words, login)
        raise server_words.sign_in_fault(words, login) from None
    finally:
        wire.hushed = False


def _method(session: Session) -> str:
    """Choose the way to sign in; raises ``SignInRefused`` when the server does not offer it."""
    login, offered = session.login, session.capabilities
    mechanisms = sorted(word[5:] for word in offered if word.startswith("AUTH="))
    if login.auth == "password":
        plain = f"{login.login}{login.password}".isascii()
        if "LOGINDISABLED" not in offered and (plain or "PLAIN" not in mechanisms):
            return "password"
        if "PLAIN" in mechanisms:
            return "PLAIN"
        hint = f"it offers {', '.join(mechanisms)}: change auth" if mechanisms else "change auth"
        if login.tls == "none":
            hint += ", or use tls = starttls or implicit"
        raise SignInRefused(f"{login.server} accepts no password on this connection; {hint}")
    if login.auth == "XOAUTH2" and not login.token:
        raise server_words.no_token(login)
    if login.auth in mechanisms or not mechanisms:
        return login.auth
    raise SignInRefused(
        f"{login.server} does not offer {login.auth}; "
        f"it offers {', '.join(mechanisms)}: change auth in the Connection's Extra"
    )


def _by_password(session: Session) -> None:
    login = session.login
    words = [imap_answer.quoted(word).encode() for word in (login.login, login.password)]
    status, said = session.wire._simple_command("LOGIN", *words)  # noqa: SLF001
    if status != "OK":
        raise imap_wire.error(said)
    session.wire.state = "AUTH"


def _by_plain(session: Session) -> None:
    session.box.login_utf8(session.login.login, session.login.password, None)


def _by_sasl(mechanism: str) -> Callable[[Session], None]:
    """Make the way of a mechanism whose answers are in sasl.py."""

    def sign_in(session: Session) -> None:
        answerer = sasl.answerer(mechanism, session.login)
        try:
            session.wire.authenticate(mechanism, answerer.answer)
        except imap_wire.abort:
            raise
        except imap_wire.error:
            words = imap_faults.last_words(session.wire)
            server_words.refuse_to_be_throttled(words, session.login)
            raise server_words.sign_in_fault(f"{words}{answerer.fault}", session.login) from None

    return sign_in


_METHODS: dict[str, Callable[[Session], None]] = {
    "password": _by_password,
    "PLAIN": _by_plain,
    "LOGIN": _by_sasl("LOGIN"),
    "CRAM-MD5": _by_sasl("CRAM-MD5"),
    "XOAUTH2": _by_sasl("XOAUTH2"),
}
