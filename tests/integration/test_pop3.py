"""POP3 on a real Dovecot, and on a scripted server for what no real one does on demand."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import (
    ConfigurationError,
    InsecureConnection,
    MailboxUnavailable,
    SignInRefused,
)
from mailticket.mailboxes.base import Settlement
from mailticket.mailboxes.check import check
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.pop3 import Pop3Mailbox, open_pop3
from mailticket.mailboxes.pop3_wire import Wire
from services.dovecot import Dovecot
from services.scripted_pop3 import CUT, ScriptedPop3, many, stuffed

_users = count()


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@pop.example>\r\nSubject: %d\r\n\r\ntext %d\r\n" % ((number,) * 3)


@pytest.fixture
def server() -> Iterator[ScriptedPop3]:
    with ScriptedPop3({"a": mail(1), "b": mail(2), "c": mail(3)}) as running:
        yield running


def scripted(server: ScriptedPop3, **options: Any) -> Pop3Mailbox:
    usual: dict[str, Any] = {"tls": "none", "timeout": 1, "read_timeout": 1, "protocol": "pop3"}
    return open_pop3(MailboxLogin(LOOPBACK, server.port, "anna", "s3cret", **(usual | options)))


def real(server: Dovecot, tls: str = "none", **options: Any) -> MailboxLogin:
    usual: dict[str, Any] = {
        "host": server.host,
        "port": server.pop3s_port if tls == "implicit" else server.pop3_port,
        "login": f"pop{next(_users)}",
        "password": server.password,
        "tls": tls,
        "ca": str(server.authority.ca),
        "timeout": 2,
        "protocol": "pop3",
    }
    return MailboxLogin(**(usual | options))


def uids(mailbox: Pop3Mailbox) -> list[str]:
    return [each.uid for each in mailbox.listing()]


def originals(mailbox: Pop3Mailbox) -> list[bytes | None]:
    return [each.original for each in mailbox.originals(mailbox.listing(), 1)]


# -- signing in --------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
@pytest.mark.parametrize("auth", ["password", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_every_way_to_sign_in_works_with_every_tls(dovecot: Dovecot, tls: str, auth: str) -> None:
    with open_pop3(real(dovecot, tls, auth=auth, token=dovecot.password)) as opened:
        assert opened.place.exists == 0


@pytest.mark.parametrize("auth", ["password", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_a_wrong_secret_is_refused_and_not_shown(dovecot: Dovecot, auth: str) -> None:
    with (
        pytest.raises(SignInRefused) as caught,
        open_pop3(real(dovecot, auth=auth, password="wr0ng", token="wr0ng")),
    ):
        pass
    assert "wr0ng" not in str(caught.value)


def test_stls_is_never_replaced_by_clear_text(server: ScriptedPop3) -> None:
    server.script["STLS"] = b"-ERR no TLS here\r\n"
    with pytest.raises(InsecureConnection), scripted(server, tls="starttls"):
        pass
    assert server.commands == ["STLS"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"-ERR [IN-USE] locked by another session", MailboxUnavailable),
        (b"-ERR [LOGIN-DELAY] wait a minute", MailboxUnavailable),
        (b"-ERR [SYS/TEMP] try later", MailboxUnavailable),
        (b"-ERR [AUTH] s3cret is wrong", SignInRefused),
        (b"-ERR no", SignInRefused),
    ],
)
def test_a_refused_sign_in_is_told_from_a_server_that_cannot_now(
    server: ScriptedPop3, answer: bytes, error: type[Exception]
) -> None:
    server.script["PASS s3cret"] = answer + b"\r\n"
    with pytest.raises(error) as caught, scripted(server):
        pass
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "failing", "words"),
    [
        ({"port": "port"}, "greeting", "does not speak POP3 but IMAP"),
        ({"port": "pop3s_port", "timeout": 0.3}, "greeting", "set tls = implicit"),
        ({"tls": "starttls", "ca": ""}, "TLS", "issuer CN=mailticket test CA"),
        ({"password": "wrong"}, "sign in", "refused to sign"),
    ],
)
def test_check_names_what_is_wrong_and_stops_there(
    dovecot: Dovecot, options: dict[str, Any], failing: str, words: str
) -> None:
    port = options.get("port")
    resolved = options | ({"port": getattr(dovecot, port)} if port else {})
    last = check(real(dovecot, **resolved))[-1]
    assert (last.name, last.ok) == (failing, False)
    assert words in last.detail


def test_check_counts_what_is_there(dovecot: Dovecot) -> None:
    login = real(dovecot, "starttls")
    dovecot.deliver(login.login, mail(1))
    steps = check(login)
    assert all(step.ok for step in steps)
    assert steps[-1].detail == "it holds 1 message"


# -- identity ----------------------------------------------------------------------------------


def test_messages_that_share_a_uidl_are_told_apart_by_their_content(server: ScriptedPop3) -> None:
    server.uidls = ["same", "own", "same"]
    with scripted(server) as opened:
        first, own, third = uids(opened)
        assert own == "own"
        assert originals(opened) == [mail(1), mail(2), mail(3)]
        (settled,) = opened.settle([third], Settlement.DELETE)
    assert first != third
    assert settled.outcome == Settlement.DELETE
    assert list(server.messages) == ["a", "b"]


def test_a_server_without_uidl_has_names_by_content_that_stay(server: ScriptedPop3) -> None:
    server.script["UIDL"] = b"-ERR what?\r\n"
    with scripted(server) as opened:
        before = uids(opened)
    del server.messages["a"]
    with scripted(server) as opened:
        assert uids(opened) == before[1:]


# -- reading -----------------------------------------------------------------------------------


def test_one_message_that_breaks_the_session_stops_no_other(server: ScriptedPop3) -> None:
    server.script["RETR 2"] = b"+OK\r\nhalf a" + CUT
    with scripted(server) as opened:
        one, two, three = opened.originals(opened.listing(), 1)
    assert (one.original, three.original) == (mail(1), mail(3))
    assert "each time" in two.error


def test_a_server_that_goes_away_is_no_fault_of_the_message_at_hand(server: ScriptedPop3) -> None:
    def goes_away() -> bytes:
        server.greeting = CUT
        return b"+OK\r\nhalf a" + CUT

    server.script["RETR 2"] = goes_away
    with scripted(server) as opened, pytest.raises(MailboxUnavailable, match="hung up"):
        list(opened.originals(opened.listing(), 1))


def test_one_message_that_is_refused_stops_no_other(server: ScriptedPop3) -> None:
    server.script["RETR 2"] = b"-ERR disk fault\r\n"
    with scripted(server) as opened:
        one, two, three = opened.originals(opened.listing(), 1)
    assert (one.original, three.original) == (mail(1), mail(3))
    assert "disk fault" in two.error


def test_a_message_far_bigger_than_listed_is_cut_off(server: ScriptedPop3) -> None:
    server.script["RETR 2"] = many(b"x" * 20_000_000)
    with scripted(server) as opened:
        one, two, three = opened.originals(opened.listing(), 1)
    assert (one.original, two.original, three.original) == (mail(1), None, mail(3))


def test_a_stream_left_early_does_not_spoil_what_follows(server: ScriptedPop3) -> None:
    server.messages["a"] = mail(1) + b"long\r\n" * 300_000
    with scripted(server) as opened:
        assert next(iter(opened.original_chunks("a", 1000)))
        assert originals(opened)[1:] == [mail(2), mail(3)]


@pytest.mark.parametrize("seed", range(30))
def test_answers_are_read_whole_however_they_are_cut(seed: int) -> None:
    """Dots, line ends and the terminator may fall on any border between two packets."""
    chance = random.Random(seed)
    pieces = [b".", b"..", b"\r\n", b"\r\n.", b"\r\n..", b"\r", b"\n", b"x", b"." * 3]
    original = b"".join(chance.choices(pieces, k=40)) + b"\r\n"
    while b"\r\n.\r\n" in stuffed(original):
        original = original.replace(b"\r\n.\r\n", b"\r\nx\r\n")
    sent = many(stuffed(original))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"+OK ready\r\n")
        wire = Wire(ours, MailboxLogin("h", 1, "l", protocol="pop3"))
        feeding = threading.Thread(target=_drip, args=(theirs, sent, chance))
        feeding.start()
        assert b"".join(wire.pieces("RETR 1")) == original
        feeding.join()


def _drip(connection: socket.socket, sent: bytes, chance: random.Random) -> None:
    while sent:
        size = chance.randint(1, 7)
        connection.sendall(sent[:size])
        sent = sent[size:]


# -- settling ----------------------------------------------------------------------------------


def test_a_deletion_counts_only_once_quit_is_answered(server: ScriptedPop3) -> None:
    server.script["QUIT"] = CUT
    with scripted(server) as opened, pytest.raises(MailboxUnavailable):
        list(opened.settle(["b"], Settlement.DELETE))
    assert list(server.messages) == ["a", "b", "c"]
    del server.script["QUIT"]
    with scripted(server) as opened:
        (again,) = opened.settle(["b"], Settlement.DELETE)
    assert (again.outcome, again.gone) == (Settlement.DELETE, False)
    assert list(server.messages) == ["a", "c"]


def test_a_quit_that_refuses_leaves_the_message_to_be_tried_again(server: ScriptedPop3) -> None:
    server.script["QUIT"] = b"-ERR some deleted messages not removed\r\n" + CUT
    with scripted(server) as opened:
        (settled,) = opened.settle(["b"], Settlement.DELETE)
    assert settled.outcome is None
    assert "not removed" in settled.detail


def test_numbers_that_shifted_since_do_not_delete_another_message(server: ScriptedPop3) -> None:
    with scripted(server) as opened:
        every = uids(opened)
    del server.messages["a"]
    with scripted(server) as opened:
        list(opened.settle([every[1]], Settlement.DELETE))
    assert list(server.messages) == ["c"]


def test_a_move_is_a_fault_of_the_configuration(server: ScriptedPop3) -> None:
    with scripted(server) as opened, pytest.raises(ConfigurationError, match="no folders"):
        list(opened.settle(["a"], Settlement.MOVE, "Done"))


def test_lines_of_any_length_are_read(dovecot: Dovecot) -> None:
    login = real(dovecot)
    long = b"Subject: long\r\n\r\n" + b"x" * 3_000_000 + b"\r\n"
    dovecot.deliver(login.login, long)
    with open_pop3(login) as opened:
        assert originals(opened) == [long]
