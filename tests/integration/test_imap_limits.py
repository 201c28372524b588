"""Limits on a real Dovecot: memory, connections, client certificates."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mailticket.errors import MailboxError, MailboxUnavailable
from mailticket.mailboxes.imap import open_imap
from mailticket.mailboxes.login import MailboxLogin
from services.dovecot import Dovecot

MakeDovecot = Callable[..., Dovecot]
MEGABYTE = 1024**2


def login(server: Dovecot, user: str, **options: Any) -> MailboxLogin:
    usual: dict[str, Any] = {"port": server.port, "tls": "none", "timeout": 2}
    return MailboxLogin(host=server.host, login=user, password=server.password, **(usual | options))


def test_memory_is_bounded_by_the_batch_and_not_by_the_mailbox(dovecot: Dovecot) -> None:
    for number in range(30):
        line = b"%02d" % number * 500 + b"\r\n"
        dovecot.deliver("limits-memory", b"Subject: big\r\n\r\n" + line * (MEGABYTE // len(line)))
    with open_imap(login(dovecot, "limits-memory")) as opened:
        listed = list(opened.listing())
        tracemalloc.start()
        count = sum(1 for each in opened.originals(listed, 4 * MEGABYTE) if each.original)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 30
    assert peak < 8 * MEGABYTE


def test_too_many_connections_are_a_passing_fault(make_dovecot: MakeDovecot) -> None:
    server = make_dovecot(connections=1)
    user = login(server, "limits-connections")
    with open_imap(user), pytest.raises(MailboxUnavailable, match="connections"), open_imap(user):
        pass
    with open_imap(user) as opened:
        assert opened.place.exists == 0


def test_a_server_that_was_stopped_is_told_and_found_again(make_dovecot: MakeDovecot) -> None:
    server = make_dovecot()
    user = login(server, "limits-restart")
    server.stop()
    with pytest.raises(MailboxUnavailable, match="refused"), open_imap(user):
        pass
    server.start()
    with open_imap(user) as opened:
        assert opened.place.exists == 0


@pytest.mark.parametrize("as_text", [False, True], ids=["files", "text"])
def test_a_client_certificate_is_shown_where_the_server_asks(
    dovecot: Dovecot, make_dovecot: MakeDovecot, as_text: bool
) -> None:
    ca = dovecot.authority.ca
    own = dovecot.authority.issue("client.example")
    extra = f"ssl_ca = <{ca}\nssl_verify_client_cert = yes\nauth_ssl_require_client_cert = yes"
    server = make_dovecot(tls=True, extra=f"{extra}\nssl_require_crl = no")
    given = [path.read_text() if as_text else str(path) for path in (own.certificate, own.key)]
    way: dict[str, Any] = {
        "port": server.imaps_port,
        "tls": "implicit",
        "ca": str(server.authority.ca),
    }
    with pytest.raises(MailboxError), open_imap(login(server, "limits-client", **way)):
        pass
    shown = way | {"client_cert": given[0], "client_key": given[1]}
    with open_imap(login(server, "limits-client", **shown)) as opened:
        assert opened.place.exists == 0
