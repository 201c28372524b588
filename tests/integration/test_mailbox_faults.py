"""A connection that is spoilt at any byte: nothing lost, nothing doubled, only errors of ours."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import MailboxError
from mailticket.mailboxes.base import Mailbox, Settlement
from mailticket.mailboxes.login import MailboxLogin, MailProtocol
from mailticket.mailboxes.opening import open_mailbox
from services.dovecot import Dovecot
from services.faulty_proxy import Fault, FaultyProxy

_users = count()
_UIDPLUS_ONLY = "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS"
_FAULTS: list[Fault] = ["cut", "hang", "garble", "drop"]
_CASES: list[tuple[MailProtocol, Settlement, str]] = [
    ("imap", Settlement.MOVE, ""),
    ("imap", Settlement.MOVE, _UIDPLUS_ONLY),
    ("imap", Settlement.DELETE, ""),
    ("pop3", Settlement.DELETE, ""),
]


@pytest.fixture(scope="module", params=_CASES, ids=["MOVE", "COPY", "DELETE", "POP3"])
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Dovecot, MailProtocol, Settlement]]:
    protocol, settlement, extra = request.param
    server = Dovecot(tmp_path_factory.mktemp("dovecot"), connections=1000, extra=extra)
    try:
        server.start()
        yield server, protocol, settlement
    finally:
        server.close()


def mails(user: str) -> list[bytes]:
    text = "Message-ID: <{0}.{1}@faults.example>\r\nSubject: {0}\r\n\r\n{2}\r\n"
    return [text.format(number, user, "z" * 100 * number).encode() for number in range(6)]


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.parametrize("seed", range(4))
def test_a_connection_spoilt_at_any_byte_loses_and_doubles_nothing(
    case: tuple[Dovecot, MailProtocol, Settlement], fault: Fault, seed: int
) -> None:
    server, protocol, settlement = case
    user = f"faults{next(_users)}"
    for each in mails(user):
        server.deliver(user, each)
    server.deliver(user, b"X: y\r\n\r\nold\r\n", "Done")
    chance = random.Random(f"{fault} {seed}")
    at = chance.randint(0, 5500 if protocol == "imap" else 3000)

    def login(port: int, seconds: float = 30) -> MailboxLogin:
        return MailboxLogin(
            LOOPBACK, port, user, server.password, tls="none", protocol=protocol,
            timeout=seconds, read_timeout=seconds,
        )  # fmt: skip

    direct = server.port if protocol == "imap" else server.pop3_port
    with FaultyProxy(direct, fault, at, connections=chance.choice([1, 2])) as proxy:
        settled = _pass(
            lambda: open_mailbox(login(proxy.port, 0.5)), mails(user), settlement, fault
        )
    with open_mailbox(login(direct)) as mailbox:
        # A second pass settles again what the first one may have done without hearing of it.
        list(mailbox.settle(settled, settlement, "Done"))
    left = _texts(MailboxLogin(LOOPBACK, server.port, user, server.password, tls="none"))
    done = _texts(MailboxLogin(LOOPBACK, server.port, user, server.password, tls="none"), "Done")
    assert set(mails(user)[3:]) <= set(left)
    if settlement is Settlement.MOVE:
        assert sorted([*left, *done]) == sorted([*mails(user), b"X: y\r\n\r\nold\r\n"])
    assert len(left) == (3 if settled else 6)


def _pass(
    opened: Callable[[], contextlib.AbstractContextManager[Mailbox]],
    expected: list[bytes],
    settlement: Settlement,
    fault: Fault,
) -> list[str]:
    """Read all, settle the first three; gives the UIDs that were tried."""
    tried: list[str] = []
    with contextlib.suppress(MailboxError), opened() as mailbox:
        listed = list(mailbox.listing())
        for fetched in mailbox.originals(listed, 800):
            # Bytes that TCP delivers wrong are not to be told from a mail that is so.
            assert fault in {"garble", "drop"} or fetched.original in expected or fetched.error
        if len(listed) == len(expected):
            tried = [each.uid for each in listed[:3]]
            list(mailbox.settle(tried, settlement, "Done"))
    return tried


def _texts(login: MailboxLogin, folder: str | None = None) -> list[bytes]:
    with open_mailbox(login, folder) as mailbox:
        return [each.original or b"" for each in mailbox.originals(mailbox.listing(), 10_000)]
