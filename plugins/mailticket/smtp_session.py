"""A session with an SMTP server: connecting, TLS, sign-in, and why that failed, in words."""

from __future__ import annotations

import base64
import smtplib  # noqa: TID251  # one of its two owners
import socket
import ssl
from dataclasses import replace

from mailticket import keeper
from mailticket.blanking import blanked
from mailticket.errors import (
    ConfigurationError,
    Fault,
    MailboxError,
    MailServerRefusedSignIn,
    MailServerUnavailable,
    VaultClosed,
)
from mailticket.mailboxes import tls
from mailticket.outgoing import one_line
from mailticket.smtp_login import SmtpLogin


def connected(login: SmtpLogin) -> smtplib.SMTP:
    """Open, secure and sign in; ``MailServerUnavailable`` says in words which of these failed.

    When it may be tried, and with which token, is the login's keeper's to say.
    """

    def attempt(token: str) -> smtplib.SMTP:
        return _attempt(replace(login, access_token=token))

    try:
        return keeper.signed_in(login.keeper, login.access_token, attempt)
    except MailboxError as error:  # the keeper's own: put off, or no token
        raise MailServerUnavailable(f"mail server {login.host}:{login.port}: {error}") from None
    except VaultClosed as error:
        raise MailServerUnavailable(str(error)) from None


def _attempt(login: SmtpLogin) -> smtplib.SMTP:
    context = _context(login)
    try:
        session = _opened(login, context)
        try:
            if login.tls == "starttls":
                session.starttls(context=context)
            session.ehlo_or_helo_if_needed()
            _sign_in(session, login)
        except BaseException:
            session.close()
            raise
    except (OSError, ValueError) as error:
        said = blanked(_words(error, login), (login.password, login.access_token))
        words = f"mail server {login.host}:{login.port}: {said}"
        kind = MailServerRefusedSignIn if _is_refusal(error) else MailServerUnavailable
        raise kind(words) from None  # the error itself may repeat what the server echoed
    return session


def _is_refusal(error: Exception) -> bool:
    """Tell "not you" (RFC 4954, 6: 5yz) from "not now"."""
    return isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500  # noqa: PLR2004


def _opened(login: SmtpLogin, context: ssl.SSLContext | None) -> smtplib.SMTP:
    # A name of our own for EHLO: smtplib's default asks the DNS, without a time limit.
    domain = (login.from_email or login.login).rpartition("@")[2]
    name = domain if "." in domain and domain.isascii() else "[127.0.0.1]"
    if login.tls == "implicit":
        return smtplib.SMTP_SSL(
            login.host, login.port, name, timeout=login.timeout, context=context
        )
    return smtplib.SMTP(login.host, login.port, name, timeout=login.timeout)


def _context(login: SmtpLogin) -> ssl.SSLContext | None:
    if login.tls == "none":
        return None  # reading the system's certificates takes longer than the mail
    pem = login.ca if "-----BEGIN" in login.ca else None
    try:
        context = ssl.create_default_context(
            cafile=login.ca if login.ca and not pem else None, cadata=pem
        )
    except (OSError, ValueError) as error:
        fault = Fault("", "SMTP Connection, Extra ca", one_line(login.ca, 100), str(error))
        raise ConfigurationError(fault) from error
    if not login.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _sign_in(session: smtplib.SMTP, login: SmtpLogin) -> None:
    """Sign in as Airflow's hook does: only where there is something to sign in with."""
    user = login.login or login.from_email
    if login.access_token:
        _require_xoauth2(session)
        answer = f"user={user}\x01auth=Bearer {login.access_token}\x01\x01"
        # The server's challenge is an error to be acknowledged by an empty line, not by the token.
        session.auth("XOAUTH2", lambda challenge=None: answer if challenge is None else "")
    elif not (login.login and login.password):
        return
    elif (login.login + login.password).isascii():
        session.login(login.login, login.password)
    else:
        _sign_in_plainly(session, login)


def _require_xoauth2(session: smtplib.SMTP) -> None:
    offered = session.esmtp_features.get("auth", "").split()
    if "XOAUTH2" not in offered:
        there = ", ".join(offered) or "no sign-in at all, without TLS at least"
        raise smtplib.SMTPNotSupportedError(f"it does not offer XOAUTH2 but {there}")


def _sign_in_plainly(session: smtplib.SMTP, login: SmtpLogin) -> None:
    """AUTH PLAIN in UTF-8 (RFC 4616): smtplib's own raises on a password beyond ASCII."""
    credentials = base64.b64encode(f"\0{login.login}\0{login.password}".encode()).decode()
    code, text = session.docmd("AUTH", f"PLAIN {credentials}")
    if code not in (235, 503):
        raise smtplib.SMTPAuthenticationError(code, text)


def _words(error: Exception, login: SmtpLogin) -> str:
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, OSError):
        error = error.__context__  # smtplib hides a time-out in it
    match error:
        case socket.gaierror():
            words = f"the host name is not known ({error.strerror}): check the Connection's host"
        case TimeoutError():
            words = f"no answer within {login.timeout:g} s (host, port, or TLS mode {login.tls}?)"
        case ConnectionRefusedError():
            words = "nothing listens there (port?)"
        case ssl.SSLCertVerificationError():
            words = str(tls.explain(error, login))
        case ssl.SSLError():
            words = f"{tls.explain(error, login)} (TLS mode {login.tls})"
        case smtplib.SMTPAuthenticationError():
            words = (
                f"it refuses the login: {error.smtp_code} {said_by(error.smtp_error)}; check login "
                f"and {'token' if login.access_token else 'password'} in the Connection"
            )
        case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(error):
            words = "it offers no STARTTLS; nothing is sent in clear unless disable_tls says so"
        case smtplib.SMTPResponseException():
            words = f"it answers {error.smtp_code} {said_by(error.smtp_error)}"
        case _:
            words = one_line(str(error), 300)
    return words


def said_by(text: bytes | str) -> str:
    """Give a server's words on one line."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(decoded, 300)
