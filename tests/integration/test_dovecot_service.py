"""The Dovecot that the other tests rely on."""

from __future__ import annotations

import imaplib  # noqa: TID251 -- the server is checked without our own adapter
import poplib  # noqa: TID251 -- the same
import ssl
from collections.abc import Callable

import pytest

from services.dovecot import Dovecot

MAIL = b"Subject: hello\r\n\r\nworld\r\n"


def imap(server: Dovecot, user: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4(server.host, server.port)
    client.login(user, server.password)
    return client


def test_mail_is_listed_in_the_order_of_delivery(dovecot: Dovecot) -> None:
    for number in range(30):
        dovecot.deliver("order@test", b"Subject: %d\r\n\r\n" % number)
    client = imap(dovecot, "order@test")
    client.select()
    _, answer = client.uid("FETCH", "1:*", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    subjects = [int(item[1].split()[1]) for item in answer if isinstance(item, tuple)]
    assert subjects == list(range(30))


@pytest.mark.parametrize("folder", ["Work/2026", "Éléments envoyés & co", "back\\slash", "受信"])
def test_a_folder_has_the_name_that_it_was_given(dovecot: Dovecot, folder: str) -> None:
    dovecot.deliver("names@test", MAIL, folder)
    client = imap(dovecot, "names@test")
    name = dovecot.maildir("", folder).name[1:].replace(".", "/")
    quoted = name.replace("\\", "\\\\")
    assert client.select(f'"{quoted}"') == ("OK", [b"1"])


def test_restarting_keeps_mail_and_uidvalidity(make_dovecot: Callable[..., Dovecot]) -> None:
    server = make_dovecot()
    server.deliver("again@test", MAIL)
    before = imap(server, "again@test").status("INBOX", "(MESSAGES UIDVALIDITY UIDNEXT)")
    server.restart()
    after = imap(server, "again@test").status("INBOX", "(MESSAGES UIDVALIDITY UIDNEXT)")
    assert before == after


def test_tls_is_verified_against_its_own_authority(dovecot: Dovecot) -> None:
    trusting = ssl.create_default_context(cafile=str(dovecot.authority.ca))
    imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=trusting).logout()
    poplib.POP3_SSL("localhost", dovecot.pop3s_port, context=trusting).quit()
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=ssl.create_default_context())


def test_every_way_to_sign_in_is_offered(dovecot: Dovecot) -> None:
    dovecot.deliver("ways@test", MAIL)
    imaplib.IMAP4(dovecot.host, dovecot.port).login_cram_md5("ways@test", dovecot.password)
    token = b"user=ways@test\1auth=Bearer " + dovecot.password.encode() + b"\1\1"
    imaplib.IMAP4(dovecot.host, dovecot.port).authenticate("XOAUTH2", lambda _: token)
    pop3 = poplib.POP3(dovecot.host, dovecot.pop3_port)
    pop3.apop("ways@test", dovecot.password)
    assert pop3.stat()[0] == 1
    with pytest.raises(imaplib.IMAP4.error):
        imaplib.IMAP4(dovecot.host, dovecot.port).login("ways@test", "wrong")


def test_a_new_uidvalidity_can_be_had(dovecot: Dovecot) -> None:
    dovecot.deliver("epoch@test", MAIL)
    client = imap(dovecot, "epoch@test")
    _, before = client.status("INBOX", "(UIDVALIDITY)")
    client.logout()
    dovecot.forget_uids("epoch@test")
    _, after = imap(dovecot, "epoch@test").status("INBOX", "(UIDVALIDITY)")
    assert before != after
