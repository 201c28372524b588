"""Runs on Cyrus as Debian has it: every folder below INBOX, a dot between levels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from mailticket.errors import FolderMissing
from mailticket.mailboxes.imap import open_imap
from mailticket.mailboxes.imap_answer import folder_on_wire
from mailticket.mailboxes.login import MailboxLogin
from services.arena import Arena, MakeArena, mail
from services.cyrus import Cyrus, is_there
from services.mailbox_kinds import OverImap
from services.scenes import close

pytestmark = pytest.mark.skipif(not is_there(), reason="bin/test unpacks Cyrus into .cache/cyrus")
CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
_users = count()


@pytest.fixture(scope="module")
def cyrus() -> Iterator[Cyrus]:
    server = Cyrus(plain_names=False)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def outside(cyrus: Cyrus) -> OverImap:
    """Give another client of a mailbox of this test's own."""
    user = f"cyrus{next(_users)}"
    return OverImap(MailboxLogin(cyrus.host, cyrus.port, user, cyrus.password, tls="none"))


def arena_of(make_arena: MakeArena, cyrus: Cyrus, outside: OverImap, **fields: Any) -> Arena:
    arena = make_arena(**CREATES, **fields)
    arena.dovecot, arena.user = cyrus, outside.login.login  # type: ignore[assignment]
    arena.imap_port = cyrus.pop3_port if fields.get("protocol") == "pop3" else cyrus.port
    return arena


def left(outside: OverImap, folder: str = "INBOX") -> int:
    with open_imap(outside.login, folder) as opened:
        return len(list(opened.listing()))


@pytest.mark.parametrize("folder", ["INBOX.Support", "INBOX.Büro.2026", "INBOX.日本語"])
def test_folders_below_inbox_open_and_take_what_is_moved(
    make_arena: MakeArena, cyrus: Cyrus, outside: OverImap, folder: str
) -> None:
    with open_imap(outside.login) as opened:
        assert opened.session.command("CREATE", folder_on_wire(folder)).ok
    arena = arena_of(make_arena, cyrus, outside, after_processing="move", move_to=folder)
    outside.deliver(mail("One"))
    assert arena.run()[0] == {"create": 1}
    assert (left(outside), left(outside, folder)) == (0, 1)


@pytest.mark.parametrize("written", ["Support", "inbox.support", "INBOX/Support", "Suport"])
def test_a_name_without_its_prefix_comes_with_the_right_one(
    outside: OverImap, written: str
) -> None:
    outside.create("INBOX.Support")
    with (
        pytest.raises(FolderMissing, match=r"'INBOX\.Support'"),
        open_imap(outside.login, written),
    ):
        pass


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_kept_message_goes_when_its_ticket_is_closed(
    make_arena: MakeArena, cyrus: Cyrus, outside: OverImap, protocol: str
) -> None:
    arena = arena_of(make_arena, cyrus, outside, protocol=protocol)
    for n in range(3):
        outside.deliver(mail(f"Mail {n}"))
    assert arena.run()[0] == {"create": 3}
    assert arena.run()[0] == {}
    close(arena, "R-000002")
    arena.run()
    assert left(outside) == 2


def test_mail_that_somebody_else_marked_as_deleted_stays(
    make_arena: MakeArena, cyrus: Cyrus, outside: OverImap
) -> None:
    arena = arena_of(make_arena, cyrus, outside, after_processing="delete")
    outside.deliver(mail("Ours"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket")
    outside.deliver(mail("Theirs"))
    with outside._client() as client:
        client.select()
        client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")
    arena.steps("run", "forward_errors", "cleanup", "report")
    assert left(outside) == 1
