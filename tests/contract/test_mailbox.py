"""The same behaviour of every kind of mailbox: in memory, IMAP on three servers, POP3 on two."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from demo.ports import LOOPBACK, free_ports, wait_until_open
from mailticket.errors import FolderMissing, MessageGone
from mailticket.mailboxes.base import Mailbox, Settlement
from mailticket.mailboxes.login import MailboxLogin
from services.cyrus import Cyrus, is_there
from services.dovecot import Dovecot
from services.mailbox_kinds import InMemory, Kind, OverImap, OverPop3

_users = count()


def mail(number: int, size: int = 0) -> bytes:
    head = f"Message-ID: <{number}@contract.example>\r\nSubject: mail {number}\r\n"
    text = f".\r\n..two dots\r\nText of mail {number}\r\n" + "x" * 70 + "y" * size
    return f"{head}\r\n{text}\r\n".encode()


@pytest.fixture(scope="module")
def mail_devel() -> Iterator[int]:
    """Give the IMAP port of a mail-devel, the second real server."""
    imap, smtp = free_ports(2)
    command = [sys.executable, "-m", "mail_devel", "--host", LOOPBACK, "--password", "secret"]
    ports = ["--imap-port", str(imap), "--smtp-port", str(smtp), "--no-http", "--multi-user"]
    server = subprocess.Popen([*command, *ports], stderr=subprocess.DEVNULL)
    try:
        wait_until_open(imap, lambda: server.poll() is None)
        yield imap
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def cyrus() -> Iterator[Cyrus]:
    """Give a Cyrus, the third real server."""
    if not is_there():
        pytest.skip("no Cyrus in .cache/cyrus: bin/test unpacks it there")
    server = Cyrus()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["memory", "dovecot", "mail-devel", "cyrus", "pop3", "cyrus-pop3"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return make_kind(request)


@pytest.fixture(params=["memory", "dovecot", "mail-devel", "cyrus"])
def with_folders(request: pytest.FixtureRequest) -> Kind:
    """Give the kinds with folders, UIDs in numbers and dates of arrival."""
    return make_kind(request)


def make_kind(request: pytest.FixtureRequest) -> Kind:
    user = f"contract{next(_users)}@example.org"
    if request.param == "memory":
        return InMemory()
    if request.param == "mail-devel":
        port = request.getfixturevalue("mail_devel")
        return OverImap(MailboxLogin(LOOPBACK, port, user, "secret", tls="none"))
    if request.param.startswith("cyrus"):
        third: Cyrus = request.getfixturevalue("cyrus")
        login = MailboxLogin(third.host, third.port, user.partition("@")[0], "any", tls="none")
        return OverPop3(login, third.pop3_port) if "pop3" in request.param else OverImap(login)
    server: Dovecot = request.getfixturevalue("dovecot")
    login = MailboxLogin(server.host, server.port, user, server.password, tls="none")
    return OverPop3(login, server.pop3_port) if request.param == "pop3" else OverImap(login)


def originals(mailbox: Mailbox, batch_bytes: int = 10_000) -> list[bytes | None]:
    return [each.original for each in mailbox.originals(mailbox.listing(), batch_bytes)]


def uids(mailbox: Mailbox) -> list[str]:
    return [listed.uid for listed in mailbox.listing()]


def test_an_empty_folder_lists_nothing(kind: Kind) -> None:
    with kind.open() as mailbox:
        assert list(mailbox.listing()) == []
        assert list(mailbox.listing("7")) == []
        assert mailbox.place.exists == 0


def test_messages_are_listed_in_the_order_of_their_arrival_with_size_and_date(
    with_folders: Kind,
) -> None:
    for number in range(3):
        with_folders.deliver(mail(number))
    with with_folders.open() as mailbox:
        listed = list(mailbox.listing())
    assert [each.size for each in listed] == [len(mail(number)) for number in range(3)]
    assert [int(each.uid) for each in listed] == sorted(int(each.uid) for each in listed)
    assert all(each.received_at and each.received_at.tzinfo for each in listed)


def test_only_what_came_after_a_uid_is_listed(with_folders: Kind) -> None:
    for number in range(3):
        with_folders.deliver(mail(number))
    with with_folders.open() as mailbox:
        every = uids(mailbox)
        assert [each.uid for each in mailbox.listing(every[1])] == [every[2]]
        assert list(mailbox.listing(every[2])) == []


def test_the_last_message_is_not_listed_again_once_others_were_expunged(with_folders: Kind) -> None:
    """``UID n:*`` names the last message even when its UID lies below n."""
    for number in range(3):
        with_folders.deliver(mail(number))
    with with_folders.open() as mailbox:
        last = uids(mailbox)[-1]
    with_folders.remove(last)
    with with_folders.open() as mailbox:
        assert list(mailbox.listing(last)) == []


def test_originals_come_byte_for_byte_and_in_order_whatever_the_batch(kind: Kind) -> None:
    expected = [mail(number, 500 * number) for number in range(8)]
    for original in expected:
        kind.deliver(original)
    with kind.open() as mailbox:
        for batch_bytes in (1, 2_000, 10_000_000):
            assert originals(mailbox, batch_bytes) == expected


def test_reading_leaves_flags_untouched(with_folders: Kind) -> None:
    with_folders.deliver(mail(1))
    before = with_folders.flags()
    with with_folders.open() as mailbox:
        originals(mailbox)
        list(mailbox.headers(uids(mailbox)))
        list(mailbox.original_chunks(uids(mailbox)[0]))
    assert with_folders.flags() == before


def test_headers_are_the_header_section_with_its_empty_line(kind: Kind) -> None:
    kind.deliver(mail(1))
    with kind.open() as mailbox:
        (fetched,) = mailbox.headers(uids(mailbox))
    assert fetched.original == mail(1).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def test_a_message_that_vanished_is_told_from_one_that_cannot_be_read(kind: Kind) -> None:
    for number in range(3):
        kind.deliver(mail(number))
    with kind.open() as mailbox:
        listed = list(mailbox.listing())
    # A session may still see what another one expunged (RFC 3501, 7.4.1): a new one may not.
    kind.remove(listed[1].uid)
    with kind.open() as mailbox:
        fetched = list(mailbox.originals(listed, 10_000))
    assert [each.original for each in fetched] == [mail(0), None, mail(2)]
    assert fetched[1].error == ""


def test_a_message_streams_in_chunks(kind: Kind) -> None:
    original = mail(1, 5_000)
    kind.deliver(original)
    with kind.open() as mailbox:
        uid = uids(mailbox)[0]
        assert b"".join(mailbox.original_chunks(uid, 1_000)) == original
        assert all(len(chunk) <= 1_000 for chunk in mailbox.original_chunks(uid, 1_000))
        assert b"".join(mailbox.original_chunks(uid, len(original))) == original


def test_streaming_a_vanished_message_says_so(kind: Kind) -> None:
    kind.deliver(mail(1))
    with kind.open() as mailbox:
        uid = uids(mailbox)[0]
    kind.remove(uid)
    with kind.open() as mailbox, pytest.raises(MessageGone):
        list(mailbox.original_chunks(uid))


def test_a_deleted_message_is_gone_and_the_others_stay(kind: Kind) -> None:
    for number in range(3):
        kind.deliver(mail(number))
    with kind.open() as mailbox:
        every = uids(mailbox)
        (settled,) = mailbox.settle([every[1]], Settlement.DELETE)
    assert (settled.uid, settled.outcome, settled.gone) == (every[1], Settlement.DELETE, False)
    with kind.open() as mailbox:
        assert uids(mailbox) == [every[0], every[2]]


def test_deleting_twice_says_that_it_was_gone_already(kind: Kind) -> None:
    kind.deliver(mail(1))
    with kind.open() as mailbox:
        uid = uids(mailbox)[0]
        list(mailbox.settle([uid], Settlement.DELETE))
        (again,) = mailbox.settle([uid], Settlement.DELETE)
    assert (again.outcome, again.gone) == (Settlement.DELETE, True)


def test_a_moved_message_lies_in_the_other_folder(with_folders: Kind) -> None:
    with_folders.create("Done")
    for number in range(3):
        with_folders.deliver(mail(number))
    with with_folders.open() as mailbox:
        every = uids(mailbox)
        settled = list(mailbox.settle(every[:2], Settlement.MOVE, "Done"))
    assert {each.outcome for each in settled} == {Settlement.MOVE}
    with with_folders.open() as mailbox, with_folders.open("Done") as done:
        assert originals(mailbox) == [mail(2)]
        assert originals(done) == [mail(0), mail(1)]


def test_moving_to_a_folder_that_is_not_there_removes_nothing(with_folders: Kind) -> None:
    with_folders.deliver(mail(1))
    with with_folders.open() as mailbox:
        with pytest.raises(FolderMissing, match="Dnoe"):
            list(mailbox.settle(uids(mailbox), Settlement.MOVE, "Dnoe"))
        assert originals(mailbox) == [mail(1)]


def test_keeping_changes_nothing(kind: Kind) -> None:
    kind.deliver(mail(1))
    with kind.open() as mailbox:
        assert [each.outcome for each in mailbox.settle(uids(mailbox), Settlement.KEEP)] == [
            Settlement.KEEP
        ]
        assert originals(mailbox) == [mail(1)]


def test_a_folder_that_does_not_exist_is_named(with_folders: Kind) -> None:
    with pytest.raises(FolderMissing, match="Supprot"), with_folders.open("Supprot"):
        pass


def test_the_place_stays_the_same_from_session_to_session(with_folders: Kind) -> None:
    with_folders.deliver(mail(1))
    with with_folders.open() as first:
        pass
    with with_folders.open() as second:
        assert first.place.uidvalidity == second.place.uidvalidity > 0
        assert first.place.server == second.place.server
