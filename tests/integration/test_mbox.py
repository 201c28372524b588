"""A Dovecot on mbox files, whose UIDVALIDITY changes when another program writes them anew."""

from __future__ import annotations

import mailbox as mbox_files
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from mailticket.mailboxes.imap import open_imap
from mailticket.mailboxes.login import MailboxLogin
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot
from services.mailbox_kinds import OverImap

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
_BOOKKEEPING = re.compile(
    rb"^(X-UID|X-IMAP|X-IMAPbase|Status|X-Status|X-Keywords):.*\n", re.MULTILINE | re.IGNORECASE
)


@pytest.fixture
def arena(make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]) -> Arena:
    made = make_arena(**CREATES)
    location = "mail_location = mbox:%h/mbox:INBOX=%h/inbox:INDEX=%h/index"
    made.dovecot, made.user = make_dovecot(extra=location), "mbox@example.com"
    return made


def outside(arena: Arena) -> OverImap:
    dovecot = arena.dovecot
    login: dict[str, Any] = {"login": arena.user, "password": dovecot.password, "tls": "none"}
    return OverImap(MailboxLogin(dovecot.host, dovecot.port, **login))


def uidvalidity(arena: Arena) -> int:
    with open_imap(outside(arena).login) as opened:
        return opened.place.uidvalidity


def written_anew(arena: Arena) -> None:
    """Write the file as a program does that knows nothing of UIDs."""
    home = arena.dovecot.maildir(arena.user).parent
    for path in home.glob("index/**/dovecot*"):
        path.unlink()
    path = home / "inbox"
    owner = path.stat()
    path.write_bytes(_BOOKKEEPING.sub(b"", path.read_bytes()))
    os.chown(path, owner.st_uid, owner.st_gid)


def titles(arena: Arena) -> list[str]:
    return [title for (title,) in arena.rows("SELECT title FROM mailticket.ticket ORDER BY id")]


@pytest.mark.parametrize("after", ["keep", "delete"])
def test_a_file_that_was_written_anew_makes_no_ticket_twice_and_loses_none(
    arena: Arena, after: str
) -> None:
    arena.fields["unknown_caller"] = "reject" if after == "delete" else "create_person"
    for n in range(3):
        outside(arena).deliver(mail(f"Mail {n}"))
    arena.run()
    before, messages = uidvalidity(arena), arena.status()
    while time.time() < before + 1:  # the second is the next UIDVALIDITY
        time.sleep(0.1)
    written_anew(arena)
    assert uidvalidity(arena) != before
    arena.fields |= {"unknown_caller": "create_person", "after_processing": after}
    outside(arena).deliver(mail("Mail 3"))
    assert arena.run()[0] == {"create": 1}
    assert arena.status()[:3] == messages
    assert arena.run()[0] == {}
    left = mbox_files.mbox(arena.dovecot.maildir(arena.user).parent / "inbox")
    assert len(left) == (4 if after == "keep" else 3)
