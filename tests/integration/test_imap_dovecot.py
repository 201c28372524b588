"""IMAP on a real Dovecot: names, TLS, ways to sign in, UIDVALIDITY, other people's mail."""

from __future__ import annotations

import imaplib  # noqa: TID251 - the other client, beside ours
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from mailticket.errors import FolderMissing, InsecureConnection, SignInRefused
from mailticket.mailboxes.base import Mailbox, Settlement
from mailticket.mailboxes.check import check
from mailticket.mailboxes.imap import ImapMailbox, open_imap
from mailticket.mailboxes.imap_answer import folder_on_wire
from mailticket.mailboxes.login import MailboxLogin
from services.dovecot import Dovecot

MakeDovecot = Callable[..., Dovecot]
_users = count()
_NEITHER = "imap_capability = IMAP4rev1 LITERAL+"
_UIDPLUS_ONLY = "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS"


def login(server: Dovecot, **options: Any) -> MailboxLogin:
    usual: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "login": f"real{next(_users)}",
        "password": server.password,
        "tls": "none",
        "timeout": 2,
    }
    return MailboxLogin(**(usual | options))


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@real.example>\r\nSubject: %d\r\n\r\ntext\r\n" % (number, number)


def filled(server: Dovecot, user: MailboxLogin, mails: int) -> MailboxLogin:
    for number in range(mails):
        server.deliver(user.login, mail(number))
    return user


def uids(mailbox: Mailbox) -> list[str]:
    return [listed.uid for listed in mailbox.listing()]


def originals(mailbox: Mailbox) -> list[bytes | None]:
    return [each.original for each in mailbox.originals(mailbox.listing(), 1_000_000)]


def other_client(user: MailboxLogin) -> imaplib.IMAP4:
    client = imaplib.IMAP4(user.host, user.port)
    client.login(user.login, user.password)
    client.select()
    return client


# -- folders -----------------------------------------------------------------------------------

NAMES = [
    "Büro & Ablage",
    "back\\slash",
    'quo"te',
    "two words",
    "Support/2026/Januar",
    "日本語",
    "100%",
    "a]b[c",
    "{5}",
    "Entwürfe/für später \\ &Co",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_folder_name_opens_and_takes_moved_mail(dovecot: Dovecot, name: str) -> None:
    user = filled(dovecot, login(dovecot), 1)
    with open_imap(user) as inbox:
        assert inbox.session.command("CREATE", folder_on_wire(name)).ok
        assert inbox.session.has_folder(name)
        assert name in [folder.name for folder in inbox.session.folders()]
        assert [each.outcome for each in inbox.settle(["1"], Settlement.MOVE, name)] == ["move"]
    with open_imap(user, name) as opened:
        assert opened.place.folder == name
        assert originals(opened) == [mail(0)]


@pytest.mark.parametrize("written", ["inbox", "Inbox", None])
def test_inbox_knows_no_case(dovecot: Dovecot, written: str | None) -> None:
    with open_imap(filled(dovecot, login(dovecot), 1), written) as opened:
        assert originals(opened) == [mail(0)]


@pytest.mark.parametrize("written", ["support.2026", "Support/2025", "SUPPORT/2026", "2026"])
def test_a_misspelt_folder_comes_with_the_right_one(dovecot: Dovecot, written: str) -> None:
    user = login(dovecot)
    with open_imap(user) as opened:
        opened.session.command("CREATE", '"Support/2026"')
    with pytest.raises(FolderMissing, match="'Support/2026'"), open_imap(user, written):
        pass


def test_moving_into_the_folder_where_it_lies_does_nothing(dovecot: Dovecot) -> None:
    with open_imap(filled(dovecot, login(dovecot), 1)) as opened:
        (settled,) = opened.settle(["1"], Settlement.MOVE, "inbox")
        assert "already" in settled.detail
        assert uids(opened) == ["1"]


# -- UIDVALIDITY -------------------------------------------------------------------------------


def test_a_folder_that_was_made_anew_shows_another_uidvalidity(dovecot: Dovecot) -> None:
    user = filled(dovecot, login(dovecot), 2)
    with open_imap(user) as before:
        assert len(uids(before)) == 2
    dovecot.forget_uids(user.login)
    with open_imap(user) as after:
        assert after.place.uidvalidity > before.place.uidvalidity
        assert originals(after) == originals(after) != []


# -- other people's mail -----------------------------------------------------------------------


@pytest.mark.parametrize("extra", ["", _UIDPLUS_ONLY, _NEITHER], ids=["MOVE", "UIDPLUS", "none"])
@pytest.mark.parametrize("settlement", [Settlement.MOVE, Settlement.DELETE])
def test_mail_that_somebody_else_marked_as_deleted_stays(
    make_dovecot: MakeDovecot, extra: str, settlement: Settlement
) -> None:
    server = make_dovecot(extra=extra)
    user = filled(server, login(server), 3)
    with other_client(user) as client:
        client.create("Done")
        client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")
    with open_imap(user) as opened:
        (settled,) = opened.settle(["1"], settlement, "Done")
        assert settled.outcome == settlement
    with other_client(user) as client:
        kept = client.uid("SEARCH", "ALL")[1][0].split()
    assert set(kept) >= {b"2", b"3"}


@pytest.mark.parametrize("extra", [_UIDPLUS_ONLY, _NEITHER], ids=["UIDPLUS", "none"])
def test_a_move_that_died_after_its_copy_makes_no_second_copy(
    make_dovecot: MakeDovecot, extra: str
) -> None:
    server = make_dovecot(extra=extra)
    user = filled(server, login(server), 3)
    with other_client(user) as client:
        client.create("Done")
        client.uid("COPY", "1", "Done")
    for _ in range(2):
        with open_imap(user) as opened:
            outcomes = [each.outcome for each in opened.settle(["1", "2"], Settlement.MOVE, "Done")]
            assert outcomes == [Settlement.MOVE, Settlement.MOVE]
    with open_imap(user, "Done") as done:
        assert originals(done) == [mail(0), mail(1)]


def test_a_copy_with_the_same_message_id_but_other_content_is_no_copy(
    make_dovecot: MakeDovecot,
) -> None:
    server = make_dovecot(extra=_UIDPLUS_ONLY)
    user = filled(server, login(server), 1)
    server.deliver(user.login, mail(0) + b"another text\r\n", "Done")
    with open_imap(user) as opened:
        assert [each.outcome for each in opened.settle(["1"], Settlement.MOVE, "Done")] == ["move"]
        assert uids(opened) == []
    with open_imap(user, "Done") as done:
        assert sorted(map(str, originals(done))) == sorted(
            [str(mail(0)), str(mail(0) + b"another text\r\n")]
        )


def test_a_thousand_messages_are_settled_in_batches(dovecot: Dovecot) -> None:
    user = filled(dovecot, login(dovecot), 1000)
    with open_imap(user) as opened:
        every = uids(opened)
        settled = list(opened.settle(every[::2], Settlement.DELETE))
        assert {each.outcome for each in settled} == {Settlement.DELETE}
        assert len(settled) == 500
    with open_imap(user) as opened:
        assert uids(opened) == every[1::2]


# -- TLS and sign-in ---------------------------------------------------------------------------


def way(server: Dovecot, tls: str, **options: Any) -> MailboxLogin:
    port = server.imaps_port if tls == "implicit" else server.port
    return login(server, **({"tls": tls, "port": port, "ca": str(server.authority.ca)} | options))


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
@pytest.mark.parametrize("auth", ["password", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_every_way_to_sign_in_works_with_every_tls(dovecot: Dovecot, tls: str, auth: str) -> None:
    with open_imap(way(dovecot, tls, auth=auth, token=dovecot.password)) as opened:
        assert opened.place.exists == 0


@pytest.mark.parametrize("auth", ["password", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_a_wrong_secret_is_refused_and_not_shown(dovecot: Dovecot, auth: str) -> None:
    wrong = way(dovecot, "none", auth=auth, password="wr0ng", token="wr0ng")
    with pytest.raises(SignInRefused) as caught, open_imap(wrong):
        pass
    assert "wr0ng" not in str(caught.value)


def test_a_password_with_quotes_backslash_and_umlauts_signs_in(make_dovecot: MakeDovecot) -> None:
    server = make_dovecot(password="pä\\ss'w#rd")
    with open_imap(login(server)) as opened:
        assert isinstance(opened, ImapMailbox)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_certificate_is_verified_unless_switched_off(dovecot: Dovecot, tls: str) -> None:
    with pytest.raises(InsecureConnection, match="authority that is not known"):
        open_imap(way(dovecot, tls, ca="")).__enter__()
    with open_imap(way(dovecot, tls, ca="", verify=False)) as opened:
        assert opened.place.exists == 0


def test_the_authority_may_be_given_as_text(dovecot: Dovecot) -> None:
    with open_imap(way(dovecot, "implicit", ca=dovecot.authority.ca.read_text())) as opened:
        assert opened.place.exists == 0


@pytest.mark.parametrize(
    ("issued", "words"),
    [({"hosts": ("mail.example",)}, "is for another"), ({"days": -1}, "has expired")],
)
def test_a_certificate_for_another_name_or_out_of_date_is_refused(
    dovecot: Dovecot, make_dovecot: MakeDovecot, issued: dict[str, Any], words: str
) -> None:
    bad = dovecot.authority.issue(*issued.get("hosts", ()), days=issued.get("days", 30))
    server = make_dovecot(tls=True, certificate=bad)
    steps = check(way(server, "implicit", ca=str(dovecot.authority.ca)))
    assert [step.name for step in steps] == ["resolve", "connect", "TLS"]
    assert words in steps[-1].detail
    assert "mailticket test CA" in steps[-1].detail


# -- check -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "failing", "words"),
    [
        ({"host": "no-such-host.invalid"}, "resolve", "not found"),
        ({"port": 1}, "connect", "refused"),
        ({"tls": "implicit"}, "TLS", "does not speak TLS from the first byte"),
        ({"port": "imaps_port", "timeout": 0.3}, "greeting", "set tls = implicit"),
        ({"port": "pop3_port"}, "greeting", "POP3"),
        ({"tls": "starttls", "ca": ""}, "TLS", "issuer CN=mailticket test CA"),
        ({"password": "wrong"}, "sign in", "refused to sign"),
        ({"auth": "GSSAPI"}, "sign in", "does not offer GSSAPI; it offers CRAM-MD5"),
    ],
)
def test_check_names_what_is_wrong_and_stops_there(
    dovecot: Dovecot, options: dict[str, Any], failing: str, words: str
) -> None:
    port = options.get("port")
    resolved = options | ({"port": getattr(dovecot, port)} if isinstance(port, str) else {})
    steps = check(login(dovecot, **resolved))
    assert [step.ok for step in steps] == [True] * (len(steps) - 1) + [False]
    assert steps[-1].name == failing
    assert words in steps[-1].detail


def test_check_names_a_folder_that_is_missing(dovecot: Dovecot) -> None:
    last = check(login(dovecot), "Inbax")[-1]
    assert (last.name, last.ok) == ("open folder", False)
    assert "nearest are 'INBOX'" in last.detail


def test_check_counts_what_is_there(dovecot: Dovecot) -> None:
    steps = check(filled(dovecot, login(dovecot), 3))
    assert all(step.ok for step in steps)
    assert steps[-1].detail == "it holds 3 messages"
