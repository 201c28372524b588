"""Once a day each mailbox is compared with its rows (SPEC 9.3); what is safe is repaired."""

from __future__ import annotations

import imaplib  # noqa: TID251  a person with another client
from typing import Any

import pytest

from mailticket.maintenance import LONG, Upkeep, maintain
from mailticket.store.runs import Runs
from services.arena import Arena, MakeArena, mail

CREATES: dict[str, Any] = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def upkeep(arena: Arena) -> Upkeep:
    access = arena.access()
    db = access.database()
    try:
        inbox = access.inbox(arena.name)
        [found] = maintain(db, [inbox], "maintenance", lambda _: access.outside())
    finally:
        db.close()
    return found


def found(arena: Arena, *names: str) -> dict[str, int]:
    counts = upkeep(arena).counts
    return {name: counts[name] for name in names or ("present", "vanished", "back", "missed")}


def client(arena: Arena) -> imaplib.IMAP4:
    connected = imaplib.IMAP4(arena.dovecot.host, arena.dovecot.port)
    connected.login(arena.user, arena.dovecot.password)
    connected.select("INBOX")
    return connected


def remove(arena: Arena, uid: str) -> None:
    person = client(arena)
    person.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
    person.expunge()
    person.logout()


def test_where_rows_and_mailbox_agree_nothing_is_done(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    assert found(arena) == {"present": 2, "vanished": 0, "back": 0, "missed": 0}
    assert arena.run()[0] == {}


def test_what_a_person_removed_is_marked_as_gone(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    remove(arena, "1")
    assert found(arena) == {"present": 1, "vanished": 1, "back": 0, "missed": 0}
    assert arena.rows("SELECT uid FROM mailticket.location WHERE gone_at IS NOT NULL") == [("1",)]
    assert found(arena, "vanished") == {"vanished": 0}


def test_a_deletion_that_did_not_happen_is_repeated(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"))
    arena.steps("r1", "fetch", "filter", "parse", "upsert_ticket")
    arena.rows("UPDATE mailticket.location SET settled_at = now(), settlement = 'delete'")
    arena.rows("DELETE FROM mailticket.lease")
    assert found(arena, "back", "settled") == {"back": 1, "settled": 1}
    assert arena.in_folder() == 0


def test_a_deleted_message_that_is_another_one_now_stays(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"))
    arena.steps("r1", "fetch", "filter", "parse", "upsert_ticket")
    arena.rows("UPDATE mailticket.location SET settled_at = now(), settlement = 'delete'")
    arena.rows("UPDATE mailticket.message SET header_hash = '\\x00', message_id = 'other@x'")
    arena.rows("DELETE FROM mailticket.lease")
    assert found(arena, "back", "settled") == {"back": 0, "settled": 0}
    assert arena.in_folder() == 1


def test_a_moved_message_is_not_moved_a_second_time(arena: Arena) -> None:
    arena.fields |= {"after_processing": "move", "move_to": "Done"}
    arena.deliver(mail("One"))
    arena.steps("r1", "fetch", "filter", "parse", "upsert_ticket")
    arena.rows("UPDATE mailticket.location SET settled_at = now(), settlement = 'move'")
    arena.rows("DELETE FROM mailticket.lease")
    assert found(arena, "back", "settled") == {"back": 0, "settled": 0}
    assert arena.in_folder("Done") == 0


def test_a_message_that_no_row_knows_is_fetched_by_the_next_run(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"), mail("Three"))
    arena.steps("r1", "fetch")
    arena.rows("DELETE FROM mailticket.message WHERE id = 0")
    arena.rows("DELETE FROM mailticket.location WHERE uid = '2'")
    arena.rows("DELETE FROM mailticket.message WHERE subject = 'Two'")
    arena.rows("DELETE FROM mailticket.lease")
    arena.run()
    assert len(arena.status()) == 2  # the look alone does not see it: it lies below the cursor
    assert found(arena, "missed") == {"missed": 1}
    assert arena.run()[0] == {"create": 1}
    assert [row[0] for row in arena.status()] == ["One", "Three", "Two"]


def test_new_mail_is_no_finding_and_nothing_but_a_run_decides_it(arena: Arena) -> None:
    arena.deliver(mail("One"))
    arena.run()
    arena.deliver(mail("Two"))
    assert found(arena) == {"present": 2, "vanished": 0, "back": 0, "missed": 0}
    assert len(arena.status()) == 1


def test_what_was_undesired_while_the_clock_was_ahead_does_not_stay_until_then(
    arena: Arena,
) -> None:
    arena.fields |= {
        "undesired_subject_patterns": "/^Spam/", "undesired_behavior": "purge",
        "undesired_purge_delay": 3,
    }  # fmt: skip
    arena.deliver(mail("Spam"))
    arena.run()
    later = "UPDATE mailticket.attempt SET decided_at = decided_at + make_interval(days => %s)"
    arena.rows(later, 400)
    assert found(arena, "settled") == {"settled": 0}
    arena.rows(later, -2)
    assert found(arena, "settled") == {"settled": 0}
    arena.rows(later, -2)
    assert found(arena, "settled") == {"settled": 1}
    assert arena.in_folder() == 0


def test_what_waits_for_a_person_is_counted(arena: Arena) -> None:
    arena.fields["unknown_caller"] = "reject"
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    arena.deliver(mail("Three"))
    arena.steps("r2", "fetch")
    arena.rows("DELETE FROM mailticket.lease")
    names = ("undecided", "in_error", "held", "unsent")
    assert found(arena, *names) == {"undecided": 1, "in_error": 2, "held": 0, "unsent": 0}


def test_an_inbox_at_work_is_waited_for_and_then_told(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailticket.maintenance._PAUSE", 0.0)
    arena.deliver(mail("One"))
    arena.run()
    db = arena.access().database()
    try:
        Runs(db).take_lease(arena.name, "a run")
    finally:
        db.close()
    told = upkeep(arena)
    assert "leave no time" in told.fault
    assert not told.needs_a_person


def test_an_unreachable_mailbox_needs_a_person_only_when_it_lasts(arena: Arena) -> None:
    arena.deliver(mail("One"))
    arena.run()
    arena.imap_port = 1
    assert not upkeep(arena).needs_a_person
    arena.rows("UPDATE mailticket.mailbox_epoch SET looked_at = now() - interval '2 days'")
    told = upkeep(arena)
    assert told.needs_a_person
    assert told.unread_for == pytest.approx(2 * LONG, abs=600)
    assert "last read 2 days ago" in told.line()


def test_an_inbox_that_was_never_read_is_told(arena: Arena) -> None:
    arena.imap_port = 1
    told = upkeep(arena)
    assert (told.needs_a_person, told.unread_for) == (True, None)
    assert "never read" in told.line()


def test_a_fault_that_will_not_pass_needs_a_person_at_once(arena: Arena) -> None:
    arena.fields["mailbox"] = "Nowhere"
    told = upkeep(arena)
    assert told.needs_a_person
    assert "Nowhere" in told.fault


def test_a_file_that_comes_again_is_not_purged_before_it_is_attached(arena: Arena) -> None:
    boundary = 'Content-Type: multipart/mixed; boundary="b"'
    text, pdf = "\r\n\r\nSee there.", "\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-"
    body = f"--b{text}\r\n--b{pdf}\r\n--b--"
    files = mail("File", body=body).replace(
        b"Content-Type: text/plain; charset=utf-8", boundary.encode()
    )
    arena.deliver(files)
    arena.run()
    arena.rows("DELETE FROM mailticket.attachment")
    arena.rows("UPDATE mailticket.blob SET stored_at = now() - interval '2 days'")
    arena.deliver(files.replace(b"Subject: File", b"Subject: Again"))
    arena.steps("r2", "fetch", "filter", "parse")
    [(renewed,)] = arena.rows("SELECT stored_at > now() - interval '1 hour' FROM mailticket.blob")
    assert renewed
