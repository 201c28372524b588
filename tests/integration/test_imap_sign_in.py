"""Greeting, TLS, sign-in and opening, where a server is strange, by a scripted one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from demo.ports import LOOPBACK
from mailticket.errors import (
    FolderMissing,
    InsecureConnection,
    MailboxError,
    MailboxUnavailable,
    ReadOnlyFolder,
    SignInRefused,
)
from mailticket.mailboxes.base import Fetched, Settlement
from mailticket.mailboxes.imap import ImapMailbox, open_imap
from mailticket.mailboxes.login import MailboxLogin
from services.scripted_imap import CUT, ScriptedImap

MESSAGES = {1: b"one", 2: b"two", 3: b"three"}
ALL = [b"one", b"two", b"three"]


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with ScriptedImap(messages=dict(MESSAGES)) as running:
        yield running


def login(server: ScriptedImap, **options: Any) -> MailboxLogin:
    usual: dict[str, Any] = {"tls": "none", "timeout": 2, "read_timeout": 0.5}
    return MailboxLogin(LOOPBACK, server.port, "anna", "s3cret", **(usual | options))


def mailbox(server: ScriptedImap, **options: Any) -> ImapMailbox:
    return open_imap(login(server, **options))


def fetched(server: ScriptedImap) -> list[Fetched]:
    with mailbox(server) as opened:
        return list(opened.originals(opened.listing(), 10_000))


# -- signing in and opening --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"NO [AUTHENTICATIONFAILED] no", SignInRefused),
        (b"NO [AUTHORIZATIONFAILED] no", SignInRefused),
        (b"NO wrong password", SignInRefused),
        (b"BAD no such command", SignInRefused),
        (b"NO Invalid credentials, please try again later", SignInRefused),
        (b"NO Too many login failures", SignInRefused),
        (b"NO [UNAVAILABLE] auth server down", MailboxUnavailable),
        (b"NO [INUSE] locked", MailboxUnavailable),
        (b"NO [LIMIT] too many", MailboxUnavailable),
        (b"NO [ALERT] Too many simultaneous connections. (Failure)", MailboxUnavailable),
        (b"BAD User is authenticated but not connected.", MailboxUnavailable),
    ],
)
def test_a_refused_sign_in_is_told_from_a_server_that_cannot_now(
    server: ScriptedImap, answer: bytes, error: type[MailboxError]
) -> None:
    server.script = [(r"LOGIN .*", b"TAG " + answer + b"\r\n")]
    with pytest.raises(error), mailbox(server):
        pass
    assert sum(command.startswith("LOGIN") for command in server.commands) == 1


def test_throttling_says_how_long_to_wait(server: ScriptedImap) -> None:
    said = b"TAG BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n"
    for pattern in ("LOGIN .*", "SELECT .*", "UID SEARCH .*", "UID FETCH .*"):
        server.script = [(pattern, said)]
        with pytest.raises(MailboxUnavailable) as caught:
            fetched(server)
        assert caught.value.retry_after == pytest.approx(299.961)


def test_a_password_that_the_server_echoes_is_not_repeated(server: ScriptedImap) -> None:
    server.script = [(r"LOGIN .*", b'TAG BAD unknown: LOGIN "anna" "s3cret"\r\n')]
    with pytest.raises(SignInRefused) as caught, mailbox(server):
        pass
    assert "s3cret" not in str(caught.value)


def test_starttls_is_never_replaced_by_clear_text(server: ScriptedImap) -> None:
    with pytest.raises(InsecureConnection), mailbox(server, tls="starttls"):
        pass
    assert server.commands == ["CAPABILITY"]


def test_a_preauth_greeting_does_not_skip_starttls(server: ScriptedImap) -> None:
    server.greeting = b"* PREAUTH welcome\r\n"
    server.capabilities += " STARTTLS"
    with pytest.raises(InsecureConnection), mailbox(server, tls="starttls"):
        pass
    assert server.commands == ["CAPABILITY"]


def test_a_refused_starttls_is_not_replaced_by_clear_text(server: ScriptedImap) -> None:
    server.capabilities += " STARTTLS"
    server.script = [("STARTTLS", b"TAG NO not now\r\n")]
    with pytest.raises(MailboxError), mailbox(server, tls="starttls"):
        pass
    assert server.commands == ["CAPABILITY", "STARTTLS"]


def test_no_password_is_sent_where_the_server_forbids_it(server: ScriptedImap) -> None:
    server.capabilities = "IMAP4rev1 LOGINDISABLED"
    with pytest.raises(SignInRefused, match="starttls"), mailbox(server):
        pass
    assert server.commands == ["CAPABILITY"]


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"* BYE too many connections\r\n", "turns us away: too many"),
        (b"+OK POP3 ready\r\n", "but POP3"),
        (b"220 smtp ready\r\n", "but SMTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak IMAP"),
        (b"", "says nothing"),
    ],
)
def test_a_strange_greeting_is_named(server: ScriptedImap, greeting: bytes, words: str) -> None:
    server.greeting = greeting
    patience = 10 if greeting else 0.3
    with pytest.raises(MailboxUnavailable, match=words), mailbox(server, timeout=patience):
        pass


def test_a_server_that_hangs_up_on_the_greeting_is_out_of_reach(server: ScriptedImap) -> None:
    server.script = [("CAPABILITY", CUT)]
    with pytest.raises(MailboxUnavailable, match="hung up"), mailbox(server):
        pass


def test_a_read_only_folder_is_said_and_nothing_is_tried(server: ScriptedImap) -> None:
    server.script = [(r"SELECT .*", b"* 3 EXISTS\r\nTAG OK [READ-ONLY] look only\r\n")]
    with mailbox(server) as opened:
        assert opened.place.read_only
        assert len(list(opened.listing())) == 3
        with pytest.raises(ReadOnlyFolder):
            list(opened.settle(["1"], Settlement.DELETE))
    assert not [command for command in server.commands if "STORE" in command]


def test_a_missing_folder_comes_with_the_nearest_names(server: ScriptedImap) -> None:
    listed = b'* LIST () "." INBOX\r\n* LIST () "." "INBOX.Support"\r\n* LIST () "." Trash\r\n'
    server.script = [
        (r"SELECT .*", b"TAG NO [NONEXISTENT] no\r\n"),
        (r"LIST .*", listed + b"TAG OK\r\n"),
    ]
    with pytest.raises(FolderMissing, match=r"nearest are 'INBOX\.Support'"):
        open_imap(login(server), "support").__enter__()


def test_the_dialogue_is_logged_without_secrets(server: ScriptedImap) -> None:
    with structlog.testing.capture_logs() as logs, mailbox(server, dialogue=True) as opened:
        list(opened.listing())
    shown = " ".join(str(entry) for entry in logs)
    assert "UID SEARCH" in shown
    assert "s3cret" not in shown
