"""Folders that are not one's own: shared by all, another user's, Gmail's labels; in Dovecot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from mailticket.errors import FolderMissing, ReadOnlyFolder
from mailticket.watching.shared import Shared
from mailticket.watching.watcher import Watcher
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot

NAMESPACES = """
mail_plugins = acl
plugin {
  acl = vfile
}
namespace all {
  type = public
  prefix = Shared/
  separator = /
  location = maildir:%h/../public/Maildir
  list = children
  subscriptions = no
}
namespace users {
  type = shared
  prefix = user/%%u/
  separator = /
  location = maildir:%%h/Maildir
  list = children
  subscriptions = no
}
"""
GMAIL = """
imap_capability = +X-GM-EXT-1
namespace gmail {
  prefix = [Gmail]/
  separator = /
  location = maildir:~/gmail
  list = yes
  mailbox Papierkorb {
    auto = create
    special_use = \\Trash
  }
}
"""
ALL_RIGHTS, READING = "lrwstipekxa", "lr"
CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
OWNER = "owner@example.com"
PLACES = {"Shared/Support": ("public", "Support"), f"user/{OWNER}/Büro": (OWNER, "Büro")}
"""Folder as IMAP names it → whose Maildir holds it, and under which name."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    dovecot = Dovecot(tmp_path_factory.mktemp("namespaces"), extra=NAMESPACES)
    dovecot.start()
    yield dovecot
    dovecot.close()


@pytest.fixture
def shared_with(server: Dovecot, make_arena: MakeArena) -> Callable[..., Arena]:
    """Give an inbox that reads a folder of somebody else's, with these rights on it."""

    def shared_with(folder: str, rights: str, *others: str, **fields: Any) -> Arena:
        arena = make_arena(mailbox=folder, **CREATES, **fields)
        arena.dovecot = server
        for name in (folder, *others):
            owner, leaf = PLACES.get(name, ("public", name.removeprefix("Shared/")))
            server.deliver(owner, mail(f"In {name}"), leaf)
            allow(server.maildir(owner, leaf), arena.user, rights)
        return arena

    return shared_with


def allow(folder: Path, user: str, rights: str) -> None:
    """Grant rights as an administrator does; who reads mail must be able to read them."""
    with (folder / "dovecot-acl").open("a") as written:
        written.write(f"user={user} {rights}\n")
    (folder / "dovecot-acl").chmod(0o644)


def files_in(arena: Arena, owner: str, folder: str) -> int:
    home = arena.dovecot.maildir(owner, folder)
    return sum(len(list((home / part).glob("*"))) for part in ("new", "cur"))


@pytest.mark.parametrize("folder", PLACES)
def test_mail_in_somebody_elses_folder_becomes_tickets_and_goes(
    shared_with: Callable[..., Arena], folder: str
) -> None:
    arena = shared_with(folder, ALL_RIGHTS, after_processing="delete")
    before = files_in(arena, *PLACES[folder])
    counts, _ = arena.run()
    assert counts == {"create": before}
    assert files_in(arena, *PLACES[folder]) == 0
    assert arena.run()[0] == {}


def test_mail_moves_from_one_namespace_to_another(shared_with: Callable[..., Arena]) -> None:
    target = f"user/{OWNER}/Büro"
    arena = shared_with(
        "Shared/Incoming", ALL_RIGHTS, target, after_processing="move", move_to=target
    )
    before = files_in(arena, *PLACES[target])
    assert arena.run()[0] == {"create": 1}
    assert (files_in(arena, "public", "Incoming"), files_in(arena, *PLACES[target])) == (
        0,
        before + 1,
    )


def test_a_folder_that_is_shared_for_reading_only_is_read_and_told_of_when_mail_is_to_go(
    shared_with: Callable[..., Arena],
) -> None:
    arena = shared_with("Shared/Archive", READING, after_processing="delete")
    with pytest.raises(ReadOnlyFolder, match=r"Shared/Archive .*read-only|reading only"):
        arena.run()
    assert [row[:3] for row in arena.status()] == [("In Shared/Archive", "processed", "create")]
    assert files_in(arena, "public", "Archive") == 1
    arena.fields["after_processing"] = "keep"
    assert arena.run()[0] == {}


def test_a_folder_without_rights_or_misspelt_is_told_with_the_nearest_name(
    shared_with: Callable[..., Arena],
) -> None:
    arena = shared_with("Shared/Sales", ALL_RIGHTS)
    arena.fields["mailbox"] = "shared/sales"
    with pytest.raises(FolderMissing, match="'Shared/Sales'"):
        arena.run()
    arena.fields["mailbox"], arena.user = "Shared/Sales", "nobody@example.com"
    with pytest.raises(FolderMissing, match="Shared/Sales"):
        arena.run()


@pytest.mark.parametrize("folder", PLACES)
def test_mail_in_somebody_elses_folder_rings_as_it_comes(
    shared_with: Callable[..., Arena], folder: str
) -> None:
    arena = shared_with(folder, ALL_RIGHTS, after_processing="delete")
    arena.run()

    async def go() -> str:
        shared = Shared(arena.access)
        async with aclosing(Watcher(arena.name, shared).rings()) as rings, asyncio.timeout(30):
            bell = asyncio.ensure_future(anext(rings))
            while not shared._well:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert not bell.done()
            owner, leaf = PLACES[folder]
            arena.dovecot.deliver(owner, mail("Later"), leaf)
            rung = await bell
        await shared.close()
        return rung

    assert asyncio.run(go()) == "1 new message"


def test_a_gmail_label_loses_its_mail_to_the_trash_or_to_another_label(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena(mailbox="Support/Ünter", after_processing="delete", **CREATES)
    arena.dovecot = make_dovecot(extra=GMAIL)
    arena.deliver(mail("To the trash"), folder="Support/Ünter")
    arena.deliver(mail("Stays"), folder="Support")
    trash = arena.dovecot.maildir(arena.user).parent / "gmail" / ".Papierkorb"
    assert arena.run()[0] == {"create": 1}
    assert [len(list((trash / part).glob("*"))) for part in ("new", "cur")] in (
        [0, 1],
        [1, 0],
    )
    assert (arena.in_folder("Support/Ünter"), arena.in_folder("Support")) == (0, 1)

    arena.fields |= {"after_processing": "move", "move_to": "Support"}
    arena.deliver(mail("To another label"), folder="Support/Ünter")
    assert arena.run()[0] == {"create": 1}
    assert (arena.in_folder("Support/Ünter"), arena.in_folder("Support")) == (0, 2)
