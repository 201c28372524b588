"""Whole runs over a POP3 mailbox: what is the same message, what is left, what is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailticket.errors import MailboxUnavailable
from mailticket.store.intake import MOST_BREAKS
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot
from services.scenes import close
from services.scripted_pop3 import CUT, ScriptedPop3, many

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def server() -> Iterator[ScriptedPop3]:
    with ScriptedPop3() as running:
        yield running


@pytest.fixture
def arena(make_arena: MakeArena, server: ScriptedPop3) -> Arena:
    """Give an inbox on the scripted server."""
    made = make_arena({"pop3_auth_option": "USER"}, protocol="pop3", **CREATES)
    made.imap_port = server.port
    return made


def over_pop3(make_arena: MakeArena, dovecot: Dovecot, **fields: Any) -> Arena:
    made = make_arena(protocol="pop3", **CREATES, **fields)
    made.dovecot, made.imap_port = dovecot, dovecot.pop3_port
    return made


def titles(arena: Arena) -> list[str]:
    return [title for (title,) in arena.rows("SELECT title FROM mailticket.ticket ORDER BY id")]


def messages(arena: Arena) -> int:
    return int(arena.rows("SELECT count(*) FROM mailticket.message")[0][0])


def retrieved(server: ScriptedPop3) -> list[str]:
    return [command for command in server.commands if command.startswith("RETR")]


# -- UIDL -----------------------------------------------------------------------------------------


def test_a_uidl_that_is_given_out_again_brings_its_new_mail(
    arena: Arena, server: ScriptedPop3
) -> None:
    arena.fields["after_processing"] = "delete"
    server.messages = {"1": mail("One"), "2": mail("Two")}
    assert arena.run()[0] == {"create": 2}
    assert server.messages == {}
    server.messages = {"1": mail("Six"), "2": mail("Ten")}  # of the same sizes, too
    assert arena.run()[0] == {"create": 2}
    assert titles(arena) == ["One", "Two", "Six", "Ten"]
    assert server.messages == {}


def test_a_server_that_numbers_anew_loses_nothing_and_doubles_nothing(
    arena: Arena, server: ScriptedPop3
) -> None:
    kept = [mail(f"Mail {n}") for n in range(4)]
    server.messages = {str(n): each for n, each in enumerate(kept)}
    arena.run()
    left = [*kept[1:], mail("Mail 4")]  # somebody removed the first
    server.messages = {str(n): each for n, each in enumerate(left)}
    assert arena.run()[0] == {"create": 1}
    assert arena.run()[0] == {}
    assert titles(arena) == [f"Mail {n}" for n in range(5)]
    close(arena, "R-000003")
    arena.run()
    assert list(server.messages.values()) == [kept[1], kept[3], left[3]]


def test_other_names_for_the_same_mail_make_nothing_new(arena: Arena, server: ScriptedPop3) -> None:
    kept = [mail(f"Mail {n}") for n in range(3)]
    server.messages = {f"old{n}": each for n, each in enumerate(kept)}
    arena.run()
    server.commands.clear()
    server.messages = {f"new{n}": each for n, each in enumerate([*kept, mail("Mail 3")])}
    assert arena.run()[0] == {"create": 1}
    assert retrieved(server) == ["RETR 4"]
    assert messages(arena) == 4


def test_a_server_without_uidl_is_read_once(arena: Arena, server: ScriptedPop3) -> None:
    server.script["UIDL"] = b"-ERR what?\r\n"
    server.messages = {"a": mail("One"), "b": mail("Two")}
    assert arena.run()[0] == {"create": 2}
    server.messages = {"b": server.messages["b"], "c": mail("Three")}
    server.commands.clear()
    assert arena.run()[0] == {"create": 1}
    assert retrieved(server) == ["RETR 2"]
    close(arena, "R-000002")
    arena.run()
    assert [b"Three" in each for each in server.messages.values()] == [True]


@pytest.mark.parametrize("written", ["%v.%u", "%08Xu%08Xv", "%f", "%g", "UID%u-%v"])
def test_every_way_to_write_a_uidl_keeps_its_messages_apart(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot], written: str
) -> None:
    dovecot = make_dovecot(extra=f"pop3_uidl_format = {written}")
    arena = over_pop3(make_arena, dovecot)
    arena.deliver(*(mail(f"Mail {n}") for n in range(3)))
    assert arena.run()[0] == {"create": 3}
    arena.deliver(mail("Mail 3"))
    assert arena.run()[0] == {"create": 1}
    close(arena, "R-000002")
    arena.run()
    assert (arena.in_folder(), arena.run()[0]) == (3, {})


# -- settling -------------------------------------------------------------------------------------


def test_a_kept_message_goes_when_its_ticket_is_closed(
    make_arena: MakeArena, dovecot: Dovecot
) -> None:
    arena = over_pop3(make_arena, dovecot)
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    assert arena.in_folder() == 2
    close(arena, "R-000001")
    arena.run()
    assert arena.in_folder() == 1


def test_one_session_at_a_time_is_enough_for_a_run(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    dovecot = make_dovecot(extra="pop3_lock_session = yes")
    arena = over_pop3(make_arena, dovecot, after_processing="delete")
    arena.deliver(*(mail(f"Mail {n}") for n in range(5)))
    assert arena.run()[0] == {"create": 5}
    assert arena.in_folder() == 0


def test_a_deletion_that_a_lost_connection_took_back_is_repeated(
    arena: Arena, server: ScriptedPop3
) -> None:
    arena.fields["after_processing"] = "delete"
    server.messages = {"a": mail("One")}
    server.script["QUIT"] = CUT
    with pytest.raises(Exception, match="broke off"):
        arena.run("first")
    assert list(server.messages) == ["a"]
    del server.script["QUIT"]
    arena.clear("first", "cleanup")
    assert (list(server.messages), titles(arena)) == ([], ["One"])


def test_a_deletion_that_the_server_took_back_after_its_ok_is_repeated(
    arena: Arena, server: ScriptedPop3
) -> None:
    arena.fields["after_processing"] = "delete"
    server.messages = dict(restored := {"a": mail("One"), "b": mail("Two")})
    arena.run()
    server.messages = dict(restored)  # it crashed, and its disk knew of nothing
    assert arena.run()[0] == {}
    assert (server.messages, titles(arena)) == ({}, ["One", "Two"])


def test_a_message_on_which_the_server_hangs_and_keeps_the_maildrop_locked_stops_no_other(
    arena: Arena, server: ScriptedPop3
) -> None:
    arena.fields["forward_errors_to"] = []

    def hangs() -> bytes:
        server.greeting = b"-ERR [IN-USE] maildrop locked by another session\r\n" + CUT
        return b"+OK\r\nSubject: half" + CUT

    server.messages = {"a": mail("One"), "b": mail("Bad"), "c": mail("Three")}
    server.script["RETR 2"] = hangs
    ended = 0
    for number in range(5):
        server.greeting = b"+OK ready\r\n"  # the session that hung is gone meanwhile
        arena.lapse()
        try:
            arena.run(f"run {number}")
        except MailboxUnavailable:
            ended += 1
        if titles(arena) == ["One", "Three"]:
            break
    assert (titles(arena), ended <= MOST_BREAKS + 1) == (["One", "Three"], True)
    [(why,)] = arena.rows("SELECT reason FROM mailticket.message_status WHERE status = 'error'")
    assert "its original cannot be read" in why
    del server.script["RETR 2"]
    server.greeting = b"+OK ready\r\n"
    arena.clear(f"run {number}", "filter")
    assert titles(arena) == ["One", "Three", "Bad"]


# -- what is not loaded ---------------------------------------------------------------------------


def test_of_what_is_too_big_only_the_header_section_is_asked_for(
    arena: Arena, server: ScriptedPop3
) -> None:
    arena.settings["maximum_email_size"] = "2K"
    server.messages = {"a": mail("Big", body="x" * 3000), "b": mail("Small")}
    arena.run()
    assert [row[:3] for row in arena.status()] == [
        ("Big", "error", "rejected"),
        ("Small", "processed", "create"),
    ]
    assert retrieved(server) == ["RETR 2"]
    assert "TOP 1 0" in server.commands


def test_what_is_known_is_never_downloaded_again(arena: Arena, server: ScriptedPop3) -> None:
    server.messages = {f"uidl{n}": mail(f"Mail {n}") for n in range(30)}
    arena.run()
    server.commands.clear()
    assert arena.run()[0] == {}
    server.commands = [each.split()[0] for each in server.commands]
    # The last one alone is looked at: it would be another one if the server had numbered anew.
    assert server.commands == ["CAPA", "USER", "PASS", "LIST", "UIDL", "TOP", "QUIT"]


def test_somebody_elses_removal_is_noticed(arena: Arena, server: ScriptedPop3) -> None:
    server.messages = {f"uidl{n}": mail(f"Mail {n}") for n in range(3)}
    arena.run()
    del server.messages["uidl1"]
    arena.run()
    gone = arena.rows("SELECT uid FROM mailticket.location WHERE gone_at IS NOT NULL")
    assert gone == [("uidl1",)]


def test_a_listing_that_is_no_listing_loses_nothing(arena: Arena, server: ScriptedPop3) -> None:
    server.messages = {"a": mail("One"), "b": mail("Two")}
    server.script["UIDL"] = many(b"nonsense\r\n1 a\r\n\r\n2\r\n")
    arena.run()
    del server.script["UIDL"]
    arena.run()
    assert titles(arena) == ["One", "Two"]


@pytest.mark.parametrize("uidl", [b"a\0b", b"\xff\xfe", b"\x1b[2J", b"u" * 5000], ids=repr)
def test_a_uidl_that_is_none_names_its_message_all_the_same(
    arena: Arena, server: ScriptedPop3, uidl: bytes
) -> None:
    server.messages = {"a": mail("One"), "b": mail("Two")}
    server.script["UIDL"] = many(b"1 " + uidl + b"\r\n2 b\r\n")
    assert arena.run()[0] == {"create": 2}
    assert arena.run()[0] == {}
    assert titles(arena) == ["One", "Two"]


def test_a_message_that_uidl_leaves_out_is_not_left_out(arena: Arena, server: ScriptedPop3) -> None:
    server.messages = {"a": mail("One"), "b": mail("Two")}
    server.script["UIDL"] = many(b"2 b\r\n")
    assert arena.run()[0] == {"create": 2}
    assert arena.run()[0] == {}


@pytest.mark.parametrize("size", [b"9" * 300, b"9" * 30, b"many", b"-5"])
def test_a_size_that_is_none_hides_no_message(
    arena: Arena, server: ScriptedPop3, size: bytes
) -> None:
    server.messages = {"a": mail("One"), "b": mail("Two")}
    server.script["LIST"] = many(b"1 " + size + b"\r\n2 200\r\n")
    arena.run()
    assert [row[0] for row in arena.status()] == ["One", "Two"]
