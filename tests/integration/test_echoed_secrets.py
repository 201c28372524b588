"""Servers that repeat what they were sent: neither errors nor the debug dialogue show a secret."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from demo.ports import LOOPBACK
from mailticket.errors import MailticketError
from mailticket.mailboxes import imap_sign_in, pop3_session
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.tls import context_for
from mailticket.smtp import MailServer
from mailticket.smtp_login import SmtpLogin
from mailticket.watching import imap_client
from services import echoing

PASSWORD = 'pa"ss\\Word-0123456789'
TOKEN = "eyJhbGciOiJSUzI1NiJ9." + "dG9rZW4" * 300
TELLING = 14
"""Characters of a secret, or of the base64 of one, that must not be seen."""


def watched(login: MailboxLogin) -> None:
    """Sign in as the watch does."""
    asyncio.run(imap_client.Connection.open(login, "INBOX", context_for))


WAYS: dict[str, tuple[echoing.Manners, Callable[[MailboxLogin], Any]]] = {
    "imap": (echoing.imap, imap_sign_in.open_session),
    "watch": (echoing.imap, watched),
    "pop3": (echoing.pop3, pop3_session.open_session),
}


def shown(work: Callable[[], object]) -> str:
    """Give all that is told of a sign-in: the error with its causes, and the dialogue."""
    with capture_logs() as logs, pytest.raises(MailticketError) as refused:
        work()
    error: BaseException | None = refused.value
    told = []
    while error is not None:
        told.append(f"{error!r} {error}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join([*told, *(str(line) for line in logs)])


def spellings(secret: str) -> list[str]:
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"')
    sent = (secret, f"\0ada\0{secret}", f"user=ada\1auth=Bearer {secret}\1\1")
    in_base64 = [base64.b64encode(each.encode()).decode() for each in sent]
    # What comes before the secret may be seen.
    tails = [each[-TELLING:].rstrip("=") for each in in_base64]
    return [secret[:TELLING], quoted[:TELLING], *tails]


@pytest.mark.parametrize("auth", ["password", "PLAIN", "LOGIN", "XOAUTH2"])
@pytest.mark.parametrize("way", WAYS)
def test_a_mailbox_that_echoes_a_sign_in_gives_no_secret_away(way: str, auth: str) -> None:
    manners, sign_in = WAYS[way]
    given = {"token": TOKEN} if auth == "XOAUTH2" else {"password": PASSWORD}
    with echoing.serving(manners) as port:
        login = MailboxLogin(
            LOOPBACK,
            port,
            "ada",
            tls="none",
            auth=auth,
            dialogue=True,
            protocol="pop3" if way == "pop3" else "imap",
            **given,
        )
        told = shown(lambda: sign_in(login))
    secret = TOKEN if auth == "XOAUTH2" else PASSWORD
    assert "unknown command" in told
    assert [each for each in spellings(secret) if each in told] == []


@pytest.mark.parametrize(
    "given", [{"password": PASSWORD}, {"password": "ü" + PASSWORD}, {"access_token": TOKEN}]
)
def test_a_mail_server_that_echoes_a_sign_in_gives_no_secret_away(given: dict[str, str]) -> None:
    def sign_in() -> None:
        with MailServer(SmtpLogin(LOOPBACK, port, "ada", tls="none", **given)):  # type: ignore[arg-type]
            raise AssertionError("it lets us in")

    with echoing.serving(echoing.smtp) as port:
        told = shown(sign_in)
    [secret] = given.values()
    assert "unknown command" in told
    assert [each for each in spellings(secret) if each in told] == []
