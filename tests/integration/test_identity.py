"""What is the same message, and what is another one (SPEC 2.3, 3.1): real folders that change."""

from __future__ import annotations

from typing import Any

import pytest

from services.arena import Arena, MakeArena, mail

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def verdicts(arena: Arena) -> list[str]:
    return [row[2] for row in arena.status()]


def tickets(arena: Arena) -> int:
    return arena.rows("SELECT count(*) FROM mailticket.ticket")[0][0]


def messages(arena: Arena) -> int:
    return arena.rows("SELECT count(*) FROM mailticket.message")[0][0]


# -- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("runs", ["in one run", "in two runs"])
def test_the_same_mail_twice_in_one_inbox_is_one_ticket(arena: Arena, runs: str) -> None:
    one = mail("Printer")
    arena.deliver(one)
    if runs == "in two runs":
        arena.run()
    arena.deliver(b"Received: from elsewhere\r\n" + one)
    arena.run()
    assert verdicts(arena) == ["create", "duplicate"]
    assert [row[1:] for row in arena.status()] == [
        ("processed", "create", "create_ticket", "R-000001"),
        ("processed", "duplicate", "already_handled", "R-000001"),
    ]
    assert tickets(arena) == 1


def test_a_mail_without_a_message_id_is_known_again_by_its_content(arena: Arena) -> None:
    one = mail("Printer").replace(b"Message-ID", b"X-Nothing")
    other = one.replace(b"does not print", b"does print")
    arena.deliver(one, other, one)
    arena.run()
    assert verdicts(arena) == ["create", "create", "duplicate"]


def test_a_machine_that_repeats_its_message_id_still_makes_a_ticket_each_time(
    arena: Arena,
) -> None:
    arena.deliver(*(mail(body=f"disk {n}", message_id="<always@nagios>") for n in range(3)))
    arena.run()
    assert verdicts(arena) == ["create"] * 3


def test_a_copy_of_a_rejected_mail_takes_its_status_and_is_told_to_nobody(
    make_arena: MakeArena, post_office: Any
) -> None:
    arena = make_arena(forward_errors_to="ops@x.example")
    arena.smtp = post_office.connection
    one = mail()
    arena.deliver(one, one)
    arena.run()
    assert [row[1:4] for row in arena.status()] == [
        ("error", "rejected", "unknown_caller"),
        ("error", "duplicate", "already_handled"),
    ]
    assert len(post_office.mails) == 1


def test_the_same_mail_in_two_inboxes_is_a_ticket_in_each(make_arena: MakeArena) -> None:
    one, other = make_arena(**CREATES), make_arena(**CREATES)
    other.name = "incidents"
    other.fields["ticket_class"] = "Incident"
    for arena in (one, other):
        arena.deliver(mail("Printer", message_id="<cc@acme.example>"))
        arena.run()
    refs = one.rows("SELECT ref FROM mailticket.ticket ORDER BY id")
    assert refs == [("R-000001",), ("I-000002",)]


# -- folders that change --------------------------------------------------------------------------


def test_after_another_uidvalidity_nothing_is_done_twice_and_nothing_missed(arena: Arena) -> None:
    arena.fields["undesired_subject_patterns"] = "/^Spam/"
    arena.deliver(mail("One"), mail("Spam"), mail("Two"))
    arena.run()
    before = arena.status()
    arena.dovecot.forget_uids(arena.user)
    arena.deliver(mail("Three"))
    assert arena.run()[0] == {"create": 1}
    assert arena.status()[:3] == before
    assert [row[0] for row in arena.status()] == ["One", "Spam", "Two", "Three"]
    assert messages(arena) == 4
    assert arena.run()[0] == {}


def test_after_another_uidvalidity_what_was_undecided_is_decided_once(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.steps("dead", "fetch")
    arena.lapse()
    arena.dovecot.forget_uids(arena.user)
    assert arena.run()[0] == {"create": 2}
    assert (messages(arena), tickets(arena)) == (2, 2)


def test_after_another_uidvalidity_errors_stay_what_they_are_and_are_told_once(
    make_arena: MakeArena, post_office: Any
) -> None:
    arena = make_arena({"maximum_email_size": "2K"}, forward_errors_to="ops@x.example")
    arena.smtp = post_office.connection
    arena.deliver(mail("Stranger"), mail("Big", body="x" * 3000))
    arena.run()
    before = arena.status()
    arena.dovecot.forget_uids(arena.user)
    assert arena.run()[0] == {}
    assert arena.status() == before
    assert len(post_office.mails) == 2


def test_two_mails_with_one_header_section_and_size_are_both_known_again(arena: Arena) -> None:
    one = mail(body="disk 1", message_id="<always@nagios>")
    arena.deliver(one, one.replace(b"disk 1", b"disk 2"))
    arena.run()
    arena.dovecot.forget_uids(arena.user)
    assert arena.run()[0] == {}
    assert (messages(arena), tickets(arena)) == (2, 2)


def test_a_folder_made_anew_under_its_old_uidvalidity_is_read_from_its_beginning(
    arena: Arena,
) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    remake(arena)
    arena.deliver(*(mail(f"New {n}") for n in range(4)))
    assert arena.run()[0] == {"create": 4}
    assert tickets(arena) == 6
    arena.deliver(mail("Last"))
    assert arena.run()[0] == {"create": 1}


def test_a_folder_made_anew_is_told_even_where_we_had_emptied_it(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    remake(arena)
    arena.deliver(*(mail(f"New {n}") for n in range(4)))
    assert arena.run()[0] == {"create": 4}
    assert (tickets(arena), arena.in_folder()) == (6, 0)


def test_a_smaller_folder_under_its_old_uidvalidity_is_read_from_its_beginning(
    arena: Arena,
) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    remake(arena)
    arena.deliver(mail("New"))
    assert arena.run()[0] == {"create": 1}


def remake(arena: Arena) -> None:
    """Empty a folder and give its UIDs out again, as broken servers do."""
    home = arena.dovecot.maildir(arena.user)
    head = (home / "dovecot-uidlist").read_text().split("\n")[0].split(" ")
    validity = next(word for word in head if word.startswith("V"))
    for part in ("new", "cur"):
        for file in (home / part).iterdir():
            file.unlink()
    for index in home.glob("dovecot.index*"):
        index.unlink()
    (home / "dovecot-uidlist").write_text(f"3 {validity} N1\n")


def test_a_mail_that_comes_back_from_a_backup_is_recognised_by_its_content(
    arena: Arena,
) -> None:
    arena.fields["after_processing"] = "delete"
    one = mail("One")
    arena.deliver(one)
    arena.run()
    assert arena.in_folder() == 0
    arena.dovecot.forget_uids(arena.user)
    arena.deliver(one, mail("Two"))
    arena.run()
    assert verdicts(arena) == ["create", "duplicate", "create"]
    assert (tickets(arena), arena.in_folder()) == (2, 0)


def test_another_server_name_brings_nothing_twice(arena: Arena) -> None:
    arena.deliver(mail("One"))
    arena.run()
    arena.dovecot.host = "localhost"
    try:
        arena.deliver(mail("Two"))
        assert arena.run()[0] == {"create": 1}
    finally:
        arena.dovecot.host = "127.0.0.1"
    assert tickets(arena) == 2


# -- use_message_id_as_uid ------------------------------------------------------------------------


def test_with_message_id_as_uid_the_same_mail_a_second_time_is_no_new_one(arena: Arena) -> None:
    arena.settings["use_message_id_as_uid"] = True
    one = mail(message_id="<same@x>")
    arena.deliver(one, one)
    assert arena.run()[0] == {"create": 1}
    arena.deliver(one, mail("Other"))
    assert arena.run()[0] == {"create": 1}
    assert messages(arena) == 2


@pytest.mark.parametrize("runs", ["one run", "two runs"])
def test_nobody_keeps_a_mail_out_by_sending_its_message_id_first(arena: Arena, runs: str) -> None:
    arena.settings["use_message_id_as_uid"] = True
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("Nothing", "Eve <eve@evil.example>", message_id="<alarm-1@monitor>"))
    if runs == "two runs":
        arena.run()
    arena.deliver(mail("Fire", message_id="<alarm-1@monitor>"))
    arena.run()
    assert [row[0] for row in arena.status()] == ["Nothing", "Fire"]
    assert verdicts(arena) == ["create", "create"]


def test_with_message_id_as_uid_a_mail_that_is_too_big_is_known_again(arena: Arena) -> None:
    arena.settings["use_message_id_as_uid"] = True
    arena.fields["maximum_email_size"] = 2000
    big, other = (mail(n, body="x" * 3000, message_id="<big@x>") for n in ("Big", "Other"))
    arena.deliver(big, big)
    arena.run()
    arena.deliver(big, other)
    arena.run()
    assert [row[0] for row in arena.status()] == ["Big", "Other"]


def test_switching_message_id_as_uid_makes_nothing_new_again(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two").replace(b"Message-ID", b"X-Nothing"))
    arena.run()
    for on in (True, False, True):
        arena.settings["use_message_id_as_uid"] = on
        assert arena.run()[0] == {}
    arena.dovecot.forget_uids(arena.user)
    assert arena.run()[0] == {}
    arena.settings["use_message_id_as_uid"] = False
    assert arena.run()[0] == {}
    assert tickets(arena) == 2


def test_a_message_id_of_a_thousand_characters_and_more_is_known_again(arena: Arena) -> None:
    arena.settings["use_message_id_as_uid"] = True
    one = mail("Long", message_id=f"<{'é' * 900}@x>")
    arena.deliver(one)
    arena.run()
    arena.deliver(one)
    assert arena.run()[0] == {}
    assert messages(arena) == 1
