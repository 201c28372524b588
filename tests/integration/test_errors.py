"""What is told of messages in error, and to whom (SPEC 7.2 to 7.4): by a real SMTP server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailticket.errors import ConfigurationError
from mailticket.smtp import MailServer, smtp_login_from
from mailticket.steps.answering import MOST_PER_HOUR
from mailticket.store.postgres import Database
from services.arena import Arena, MakeArena, die, mail
from services.post_office import PostOffice

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
OPS = "ops@x.example"


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Arena:
    arena = make_arena(forward_errors_to=OPS, address="support@example.com")
    arena.smtp = post_office.connection
    return arena


def due(arena: Arena) -> None:
    """Let the time pass after which the outbox tries again."""
    arena.rows("UPDATE mailticket.outbox SET not_before = now()")


def subjects_in(arena: Arena) -> list[str]:
    """Give the subjects of the mails that lie in the folder."""
    home = arena.dovecot.maildir(arena.user, "INBOX")
    files = [file for part in ("new", "cur") for file in (home / part).glob("*")]
    lines = (file.read_bytes().split(b"Subject: ")[1].split(b"\r\n")[0] for file in files)
    return sorted(line.decode() for line in lines)


# -- what is told ---------------------------------------------------------------------------------


def test_an_error_is_told_with_its_cause_and_the_original_byte_for_byte(
    arena: Arena, post_office: PostOffice
) -> None:
    original = mail("Größe", body="Ünverändert  \r\n.\r\nFrom here\r\n-- \r\n")
    arena.deliver(original)
    assert arena.run()[1] == []
    [taken] = post_office.mails
    assert (taken.sender, taken.recipient) == ("", OPS)
    assert taken.mail["From"] == "support@example.com"
    assert taken.mail["Auto-Submitted"] == "auto-generated"
    explanation, enclosed = taken.mail.iter_parts()
    text = explanation.get_content()
    assert "unknown_caller" in text
    assert "ada@acme.example is not the address of a known person" in text
    assert "bin/mailticket reset 1" in text
    assert enclosed.get_content_type() == "message/rfc822"
    assert taken.original == original


def test_everyone_named_is_told_once_by_a_mail_of_their_own(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["forward_errors_to"] = "Ops <a@x.example>, b@x.example, a@x.example"
    arena.fields["forward_errors_from"] = "Mail Ticket <robot@example.com>"
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    arena.run()
    recipients = sorted(taken.recipient for taken in post_office.mails)
    assert recipients == ["a@x.example", "a@x.example", "b@x.example", "b@x.example"]
    assert len({t.message_id for t in post_office.mails}) == 4
    assert post_office.mails[0].mail["From"] == "Mail Ticket <robot@example.com>"
    assert post_office.mails[0].mail["Reply-To"] == "support@example.com"


def test_with_no_address_nobody_is_told_nor_later_when_there_is_one(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["forward_errors_to"] = []
    arena.deliver(mail("Old"))
    arena.run()
    arena.fields["forward_errors_to"] = OPS
    arena.deliver(mail("New"))
    arena.run()
    assert len(post_office.mails) == 1
    assert "New" in post_office.mails[0].mail["Subject"]


def test_undesired_mail_is_told_as_errors_are_unless_it_is_purged(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["undesired_subject_patterns"] = "/^Spam/"
    arena.deliver(mail("Spam 1"))
    arena.run()
    arena.fields["undesired_behavior"] = "purge"
    arena.deliver(mail("Spam 2"))
    arena.run()
    assert ["Spam 1" in t.mail["Subject"] for t in post_office.mails] == [True]


def test_the_same_cause_is_told_once_across_clears_another_one_again(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(mail("Stranger"))
    arena.run("past")
    arena.clear("past", "filter", 1)
    assert len(post_office.mails) == 1
    arena.fields |= {"unknown_caller": "create_person"}
    arena.clear("past", "filter", 2)
    assert len(post_office.mails) == 2
    assert "mandatory_fields" in post_office.mails[1].mail["Subject"]


@pytest.mark.parametrize("step", ["filter", "parse"])
def test_an_error_that_was_told_is_not_told_again_because_its_original_is_gone_now(
    arena: Arena, post_office: PostOffice, step: str
) -> None:
    arena.fields["unknown_caller"] = "create_person"
    arena.deliver(mail("Stranger"))
    arena.run("past")
    arena.rows("DELETE FROM mailticket.original")
    arena.clear("past", step)
    assert arena.status()[0][1:4] == ("error", "failed", "original")
    assert ["mandatory_fields" in t.mail["Subject"] for t in post_office.mails] == [True]


def test_what_is_too_big_is_told_by_its_header_and_where_it_was_saved(
    arena: Arena, post_office: PostOffice, tmp_path: Path
) -> None:
    arena.settings = {"maximum_email_size": "2K", "big_files_dir": str(tmp_path / "big")}
    arena.deliver(mail("Big", body="x" * 3000))
    arena.run()
    explanation, enclosed = post_office.mails[0].mail.iter_parts()
    [saved] = (tmp_path / "big").iterdir()
    assert str(saved) in explanation.get_content()
    assert enclosed.get_content_type() == "text/rfc822-headers"
    assert b"Subject: Big" in enclosed.get_payload(decode=True)
    assert b"xxx" not in post_office.mails[0].raw


def test_a_mail_that_the_server_finds_too_big_goes_without_the_original(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.stop()
    post_office.size_limit = 5000
    post_office.start()
    arena.fields["error_behavior"] = "delete"
    arena.deliver(mail("Long", body="long line of text\r\n" * 600), mail("Short"))
    arena.run()
    assert arena.told() == [("forwarded_error", OPS, "sent")] * 2
    long, _ = post_office.mails
    explanation, enclosed = long.mail.iter_parts()
    assert enclosed.get_content_type() == "text/rfc822-headers"
    assert "message 1" in explanation.get_content()
    assert arena.in_folder() == 0
    assert arena.rows("SELECT count(*) FROM mailticket.original WHERE whole") == [(2,)]


def test_one_that_is_too_big_without_the_original_too_is_refused_for_good(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.answer = lambda *_: "552 5.3.4 too big"
    arena.fields["error_behavior"] = "delete"
    arena.deliver(mail("Long"))
    arena.run()
    assert arena.told() == [("forwarded_error", OPS, "refused")]
    assert arena.in_folder() == 1


def test_hostile_content_breaks_no_line_of_what_is_told(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(
        mail(
            "=?utf-8?q?x=0d=0aBcc:_victim@x.example=00=1b[31m?=", sender='"a\\\r\n b" <A@B.example>'
        ),
        mail().replace(b"Subject: Printer broken", b"Subject: raw \x00\xff\xfe bytes"),
    )
    arena.run()
    assert len(post_office.mails) == 2
    assert all(t.mail["Bcc"] is None for t in post_office.mails)


def test_a_run_that_died_before_it_told_leaves_it_to_the_next(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(mail("Stranger"), mail("Nobody", sender=""))
    arena.steps("dead", "fetch", "filter")
    arena.lapse()
    arena.run()
    assert len(post_office.mails) == 2


def test_nothing_is_told_of_what_was_rejected_before_its_content_was_looked_at(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["unknown_caller_reply"] = "We do not know you."
    arena.deliver(mail("Stranger"))
    arena.steps("run", "fetch", "filter", "forward_errors")
    assert post_office.mails == []
    arena.steps("run", "parse", "upsert_ticket", "forward_errors")
    assert [t.recipient for t in post_office.mails] == [OPS, "ada@acme.example"]


def test_an_error_that_cannot_be_told_of_stops_no_other(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Database):
        def row(self, name: str, /, **values: Any) -> Any:
            row = super().row(name, **values)
            if name == "errors_to_forward" and row and row["message"] == 1:
                row["received_at"] = "no moment"
            return row

    arena.store = Broken
    arena.fields["error_behavior"] = "delete"
    arena.deliver(mail("One"), mail("Two"))
    assert arena.run()[1] == []
    assert arena.run()[1] == []
    assert len(post_office.mails) == 1
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if "message 1: it cannot be forwarded" in line]
    assert sum("[error" in line for line in told) == 1
    assert subjects_in(arena) == ["One"]


def test_an_inbox_without_an_address_of_its_own_says_so(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields.pop("address")
    arena.user = "robot"
    arena.deliver(mail("Stranger"))
    with pytest.raises(ConfigurationError, match="address"):
        arena.run()
    arena.fields["forward_errors_from"] = "robot@example.com"
    arena.lapse()
    arena.run()
    assert post_office.mails[0].mail["Reply-To"] == "robot@example.com"


# -- mail servers on bad days ---------------------------------------------------------------------


def test_a_mail_server_that_is_down_delays_and_reddens_nothing(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.stop()
    arena.deliver(mail("One"), mail("Two"))
    assert arena.run() == ({"rejected": 2}, [])
    assert {row[2] for row in arena.told()} == {"waiting"}
    ids = arena.rows("SELECT message_id FROM mailticket.outbox ORDER BY id")
    post_office.start()
    due(arena)
    arena.run()
    assert [(t.message_id,) for t in post_office.mails] == ids
    assert {row[2] for row in arena.told()} == {"sent"}
    assert arena.rows("SELECT count(raw) FROM mailticket.outbox") == [(0,)]


def test_a_mail_server_that_is_down_is_asked_once_a_run(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.stop()
    arena.deliver(*(mail(f"{n}") for n in range(5)))
    arena.run()
    assert arena.rows("SELECT sum(tries) FROM mailticket.outbox") == [(1,)]


def test_without_a_smtp_connection_mail_waits(arena: Arena) -> None:
    arena.smtp = {}
    arena.deliver(mail("One"))
    assert arena.run() == ({"rejected": 1}, [])
    assert arena.told() == [("forwarded_error", OPS, "waiting")]


def test_a_temporary_refusal_of_one_mail_holds_back_no_other(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.answer_recipient = lambda to: "450 4.2.0 greylisted" if to == "a@x.example" else ""
    arena.fields["forward_errors_to"] = ["a@x.example", "b@x.example"]
    arena.deliver(*(mail(f"Mail {n}") for n in range(5)))  # so many that the session keeps a plan
    arena.run()
    a, b = ("a@x.example", "waiting"), ("b@x.example", "sent")
    assert [row[1:] for row in arena.told()] == [a] * 5 + [b] * 5


def test_a_mail_that_is_put_off_for_five_days_is_given_up(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    post_office.answer_recipient = lambda _: "452 4.2.2 mailbox full"
    arena.deliver(mail("One"))
    for _ in range(7):
        due(arena)
        arena.run()
    assert arena.told() == [("forwarded_error", OPS, "waiting")]
    arena.rows("UPDATE mailticket.outbox SET created_at = now() - interval '121 hours'")
    due(arena)
    arena.fields["error_behavior"] = "delete"
    arena.run()
    assert arena.told() == [("forwarded_error", OPS, "refused")]
    [(why,)] = arena.rows("SELECT last_error FROM mailticket.outbox")
    assert why.startswith("given up after 5 days, at last:")
    assert "mailbox full" in why
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "[error" in line and "given up after 5 days" in line]
    assert arena.in_folder() == 1


def test_a_mail_whose_server_was_down_for_long_is_not_given_up_at_its_first_refusal(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.stop()
    arena.deliver(mail("One"))
    arena.run()
    arena.rows("UPDATE mailticket.outbox SET created_at = now() - interval '9 days'")
    due(arena)
    arena.run()
    post_office.answer_recipient = lambda _: "450 4.2.0 greylisted"
    post_office.start()
    due(arena)
    arena.run()
    assert arena.told() == [("forwarded_error", OPS, "waiting")]


def test_a_final_refusal_is_not_tried_again(arena: Arena, post_office: PostOffice) -> None:
    post_office.answer_recipient = lambda _: "550 5.1.1 no such user"
    arena.deliver(mail("One"))
    arena.run()
    due(arena)
    post_office.answer_recipient = lambda _: ""
    arena.run()
    assert arena.told() == [("forwarded_error", OPS, "refused")]
    assert post_office.mails == []


def test_a_mail_whose_answer_was_lost_is_sent_twice_at_most(
    arena: Arena, post_office: PostOffice
) -> None:
    post_office.answer = lambda *_: "die"
    arena.deliver(mail("One"))
    for _ in range(4):
        assert arena.run()[1] == []
        due(arena)
    assert len(post_office.mails) == 2
    assert len({t.message_id for t in post_office.mails}) == 1
    assert arena.told() == [("forwarded_error", OPS, "unanswered")]


def test_a_kill_between_sending_and_writing_it_down_sends_twice_at_most(
    arena: Arena, post_office: PostOffice
) -> None:
    class DiesAfterSending(MailServer):
        def send(self, *mail: Any) -> None:
            super().send(*mail)
            die()

    arena.deliver(mail("One"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket")
    arena.wrap = lambda outside: replace(outside, mail_server=server_of(arena, DiesAfterSending))
    for _ in range(3):
        arena.killed(lambda: arena.steps("run", "forward_errors"))
        due(arena)
    arena.wrap = lambda outside: outside
    arena.steps("run", "forward_errors")
    assert len(post_office.mails) == 2
    assert len({t.message_id for t in post_office.mails}) == 1


def test_after_one_such_kill_the_mail_is_sent_again_and_counts_as_sent(
    arena: Arena, post_office: PostOffice
) -> None:
    class DiesBeforeSending(MailServer):
        def send(self, *_: Any) -> None:
            die()

    arena.deliver(mail("One"))
    arena.steps("run", "fetch", "filter", "parse", "upsert_ticket")
    arena.wrap = lambda outside: replace(outside, mail_server=server_of(arena, DiesBeforeSending))
    assert arena.killed(lambda: arena.steps("run", "forward_errors"))
    arena.wrap = lambda outside: outside
    arena.steps("run", "forward_errors")
    assert post_office.mails == []  # its claim has not run out: another process may be sending it
    due(arena)
    arena.steps("run", "forward_errors")
    assert len(post_office.mails) == 1
    assert arena.told() == [("forwarded_error", OPS, "sent")]


def server_of(arena: Arena, kind: type[MailServer]) -> Any:
    """Open mail servers of another kind by the arena's Connection."""
    found = arena.access().credentials("mailticket_smtp")
    login = smtp_login_from(found.host, found.port, found.login, found.password, found.extra)
    return lambda _: kind(login)


# -- unknown callers ------------------------------------------------------------------------------


def test_an_unknown_caller_is_answered_once_a_day(arena: Arena, post_office: PostOffice) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you.\nSorry."}
    arena.deliver(mail("One", message_id="<one@x>"), mail("Two", sender="ADA@ACME.example"))
    arena.run("past")
    [taken] = post_office.mails
    assert (taken.sender, taken.recipient) == ("", "ada@acme.example")
    assert taken.mail["Subject"] == "Re: One"
    assert taken.mail["In-Reply-To"] == "<one@x>"
    assert taken.mail["Auto-Submitted"] == "auto-replied"
    assert taken.mail.get_content() == "We do not know you.\r\nSorry.\r\n"
    arena.deliver(mail("Three"))
    arena.run()
    arena.clear("past", "filter")
    assert len(post_office.mails) == 1
    arena.rows("UPDATE mailticket.outbox SET created_at = created_at - interval '25 hours'")
    arena.deliver(mail("Four"))
    arena.run()
    assert [t.mail["Subject"] for t in post_office.mails] == ["Re: One", "Re: Four"]


def test_one_person_under_many_addresses_is_answered_once(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    names = ("vic+1", "vic+2", "VIC+3+4", "v\u00edc", "vic")
    arena.deliver(*(mail("Buy", f"V <{name}@victim.example>") for name in names))
    arena.run()
    arena.deliver(mail("Buy", "V <vic+5@victim.example>"), mail("One", "<+x@victim.example>"))
    arena.run()
    assert [taken.recipient for taken in post_office.mails] == [
        "vic+1@victim.example",
        "+x@victim.example",
    ]


def test_an_address_that_nobody_reads_is_not_answered(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    names = ("noreply", "no-reply+42", "Postmaster", "do_not_reply", "vic")
    arena.deliver(*(mail("Buy", f"V <{name}@victim.example>") for name in names))
    arena.run()
    assert [taken.recipient for taken in post_office.mails] == ["vic@victim.example"]


def test_no_more_than_fifty_unknown_callers_an_hour_are_answered(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    arena.deliver(*(mail("Buy", f"V <victim{n}@victim.example>") for n in range(53)))
    arena.run()
    assert len(post_office.mails) == MOST_PER_HOUR == 50
    assert capsys.readouterr().out.count("3 unknown callers got no answer") == 1
    arena.deliver(mail("Buy", "V <other@victim.example>"))
    arena.run()
    assert len(post_office.mails) == 50
    arena.rows("UPDATE mailticket.outbox SET created_at = created_at - interval '61 minutes'")
    arena.deliver(mail("Buy", "V <third@victim.example>"))
    arena.run()
    assert len(post_office.mails) == 51


def test_an_answer_to_an_unknown_caller_refers_to_his_mail_alone(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    references = "References: <buy-now@spam.example> <two@spam.example>"
    arena.deliver(mail("One", message_id="<one@x>", headers=[references]))
    arena.run()
    assert post_office.mails[0].mail["References"] == "<one@x>"


def test_an_answer_that_cannot_be_written_stops_no_other(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Database):
        def value(self, name: str, /, **values: Any) -> Any:
            if name == "caller_header" and values["message"] == 1:
                raise ValueError("what nobody foresaw")
            return super().value(name, **values)

    arena.store = Broken
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    arena.deliver(mail("One", "<one@x.example>"), mail("Two", "<two@x.example>"))
    assert arena.run()[1] == []
    assert [taken.recipient for taken in post_office.mails] == ["two@x.example"]
    assert "message 1: its sender cannot be answered" in capsys.readouterr().out


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "List-Id: <all.acme.example>",
        "X-Auto-Response-Suppress: All",
        "Return-Path: <>",
    ],
)
def test_no_machine_is_answered(arena: Arena, post_office: PostOffice, header: str) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    one = mail("Robot")
    arena.deliver(header.encode() + b"\r\n" + one)
    arena.run()
    assert arena.status()[0][2] in {"rejected", "undesired"}
    assert post_office.mails == []


def test_no_person_is_made_of_a_sender_without_an_address(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= CREATES | {"unknown_caller_reply": "We do not know you."}
    arena.deliver(mail("Local", sender="Cron Daemon of Acme <root>"))
    arena.run()
    assert arena.status()[0][1:4] == ("error", "rejected", "unknown_caller")
    assert [taken.recipient for taken in post_office.mails] == [OPS]


# -- loops ----------------------------------------------------------------------------------------


def test_what_answers_our_mail_by_itself_is_told_to_nobody(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"unknown_caller_reply": "We do not know you."}
    arena.deliver(mail("Stranger"))
    arena.run()
    forward, reply = post_office.mails
    headers = [f"In-Reply-To: <{forward.message_id}>"]
    arena.deliver(
        forward.raw,
        reply.raw,
        mail("Automatic reply", sender=OPS, headers=[*headers, "Auto-Submitted: auto-replied"]),
        mail("Re: [mailticket] support", sender=OPS, headers=headers),
    )
    arena.run()
    assert len(arena.status()) == 5
    assert len(post_office.mails) == 2
    arena.fields["error_behavior"] = "delete"
    arena.run()
    # What a person wrote and nobody was told of is not deleted unread.
    assert subjects_in(arena) == ["Re: [mailticket] support"]


def test_a_persons_answer_to_our_rejection_is_told_and_stays_until_it_is(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"unknown_caller_reply": "Please phone.", "error_behavior": "delete"}
    arena.deliver(mail("Help"))
    arena.run()
    [reply] = [taken for taken in post_office.mails if taken.recipient != OPS]
    post_office.stop()
    headers = [f"In-Reply-To: <{reply.message_id}>"]
    arena.deliver(mail("Re: Help", body="My house burns.", headers=headers))
    arena.run()
    assert subjects_in(arena) == ["Re: Help"]
    post_office.start()
    due(arena)
    arena.run()
    assert (post_office.mails[-1].recipient, arena.in_folder()) == (OPS, 0)
    assert b"My house burns." in post_office.mails[-1].original
    assert len(post_office.mails) == 3


def test_an_answer_to_our_rejection_is_not_rejected_by_mail_again(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"unknown_caller_reply": "Please phone.", "forward_errors_to": []}
    arena.deliver(mail("Help"))
    arena.run()
    arena.rows("UPDATE mailticket.outbox SET created_at = now() - interval '2 days'")
    headers = [f"In-Reply-To: <{post_office.mails[0].message_id}>"]
    arena.deliver(mail("Re: Help", headers=headers))
    arena.run()
    assert len(post_office.mails) == 1


def test_automatic_mail_about_our_rejection_is_told_to_nobody(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"unknown_caller_reply": "Please phone.", "undesired_behavior": "as_error"}
    arena.deliver(mail("Help"))
    arena.run()
    [reply] = [taken for taken in post_office.mails if taken.recipient != OPS]
    headers = [f"In-Reply-To: <{reply.message_id}>"]
    arena.deliver(mail("Away", headers=[*headers, "Auto-Submitted: auto-replied"]))
    arena.run()
    assert len(post_office.mails) == 2


def test_a_persons_answer_to_the_mail_of_a_ticket_is_told_when_it_fails(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= CREATES
    arena.deliver(mail("One"))
    arena.run()
    arena.rows(
        "INSERT INTO mailticket.outbox (inbox, kind, ticket_id, smtp_conn_id, sender, recipient,"
        " message_id, status) SELECT 'support', 'agent_reply', id, 'x', 's@x', 'ada@x', 'ours@x',"
        " 'sent' FROM mailticket.ticket"
    )
    arena.rows("UPDATE mailticket.ticket SET status = 'closed'")
    arena.fields["closed_ticket"] = "reject"
    arena.deliver(mail("Re: One", headers=["In-Reply-To: <ours@x>"]))
    arena.run()
    assert arena.status()[1][1:4] == ("error", "rejected", "closed_ticket")
    assert len(post_office.mails) == 1


def test_a_mail_from_the_inbox_itself_is_not_answered(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields |= {"forward_errors_to": [], "unknown_caller_reply": "We do not know you."}
    arena.deliver(mail("Forged", sender="Support@example.com"))
    arena.run()
    assert post_office.mails == []
