"""What is mailed about tickets (SPEC 7.1): by a real SMTP server, from real mailboxes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from mailticket.reference import verify
from mailticket.steps.notifying import Desk, mail_entry
from mailticket.store.attempts import Attempts
from mailticket.store.outbox import Outbox
from services.arena import Arena, MakeArena, mail
from services.post_office import PostOffice, Taken
from services.scenes import keyring, last, person, refs, steps

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
ALL = ["acknowledgement", "agent_reply", "team"]


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Arena:
    arena = make_arena(address="Support@example.com", notify=ALL, **CREATES)
    arena.smtp = post_office.connection
    return arena


def sent(office: PostOffice) -> list[tuple[str, str]]:
    """Give (recipient, what it says of itself) of each mail, and forget them."""
    found = [(t.recipient, str(t.mail["Auto-Submitted"])) for t in office.mails]
    office.mails.clear()
    return found


def agent(arena: Arena, ticket: int = 1, email: str = "grace@help.example") -> int:
    number = person(arena, email, "Hopper", "Grace", "Help")
    arena.rows("UPDATE mailticket.ticket SET agent_id = %s WHERE id = %s", number, ticket)
    return number


def reset(arena: Arena, message: int) -> None:
    db = arena.access().database()
    assert Attempts(db).reset([message]) == [message]
    db.close()


def in_thread(answered: Taken) -> list[str]:
    return [f"In-Reply-To: <{answered.message_id}>"]


# -- acknowledgement -------------------------------------------------------------------------------


def test_a_new_ticket_is_acknowledged_in_its_thread_by_a_mail_that_names_it(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(
        mail(
            "Printer", message_id="<one@acme.example>", headers=["References: <zero@acme.example>"]
        )
    )
    arena.run()
    [taken] = post_office.mails
    said = taken.mail
    assert (taken.recipient, taken.sender) == ("ada@acme.example", "Support@example.com")
    assert said["From"] == said["Reply-To"] == "Support@example.com"
    assert said["Subject"] == "[R-000001] Printer"
    assert said["In-Reply-To"] == "<one@acme.example>"
    assert said["References"].split() == ["<zero@acme.example>", "<one@acme.example>"]
    assert said["Auto-Submitted"] == "auto-replied"
    assert verify(keyring(arena), taken.message_id) == 1
    assert "Hello Ada Lovelace" in said.get_content()
    assert "It does not print." not in said.get_content(), "we are no relay"


def test_the_answer_to_an_acknowledgement_goes_to_its_ticket_and_is_not_acknowledged(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(mail("Printer"))
    arena.run()
    arena.deliver(mail("other subject", headers=in_thread(post_office.mails[0])))
    arena.run()
    assert last(arena)[:3] == ("update", "signed_reference", "R-000001")
    assert len(post_office.mails) == 1


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-generated",
        "Return-Path: <>",
        "Precedence: bulk",
        "List-Id: <all.acme.example>",
    ],
)
def test_no_machine_and_no_list_is_acknowledged(
    arena: Arena, post_office: PostOffice, header: str
) -> None:
    raw = mail("Alarm", headers=[header])
    arena.deliver(raw)
    arena.run()
    assert refs(arena) == ["R-000001"]
    assert post_office.mails == []


def test_neither_our_own_address_nor_another_inbox_nor_nobody_is_acknowledged(
    arena: Arena, make_arena: MakeArena
) -> None:
    by_login = make_arena(**CREATES)
    by_login.name = "by_login"
    by_login.run()
    by_address = make_arena(address="sales@example.com", **CREATES)
    by_address.name = "by_address"
    by_address.run()
    for sender in (
        "support@example.com",
        by_login.user,
        "Sales@example.com",
        "noreply@shop.example",
        "MAILER-DAEMON@x.example",
    ):
        arena.deliver(mail("Hello", sender=f"Some One <{sender}>"))
    arena.run()
    assert arena.told() == []


def test_an_acknowledgement_is_in_the_language_of_the_person(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.rows(
        "UPDATE mailticket.person SET language = 'fr-CH' WHERE id = %s",
        person(arena, "ada@acme.example"),
    )
    arena.deliver(mail("Imprimante"))
    arena.run()
    assert post_office.mails[0].mail.get_content().startswith("Bonjour Ada Lovelace,")


def test_a_hostile_name_and_subject_add_no_field(arena: Arena, post_office: PostOffice) -> None:
    subject = "=?utf-8?q?x=0D=0ABcc=3A_victim@x.example=00?="
    name = "=?utf-8?q?Ada=0D=0ABcc=3A_victim@x.example?="
    arena.deliver(mail(subject, sender=f"{name} <ada@acme.example>"))
    arena.run()
    [taken] = post_office.mails
    header = taken.raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc" not in header
    assert taken.mail["Bcc"] is None
    assert taken.recipient == "ada@acme.example"


def test_a_message_that_is_decided_twice_is_acknowledged_once(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["behavior"] = "create_only"
    arena.deliver(mail("Printer"))
    arena.run()
    reset(arena, 1)
    arena.run()
    assert len(refs(arena)) == 2
    assert len(sent(post_office)) == 1


def test_the_ticket_and_its_mail_are_committed_together(
    arena: Arena, post_office: PostOffice
) -> None:
    forbid = "ADD CONSTRAINT none CHECK (kind <> 'acknowledgement')"
    arena.rows(f"ALTER TABLE mailticket.outbox {forbid}")
    arena.deliver(mail("Printer"))
    arena.run()
    assert (refs(arena), last(arena)[0]) == ([], "failed")
    arena.rows("ALTER TABLE mailticket.outbox DROP CONSTRAINT none")
    reset(arena, 1)
    arena.run()
    assert len(refs(arena)) == len(sent(post_office)) == 1


def test_an_inbox_without_an_address_of_its_own_makes_tickets_all_the_same(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    arena.fields["address"] = None
    arena.wrap = lambda outside: replace(outside, address=lambda _: "me")
    arena.deliver(mail("Printer"))
    assert arena.run()[0] == {"create": 1}
    assert "no mail can be sent from me" in capsys.readouterr().out
    assert post_office.mails == []


# -- team ------------------------------------------------------------------------------------------


def test_the_agent_is_told_of_new_mail_else_the_team_else_its_members(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["notify"] = ["team"]
    arena.rows("INSERT INTO mailticket.team (name, email) VALUES ('Desk', 'desk@help.example')")
    arena.fields["ticket_defaults"] = {"team_id": "Desk"}
    arena.deliver(mail("One", message_id="<one@acme.example>", body="Smoke!"))
    arena.run()
    [taken] = post_office.mails
    assert (taken.recipient, taken.mail["Subject"]) == (
        "desk@help.example",
        "[R-000001] New ticket: One",
    )
    assert "Smoke!" in taken.mail.get_content()
    assert "has opened the ticket R-000001 by mail." in taken.mail.get_content()
    sent(post_office)
    member = person(arena, "member@help.example", "Hamilton", "Margaret", "Help")
    arena.rows("UPDATE mailticket.team SET email = NULL")
    arena.rows("INSERT INTO mailticket.team_member SELECT id, %s FROM mailticket.team", member)
    reply = ["In-Reply-To: <one@acme.example>"]
    arena.deliver(mail("Re: One", headers=reply))
    arena.run()
    assert sent(post_office) == [("member@help.example", "auto-generated")]
    agent(arena)
    arena.deliver(mail("Re: One", headers=reply))
    arena.run()
    assert [recipient for recipient, _ in sent(post_office)] == ["grace@help.example"]


def test_an_agent_is_not_told_of_what_the_agent_wrote(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.fields["notify"] = ["team"]
    arena.deliver(mail("One", message_id="<one@acme.example>"))
    arena.run()
    agent(arena)
    reply = ["In-Reply-To: <one@acme.example>"]
    arena.deliver(mail("Re: One", sender="Grace <grace@help.example>", headers=reply))
    arena.run()
    assert (last(arena)[0], post_office.mails) == ("update", [])


# -- an agent answers ------------------------------------------------------------------------------


def told_agent(arena: Arena, office: PostOffice) -> Taken:
    """Have the agent told of a new mail of the caller, and give that notice."""
    arena.deliver(mail("One", message_id="<one@acme.example>"))
    arena.run()
    agent(arena)
    arena.deliver(mail("Re: One", headers=["In-Reply-To: <one@acme.example>"]))
    arena.run()
    notice = office.mails[-1]
    assert notice.recipient == "grace@help.example"
    office.mails.clear()
    return notice


def test_an_agent_s_answer_reaches_caller_and_contacts_once(
    arena: Arena, post_office: PostOffice
) -> None:
    notice = told_agent(arena, post_office)
    for email in ("bob@acme.example", "copied@acme.example", "ADA+2@acme.example"):
        number = person(arena, email, "Babbage", "Bob")
        arena.rows("INSERT INTO mailticket.ticket_contact VALUES (1, %s)", number)
    arena.deliver(
        mail(
            "Re: [R-000001] One",
            sender="Grace <grace@help.example>",
            headers=[*in_thread(notice), "Cc: copied@acme.example"],
            body="Turn it off and on.\r\n\r\nOn Monday Ada wrote:\r\n> It does not print.",
        )
    )
    arena.run()
    assert last(arena)[:2] == ("update", "signed_reference")
    assert [t.recipient for t in post_office.mails] == ["ada@acme.example", "bob@acme.example"]
    said = post_office.mails[0].mail
    assert said["Subject"] == "[R-000001] One"
    assert "Turn it off and on." in said.get_content()
    assert "> It does not print." not in said.get_content()
    assert "<one@acme.example>" in said["References"]
    assert verify(keyring(arena), post_office.mails[0].message_id) == 1


def test_whoever_forges_an_agent_s_address_is_not_passed_on(
    arena: Arena, post_office: PostOffice
) -> None:
    told_agent(arena, post_office)
    arena.deliver(
        mail("Re: [R-000001] pay here", sender="Grace <grace@help.example>"),
        mail(
            "Re: One",
            sender="Grace <grace@help.example>",
            headers=["In-Reply-To: <one@acme.example>"],
        ),
    )
    assert arena.run()[0] == {"update": 2}
    assert post_office.mails == []


def test_an_entry_of_a_private_log_is_passed_on_to_nobody(
    arena: Arena, post_office: PostOffice
) -> None:
    notice = told_agent(arena, post_office)
    arena.fields["ticket_log"] = {"UserRequest": "private_log"}
    arena.deliver(mail("Re: One", sender="G <grace@help.example>", headers=in_thread(notice)))
    arena.run()
    assert (last(arena)[0], post_office.mails) == ("update", [])


def test_an_agent_s_out_of_office_is_passed_on_to_nobody(
    arena: Arena, post_office: PostOffice
) -> None:
    notice = told_agent(arena, post_office)
    away = [*in_thread(notice), "Auto-Submitted: auto-replied"]
    arena.deliver(mail("Away", sender="Grace <grace@help.example>", headers=away))
    arena.run()
    assert (last(arena)[0], post_office.mails) == ("undesired", [])
    assert steps(arena)["automatic_mail"][0] == "hit"


# -- an entry of a page ----------------------------------------------------------------------------


def test_a_page_s_log_entry_is_mailed_to_caller_and_contacts_once(
    arena: Arena, post_office: PostOffice
) -> None:
    arena.deliver(mail("One", message_id="<one@acme.example>"))
    arena.fields["notify"] = ["agent_reply"]
    arena.run()
    grace = agent(arena)
    number = person(arena, "bob@acme.example", "Babbage", "Bob")
    arena.rows("INSERT INTO mailticket.ticket_contact VALUES (1, %s), (1, %s)", number, grace)
    entries = [
        arena.rows(
            "INSERT INTO mailticket.log_entry (ticket_id, field, author_id, author_name, text)"
            " VALUES (1, %s, %s, 'Grace Hopper', 'We are on it.') RETURNING id",
            field,
            grace,
        )[0][0]
        for field in ("public_log", "private_log")
    ]
    access = arena.access()
    db = access.database()
    inbox = access.inbox("support")
    desk = Desk(
        inbox, inbox.address or "", keyring(arena), Outbox(db), structlog.get_logger("mailticket")
    )
    assert [mail_entry(desk, entry) for entry in (*entries, entries[0], 99)] == [2, 0, 0, 0]
    db.close()
    arena.run()
    assert [t.recipient for t in post_office.mails] == ["ada@acme.example", "bob@acme.example"]
    said = post_office.mails[0].mail
    assert "We are on it." in said.get_content()
    assert said["In-Reply-To"] == "<one@acme.example>"
