"""What servers do in bad moments, by a scripted one: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import (
    MailboxUnavailable,
)
from mailticket.mailboxes.base import Fetched, Settlement
from mailticket.mailboxes.imap import ImapMailbox, open_imap
from mailticket.mailboxes.login import MailboxLogin
from services.scripted_imap import CUT, HANG, ScriptedImap, fetch

MESSAGES = {1: b"one", 2: b"two", 3: b"three"}
ALL = [b"one", b"two", b"three"]


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with ScriptedImap(messages=dict(MESSAGES)) as running:
        yield running


def login(server: ScriptedImap, **options: Any) -> MailboxLogin:
    usual: dict[str, Any] = {"tls": "none", "timeout": 2, "read_timeout": 0.5}
    return MailboxLogin(LOOPBACK, server.port, "anna", "s3cret", **(usual | options))


def mailbox(server: ScriptedImap, **options: Any) -> ImapMailbox:
    return open_imap(login(server, **options))


def fetched(server: ScriptedImap) -> list[Fetched]:
    with mailbox(server) as opened:
        return list(opened.originals(opened.listing(), 10_000))


# -- fetching ----------------------------------------------------------------------------------


def test_an_unsolicited_fetch_is_no_message(server: ScriptedImap) -> None:
    noise = rb"* 2 FETCH (FLAGS (\Seen))" + b"\r\n" + rb"* 9 FETCH (UID 9 FLAGS (\Seen))" + b"\r\n"
    bodies = b"".join(fetch(uid, original) for uid, original in MESSAGES.items())
    late = rb"* 1 FETCH (UID 1 FLAGS (\Seen))" + b"\r\n"
    server.script = [(r"UID FETCH 1:3 .*BODY.*", noise + bodies + late + b"TAG OK\r\n")]
    assert [each.original for each in fetched(server)] == ALL


def test_a_message_that_comes_twice_counts_once(server: ScriptedImap) -> None:
    twice = b"".join(fetch(uid, original) * 2 for uid, original in MESSAGES.items())
    server.script = [(r"UID FETCH 1:3 .*BODY.*", twice + b"TAG OK\r\n")]
    assert [each.original for each in fetched(server)] == ALL


def test_a_message_left_out_of_an_answer_is_asked_for_alone(server: ScriptedImap) -> None:
    server.script = [(r"UID FETCH 1:3 .*BODY.*", fetch(1, b"one") + b"TAG OK\r\n")]
    assert [each.original for each in fetched(server)] == ALL


@pytest.mark.parametrize("status", [b"NO [SERVERBUG] cannot", b"BAD what"])
def test_a_refused_batch_is_fetched_one_by_one(server: ScriptedImap, status: bytes) -> None:
    server.script = [
        (r"UID FETCH 1:3 .*BODY.*", fetch(1, b"one") + b"TAG " + status + b"\r\n"),
        (r"UID FETCH 2 .*BODY.*", b"TAG " + status + b"\r\n"),
    ]
    one, two, three = fetched(server)
    assert (one.original, three.original) == (b"one", b"three")
    assert two.original is None
    assert status[4:8].decode() in two.error


@pytest.mark.parametrize(
    "answer",
    [
        CUT,
        b"* 1 FETCH (UID 2 BODY[] {100}\r\nonly this" + CUT,
        b"* 1 FETCH (UID 2 BODY[] {3000000000}\r\n" + HANG,
        b"* 1 FETCH (UID 2 BODY[] {100}\r\nonly this" + HANG,
        b"garbage without sense\r\nTAG OK\r\n",
        b"* BYE shutting down\r\n" + CUT,
        b"OTHERTAG1 OK not yours\r\n" + CUT,
    ],
    ids=["cut", "cut in a literal", "3 GB", "hang", "garbage", "BYE", "foreign tag"],
)
def test_one_message_that_breaks_the_session_stops_no_other(
    server: ScriptedImap, answer: bytes
) -> None:
    server.script = [(r"UID FETCH (1:3|2) .*BODY.*", answer)]
    one, two, three = fetched(server)
    assert (one.original, three.original) == (b"one", b"three")
    assert two.original is None
    assert "each time" in two.error


def test_a_server_that_breaks_on_everything_is_out_of_reach(server: ScriptedImap) -> None:
    server.messages = dict.fromkeys(range(1, 20), b"mail")
    server.script = [(r"UID FETCH .*BODY.*", CUT)]
    with pytest.raises(MailboxUnavailable):
        fetched(server)


def test_a_folder_made_anew_between_two_sessions_is_not_read_on(server: ScriptedImap) -> None:
    def cut_and_renew() -> bytes:
        server.uidvalidity += 1
        return CUT

    server.script = [(r"UID FETCH 1:3 .*BODY.*", cut_and_renew)]
    with pytest.raises(MailboxUnavailable, match="made anew"):
        fetched(server)


@pytest.mark.parametrize("body", [b"BODY[] NIL", b"BODY[]"])
def test_an_answer_without_content_is_an_unreadable_message(
    server: ScriptedImap, body: bytes
) -> None:
    server.script = [
        (r"UID FETCH (1:3|2) .*BODY.*", b"* 1 FETCH (UID 2 " + body + b")\r\nTAG OK\r\n")
    ]
    assert [bool(each.original) for each in fetched(server)] == [True, False, True]
    assert "without its content" in fetched(server)[1].error


def test_small_originals_may_come_as_quoted_strings(server: ScriptedImap) -> None:
    quoted = rb'* 1 FETCH (BODY[] "say \"hi\" \\o/" UID 2)' + b"\r\nTAG OK\r\n"
    server.script = [(r"UID FETCH 1:3 .*BODY.*", quoted)]
    assert fetched(server)[1].original == rb'say "hi" \o/'


def test_a_size_that_the_server_does_not_tell_does_not_hide_the_message(
    server: ScriptedImap,
) -> None:
    server.script = [(r"UID FETCH .*RFC822.SIZE.*", b"TAG OK\r\n")]
    assert [each.original for each in fetched(server)] == ALL


def test_nothing_is_searched_when_uidnext_shows_nothing_new(server: ScriptedImap) -> None:
    with mailbox(server) as opened:
        assert list(opened.listing("3")) == []
    assert not [command for command in server.commands if command.startswith("UID")]


def test_a_stream_that_ignores_its_bounds_is_cut(server: ScriptedImap) -> None:
    server.script = [(r"UID FETCH 1 .*<0.*", b"* 1 FETCH (UID 1 BODY[]<0> {50000000}\r\n" + HANG)]
    with mailbox(server) as opened, pytest.raises(MailboxUnavailable):
        list(opened.original_chunks("1", 1000))


# -- settling ----------------------------------------------------------------------------------


def test_what_the_server_refuses_is_told_with_its_words(server: ScriptedImap) -> None:
    server.script = [(r"UID (STORE|EXPUNGE) .*", b"TAG NO [NOPERM] not yours\r\n")]
    with mailbox(server) as opened:
        (settled,) = opened.settle(["2"], Settlement.DELETE)
    assert settled.outcome is None
    assert "not yours" in settled.detail


def test_an_ok_that_did_nothing_is_noticed(server: ScriptedImap) -> None:
    with mailbox(server) as opened:
        (settled,) = opened.settle(["2"], Settlement.DELETE)
    assert settled.outcome is None
    assert "still there" in settled.detail


def test_one_message_that_cannot_be_moved_stops_no_other(server: ScriptedImap) -> None:
    def move(uid: int) -> tuple[str, Any]:
        return (rf"UID MOVE {uid} .*", lambda: (server.messages.pop(uid, b""), b"TAG OK\r\n")[1])

    server.script = [
        (r"UID MOVE 1:3 .*", b"TAG NO message 2 is broken\r\n"),
        (r"UID MOVE 2 .*", b"TAG NO it is broken\r\n"),
        (r"LIST .*", b'* LIST () "/" Done\r\nTAG OK\r\n'),
        move(1),
        move(3),
    ]
    with mailbox(server) as opened:
        settled = {
            each.uid: each for each in opened.settle(["1", "2", "3"], Settlement.MOVE, "Done")
        }
    assert settled["1"].outcome == settled["3"].outcome == Settlement.MOVE
    assert settled["2"].outcome is None


def test_gmail_deletes_by_moving_to_its_trash(server: ScriptedImap) -> None:
    server.capabilities += " X-GM-EXT-1"
    listed = rb'* LIST (\HasNoChildren \Trash) "/" "[Gmail]/Papierkorb"' + b"\r\nTAG OK\r\n"
    server.script = [
        (r"LIST .*", listed),
        (r"UID MOVE 2 .*", lambda: (server.messages.pop(2), b"TAG OK\r\n")[1]),
    ]
    with mailbox(server) as opened:
        (settled,) = opened.settle(["2"], Settlement.DELETE)
    assert settled.outcome == Settlement.DELETE
    assert 'UID MOVE 2 "[Gmail]/Papierkorb"' in server.commands
    assert not [command for command in server.commands if "STORE" in command]


def test_a_lost_connection_while_settling_is_a_passing_fault(server: ScriptedImap) -> None:
    server.script = [(r"UID STORE .*", CUT)]
    with mailbox(server) as opened, pytest.raises(MailboxUnavailable):
        list(opened.settle(["2"], Settlement.DELETE))
