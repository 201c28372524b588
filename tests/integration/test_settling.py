"""What becomes of a mail in its folder once its fate is committed (SPEC 8), in a real Dovecot."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailticket.errors import MailboxUnavailable, ReadOnlyFolder
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot
from services.post_office import PostOffice

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
BIG = "x" * 3000


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def subjects_in(arena: Arena, folder: str = "INBOX") -> list[str]:
    home = arena.dovecot.maildir(arena.user, folder)
    files = [file for part in ("new", "cur") for file in (home / part).glob("*")]
    lines = (file.read_bytes().split(b"Subject: ")[1].split(b"\r\n")[0] for file in files)
    return sorted(line.decode() for line in lines)


def settlements(arena: Arena) -> list[tuple[Any, ...]]:
    return arena.rows(
        "SELECT settlement, settled_at IS NOT NULL, gone_at IS NOT NULL"
        " FROM mailticket.location ORDER BY id"
    )


def imap(arena: Arena, *commands: str) -> bytes:
    """Say something to the server as another mail program does."""
    with socket.create_connection((arena.dovecot.host, arena.dovecot.port)) as connection:
        lines = [f"LOGIN {arena.user} {arena.dovecot.password}", "SELECT INBOX", *commands]
        for line in (*lines, "LOGOUT"):
            connection.sendall(f"a {line}\r\n".encode())
        said = b""
        while chunk := connection.recv(65536):
            said += chunk
    return said


# -- keep, delete, move ---------------------------------------------------------------------------


def test_a_kept_message_goes_when_its_ticket_is_closed(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    arena.run()
    assert subjects_in(arena) == ["One", "Two"]
    arena.rows("UPDATE mailticket.ticket SET status = 'closed' WHERE title = 'One'")
    arena.run()
    assert subjects_in(arena) == ["Two"]


def test_a_kept_message_goes_when_its_ticket_is_deleted(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    arena.rows("DELETE FROM mailticket.ticket WHERE title = 'Two'")
    arena.run()
    assert subjects_in(arena) == ["One"]


def test_delete_takes_away_what_became_tickets_and_nothing_else(arena: Arena) -> None:
    arena.fields |= {"after_processing": "delete", "undesired_subject_patterns": "/^Spam/"}
    arena.deliver(mail("One"), mail("Spam"), mail("Re: One", sender="no address at all"))
    arena.run()
    assert subjects_in(arena) == ["Re: One", "Spam"]
    assert settlements(arena) == [
        ("delete", True, False),
        (None, False, False),
        (None, False, False),
    ]


def test_move_puts_what_became_tickets_into_the_other_folder(arena: Arena) -> None:
    arena.fields |= {"after_processing": "move", "move_to": "Erledigt/Größe"}
    arena.deliver(mail("Old"), folder="Erledigt/Größe")
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    assert subjects_in(arena) == []
    assert subjects_in(arena, "Erledigt/Größe") == ["Old", "One", "Two"]


def test_move_still_moves_where_the_ticket_is_deleted_before_it_came_to_it(arena: Arena) -> None:
    arena.fields |= {"after_processing": "move", "move_to": "Done"}
    arena.deliver(mail("Old"), folder="Done")
    arena.deliver(mail("One"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket")
    arena.rows("DELETE FROM mailticket.ticket")
    arena.steps("run", "cleanup")
    assert subjects_in(arena, "Done") == ["Old", "One"]


def test_mail_that_others_marked_as_deleted_is_left_alone(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("Theirs", sender="nobody"))
    arena.run()
    imap(arena, r"UID STORE 1 +FLAGS (\Deleted)")
    arena.deliver(mail("Ours"))
    arena.run()
    assert subjects_in(arena) == ["Theirs"]


def test_without_uidplus_a_message_is_only_marked(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena(**CREATES, after_processing="delete")
    arena.dovecot = make_dovecot(extra="imap_capability = IMAP4rev1")
    arena.deliver(mail("One"))
    arena.run()
    assert b"\\Deleted" in imap(arena, "UID FETCH 1 (FLAGS)")
    assert arena.run()[0] == {}


def test_a_message_that_somebody_removed_is_noted_as_gone(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket", "forward_errors")
    imap(arena, r"UID STORE 1 +FLAGS (\Deleted)", "EXPUNGE")
    assert arena.steps("run", "cleanup")["gone"] == 1
    assert settlements(arena) == [("delete", False, True)]


def test_a_missing_target_folder_reddens_the_run_and_loses_nothing(arena: Arena) -> None:
    arena.fields |= {"after_processing": "move", "move_to": "Nowhere"}
    arena.deliver(mail("One"))
    with pytest.raises(Exception, match="Nowhere"):
        arena.run()
    assert subjects_in(arena) == ["One"]
    arena.deliver(mail("Old"), folder="Nowhere")
    arena.run()
    assert subjects_in(arena, "Nowhere") == ["Old", "One"]


def test_a_read_only_folder_is_told_and_left(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arena = make_arena(**CREATES, after_processing="delete")
    arena.dovecot = make_dovecot(extra="mail_plugins = acl\nplugin {\n acl = vfile\n}")
    arena.deliver(mail("One"))
    rights = arena.dovecot.maildir(arena.user) / "dovecot-acl"
    rights.write_text("owner lrs\n")
    rights.chmod(0o644)
    with pytest.raises(ReadOnlyFolder):
        arena.run()
    assert arena.status()[0][4] == "R-000001"
    assert subjects_in(arena) == ["One"]


# -- commit first ---------------------------------------------------------------------------------


def test_after_a_kill_between_commit_and_settling_the_next_run_only_settles(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"), mail("Two"))
    arena.steps("dead", "fetch", "filter", "parse", "upsert_ticket", "forward_errors")
    assert arena.in_folder() == 2
    arena.lapse()
    assert arena.run()[0] == {}
    assert arena.in_folder() == 0
    assert arena.rows("SELECT count(*) FROM mailticket.attempt") == [(2,)]


def test_nothing_is_deleted_after_the_folder_was_numbered_anew(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"), mail("Two"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket", "forward_errors")
    imap(arena, r"UID STORE 1 +FLAGS (\Deleted)", "EXPUNGE")
    arena.dovecot.forget_uids(arena.user)
    arena.deliver(mail("Three"))
    assert arena.steps("run", "cleanup")["deleted"] == 0
    assert subjects_in(arena) == ["Three", "Two"]
    arena.steps("run", "report")
    assert arena.run()[0] == {"create": 1}
    assert subjects_in(arena) == []
    assert arena.rows("SELECT count(*) FROM mailticket.ticket") == [(3,)]


def test_nothing_is_deleted_under_a_uid_that_names_another_mail_now(arena: Arena) -> None:
    arena.fields["after_processing"] = "delete"
    arena.deliver(mail("One"), mail("Two"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket", "forward_errors")
    home = arena.dovecot.maildir(arena.user)
    for file in [*(home / "new").iterdir(), *(home / "cur").iterdir()]:
        file.write_bytes(
            file.read_bytes().replace(b"Subject: ", b"Subject: Other ").replace(b"@acme", b"@acm2")
        )
    for index in home.glob("dovecot.index*"):
        index.unlink()
    assert arena.steps("run", "cleanup")["deleted"] == 0
    assert subjects_in(arena) == ["Other One", "Other Two"]
    arena.steps("run", "report")
    assert arena.run()[0] == {"create": 2}
    assert arena.rows("SELECT count(*) FROM mailticket.ticket") == [(4,)]


# -- errors and undesired -------------------------------------------------------------------------


def test_errors_are_kept_marked_in_our_rows_only_and_not_tried_again(make_arena: MakeArena) -> None:
    arena = make_arena()
    arena.deliver(mail("Stranger"))
    arena.run()
    assert arena.run()[0] == {}
    assert arena.status() == [("Stranger", "error", "rejected", "unknown_caller", None)]
    assert subjects_in(arena) == ["Stranger"]
    assert b"FLAGS ()" in imap(arena, "UID FETCH 1 (FLAGS)").replace(rb"\Recent", b"")


def test_errors_are_deleted_at_once_where_nobody_is_to_be_told(make_arena: MakeArena) -> None:
    arena = make_arena(error_behavior="delete")
    arena.deliver(
        mail("Stranger"), mail("Copy", message_id="<c@x>"), mail("Copy", message_id="<c@x>")
    )
    arena.run()
    assert [row[2] for row in arena.status()] == ["rejected", "rejected", "duplicate"]
    assert subjects_in(arena) == []


def test_errors_are_deleted_only_once_the_mail_server_took_what_tells_of_them(
    make_arena: MakeArena, post_office: PostOffice
) -> None:
    arena = make_arena(error_behavior="delete", forward_errors_to=["a@x.example", "b@x.example"])
    arena.smtp = post_office.connection
    post_office.stop()
    arena.deliver(mail("Stranger"))
    assert arena.run()[1] == []
    assert subjects_in(arena) == ["Stranger"]
    post_office.answer_recipient = lambda to: "450 later" if to == "b@x.example" else ""
    post_office.start()
    arena.rows("UPDATE mailticket.outbox SET not_before = now()")
    arena.run()
    assert arena.told()[0] == ("forwarded_error", "a@x.example", "sent")
    assert subjects_in(arena) == ["Stranger"]
    post_office.answer_recipient = lambda _: ""
    arena.rows("UPDATE mailticket.outbox SET not_before = now()")
    arena.run()
    assert subjects_in(arena) == []


def test_errors_stay_where_the_address_to_tell_them_to_takes_no_mail(make_arena: MakeArena) -> None:
    arena = make_arena(error_behavior="delete", forward_errors_to="ops@-x.example")
    arena.deliver(mail("Stranger"))
    arena.run()
    assert subjects_in(arena) == ["Stranger"]


def test_undesired_mail_is_purged_after_its_delay(arena: Arena) -> None:
    arena.fields |= {
        "undesired_subject_patterns": "/^Spam/",
        "undesired_behavior": "purge",
        "undesired_purge_delay": 3,
    }
    arena.deliver(mail("Spam 1"), mail("Spam 2"))
    arena.run()
    arena.rows("UPDATE mailticket.attempt SET decided_at = now() - interval '2 days 23 hours'")
    arena.run()
    assert len(subjects_in(arena)) == 2
    arena.rows(
        "UPDATE mailticket.attempt SET decided_at = now() - interval '3 days 1 minute'"
        " WHERE message = 1"
    )
    arena.run()
    assert subjects_in(arena) == ["Spam 2"]


def test_undesired_mail_is_treated_as_errors_are(make_arena: MakeArena) -> None:
    arena = make_arena(undesired_subject_patterns="/^Spam/")
    arena.deliver(mail("Spam"))
    arena.run()
    assert subjects_in(arena) == ["Spam"]
    arena.fields["error_behavior"] = "delete"
    arena.run()
    assert subjects_in(arena) == []


# -- too big --------------------------------------------------------------------------------------


def test_what_is_too_big_is_saved_and_then_leaves_the_mailbox(
    make_arena: MakeArena, tmp_path: Path
) -> None:
    original = mail("Big", body=BIG)
    arena = make_arena(
        {"maximum_email_size": "2K", "big_files_dir": str(tmp_path / "big")}, **CREATES
    )
    arena.deliver(mail("Small"), original)
    arena.run()
    [saved] = (tmp_path / "big").iterdir()
    assert saved.read_bytes() == original
    assert arena.status()[1] == ("Big", "error", "rejected", "too_big", None)
    assert subjects_in(arena) == ["Small"]
    [(whole, length)] = arena.rows(
        "SELECT whole, length(raw) FROM mailticket.original WHERE message = 2"
    )
    assert (whole, length) == (False, len(original) - len(BIG) - 2)


def test_what_is_too_big_stays_without_a_place_for_it_whatever_becomes_of_errors(
    make_arena: MakeArena,
) -> None:
    arena = make_arena({"maximum_email_size": "2K"}, **CREATES, error_behavior="delete")
    arena.deliver(mail("Big", body=BIG))
    arena.run()
    assert subjects_in(arena) == ["Big"]


def test_what_cannot_be_saved_now_is_saved_by_a_later_run(
    make_arena: MakeArena, tmp_path: Path
) -> None:
    (tmp_path / "big").write_text("a file where the directory should be")
    arena = make_arena(
        {"maximum_email_size": "2K", "big_files_dir": str(tmp_path / "big")}, **CREATES
    )
    arena.deliver(mail("Big", body=BIG), mail("Small"))
    assert arena.run()[0] == {"rejected": 1, "create": 1}
    assert subjects_in(arena) == ["Big", "Small"]
    (tmp_path / "big").unlink()
    arena.run()
    assert subjects_in(arena) == ["Small"]


@pytest.mark.parametrize("where", ["in the mailbox", "where it was saved"])
def test_a_message_that_was_too_big_is_read_again_under_a_higher_limit(
    make_arena: MakeArena, tmp_path: Path, where: str
) -> None:
    arena = make_arena({"maximum_email_size": "2K"}, **CREATES)
    if where == "where it was saved":
        arena.settings["big_files_dir"] = str(tmp_path / "big")
    arena.deliver(mail("Big", body=BIG))
    arena.run("past")
    assert arena.in_folder() == (where == "in the mailbox")
    arena.settings["maximum_email_size"] = "1M"
    arena.clear("past", "filter")
    assert arena.status() == [("Big", "processed", "create", "create_ticket", "R-000001")]
    assert BIG in arena.rows("SELECT description_text FROM mailticket.ticket")[0][0]


def test_what_was_too_big_and_is_nowhere_any_more_fails_with_that_reason(
    make_arena: MakeArena, tmp_path: Path
) -> None:
    arena = make_arena(
        {"maximum_email_size": "2K", "big_files_dir": str(tmp_path / "big")}, **CREATES
    )
    arena.deliver(mail("Big", body=BIG))
    arena.run("past")
    next((tmp_path / "big").iterdir()).unlink()
    arena.settings["maximum_email_size"] = "1M"
    arena.clear("past", "filter")
    assert arena.status()[0][1:4] == ("error", "failed", "original")
    [(reason,)] = arena.rows("SELECT reason FROM mailticket.message_status")
    assert "No such file" in reason


def test_a_server_that_is_out_of_reach_leaves_what_was_too_big_undecided(
    make_arena: MakeArena,
) -> None:
    arena = make_arena({"maximum_email_size": "2K"}, **CREATES, forward_errors_to="ops@x.example")
    arena.deliver(mail("Big", body=BIG))
    arena.run("past")
    told = arena.told()
    arena.settings["maximum_email_size"] = "1M"
    arena.imap_port = 1
    with pytest.raises(MailboxUnavailable):
        arena.clear("past", "filter")
    assert arena.status()[0][1:3] == ("new", None)
    arena.imap_port = 0
    arena.clear("past", "filter")
    assert arena.status()[0][1:3] == ("processed", "create")
    assert arena.told() == told


def test_a_big_message_that_a_clear_rejects_as_undesired_is_not_downloaded(
    make_arena: MakeArena,
) -> None:
    arena = make_arena({"maximum_email_size": "2K"}, **CREATES)
    arena.deliver(mail("Big", body=BIG))
    arena.run("past")
    arena.settings |= {"maximum_email_size": "1M", "undesired_subject_patterns": "/^Big/"}
    arena.clear("past", "filter")
    assert arena.status()[0][1:4] == ("undesired", "undesired", "undesired_subject")
    assert arena.rows("SELECT whole FROM mailticket.original") == [(False,)]
    arena.fields["error_behavior"] = "delete"
    arena.run()
    assert subjects_in(arena) == ["Big"]


# -- originals ------------------------------------------------------------------------------------


def test_originals_are_purged_by_age_but_not_those_that_are_kept_in_error(arena: Arena) -> None:
    arena.fields |= {"undesired_subject_patterns": "/^Spam/", "raw_retention_days": 10}
    arena.deliver(mail("One"), mail("Spam"), mail("Error", sender="nobody"), mail("Young"))
    arena.run()
    arena.rows(
        "UPDATE mailticket.original SET stored_at = now() - interval '11 days' WHERE message < 4"
    )
    arena.run()
    assert arena.rows("SELECT message FROM mailticket.original ORDER BY 1") == [(3,), (4,)]
    arena.fields["error_behavior"] = "delete"
    arena.run()
    arena.run()
    assert arena.rows("SELECT message FROM mailticket.original ORDER BY 1") == [(4,)]
