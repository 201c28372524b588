"""Folders with much in them: what a look costs, what is left to the next run, what went (2.2)."""

from __future__ import annotations

import imaplib  # noqa: TID251 - the other client, beside ours
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo.home import CLONE
from mailticket.store.intake import Intake
from services.arena import Arena, MakeArena, mail
from services.scripted_imap import ScriptedImap

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def titles(arena: Arena) -> list[str]:
    return [title for (title,) in arena.rows("SELECT title FROM mailticket.ticket ORDER BY id")]


def gone(arena: Arena) -> list[str]:
    rows = arena.rows("SELECT uid FROM mailticket.location WHERE gone_at IS NOT NULL ORDER BY id")
    return [uid for (uid,) in rows]


@contextmanager
def other_client(arena: Arena) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4(arena.dovecot.host, arena.dovecot.port) as client:
        client.login(arena.user, arena.dovecot.password)
        client.select()
        yield client


def remove(arena: Arena, *uids: int) -> None:
    with other_client(arena) as client:
        for uid in uids:
            client.uid("STORE", str(uid), "+FLAGS", r"(\Deleted)")
        client.expunge()


# -- a look ---------------------------------------------------------------------------------------


def test_a_look_at_kept_messages_asks_for_nothing_once_uidnext_shows_nothing_new(
    make_arena: MakeArena,
) -> None:
    with ScriptedImap(messages={n: mail(f"Mail {n}") for n in range(1, 50)}) as server:
        arena = make_arena(**CREATES)
        arena.imap_port = server.port
        arena.run()
        server.commands.clear()
        assert arena.run()[0] == {}
    words = [command.split()[0] for command in server.commands]
    assert words == ["CAPABILITY", "LOGIN", "CAPABILITY", "SELECT", "LOGOUT"]


def test_what_somebody_removed_is_noticed_by_the_number_that_is_left(arena: Arena) -> None:
    arena.deliver(*(mail(f"Mail {n}") for n in range(5)))
    arena.run()
    remove(arena, 2, 4)
    assert arena.steps("next", "fetch")["gone"] == 2
    assert gone(arena) == ["2", "4"]
    arena.lapse()
    assert arena.steps("after", "fetch")["gone"] == 0


def test_what_went_while_as_much_came_is_noticed_all_the_same(arena: Arena) -> None:
    arena.deliver(*(mail(f"Mail {n}") for n in range(3)))
    arena.run()
    remove(arena, 1)
    arena.deliver(mail("Mail 3"))
    assert arena.steps("next", "fetch")["gone"] == 1
    assert gone(arena) == ["1"]


def test_a_folder_is_compared_with_the_rows_once_a_day_whatever_exists_says(arena: Arena) -> None:
    arena.deliver(*(mail(f"Mail {n}") for n in range(3)))
    arena.run()
    # As without UIDPLUS: a message that we count as settled still lies there.
    arena.rows("UPDATE mailticket.location SET settled_at = now() WHERE uid = '1'")
    remove(arena, 2)
    assert arena.steps("today", "fetch")["gone"] == 0
    arena.lapse()
    arena.rows("UPDATE mailticket.mailbox_epoch SET opened_at = now() - interval '25 hours'")
    assert arena.steps("tomorrow", "fetch")["gone"] == 1
    assert gone(arena) == ["2"]
    arena.lapse()
    arena.deliver(mail("Mail 3"))
    remove(arena, 3)
    assert arena.steps("the same day", "fetch")["gone"] == 0


def test_an_answer_that_contradicts_exists_removes_nothing(make_arena: MakeArena) -> None:
    with ScriptedImap(messages={n: mail(f"Mail {n}") for n in range(1, 6)}) as server:
        arena = make_arena(**CREATES)
        arena.imap_port = server.port
        arena.run()
        del server.messages[2]
        server.script = [(r"UID SEARCH ALL", b"* SEARCH\r\nTAG OK half of it\r\n")]
        arena.run()
    assert gone(arena) == []


# -- the rest -------------------------------------------------------------------------------------


def has_rest(arena: Arena) -> bool:
    db = arena.access().database()
    try:
        return Intake(db).has_rest(arena.name)
    finally:
        db.close()


def test_a_run_that_left_a_rest_says_so_until_it_is_read(arena: Arena) -> None:
    arena.settings["max_messages_per_run"] = 2
    arena.deliver(*(mail(f"Mail {n}") for n in range(5)))
    seen = []
    for _ in range(3):
        arena.run()
        seen.append(has_rest(arena))
    assert seen == [True, True, False]
    assert titles(arena) == [f"Mail {n}" for n in range(5)]


def test_a_rest_that_is_exactly_nothing_asks_for_no_run(arena: Arena) -> None:
    arena.settings["max_messages_per_run"] = 2
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    assert not has_rest(arena)


def test_a_rest_in_a_folder_that_was_made_anew_is_forgotten(arena: Arena) -> None:
    arena.settings["max_messages_per_run"] = 2
    arena.deliver(*(mail(f"Mail {n}") for n in range(3)))
    arena.run()
    arena.dovecot.forget_uids(arena.user)
    arena.settings["max_messages_per_run"] = 100
    arena.run()
    assert not has_rest(arena)
    assert titles(arena) == [f"Mail {n}" for n in range(3)]


def test_in_a_shell_a_run_goes_on_until_nothing_is_left(arena: Arena) -> None:
    arena.deliver(*(mail(f"Mail {n}") for n in range(5)))
    inbox = f"imap://{arena.user.replace('@', '%40')}:{arena.dovecot.password}"
    environment = os.environ | {
        "AIRFLOW_CONN_MAILTICKET_DB": arena.database.url.replace("postgresql://", "postgres://"),
        "AIRFLOW_CONN_MAILTICKET_INBOX_SUPPORT": f"{inbox}@127.0.0.1:{arena.dovecot.port}?tls=none",
        "AIRFLOW_VAR_MAILTICKET_INBOXES": '{"support": {"unknown_caller": "create_person",'
        ' "person_defaults": {"org_id": "Acme"}}}',
        "AIRFLOW_VAR_MAILTICKET_SETTINGS": '{"max_messages_per_run": 2}',
        "PYTHONPATH": str(CLONE / "plugins"),
    }
    command = [sys.executable, "-m", "mailticket", "run", "--quiet", "support"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "inbox support: 2 messages: 2 create",
        "inbox support: 2 messages: 2 create",
        "inbox support: 1 message: 1 create",
    ]
    assert titles(arena) == [f"Mail {n}" for n in range(5)]
