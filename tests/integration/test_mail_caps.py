"""``cap_mails_per_recipient`` (SPEC 1.3) and the mail that was not sent: held, listed, released."""

from __future__ import annotations

import threading
from argparse import Namespace
from typing import Any

import pytest

from mailticket.commands import outbox as command
from mailticket.store.outbox import Outbox
from services.arena import Arena, MakeArena, mail
from services.post_office import PostOffice

OPS = "ops@x.example"


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Arena:
    arena = make_arena(forward_errors_to=OPS, address="support@example.com")
    arena.smtp = post_office.connection
    return arena


def errors(arena: Arena, number: int) -> None:
    arena.deliver(*(mail(f"Error {n}", sender=f"x{n}@acme.example") for n in range(number)))


def test_mails_over_the_cap_of_their_recipient_are_held_and_can_be_released(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    arena.fields |= {"cap_mails_per_recipient": ["2/60"], "error_behavior": "delete"}
    errors(arena, 4)
    arena.run()
    assert arena.told() == [("forwarded_error", OPS, status) for status in _TWO_OF_FOUR]
    assert (len(post_office.mails), arena.in_folder()) == (2, 2)
    assert "2 mails to one recipient within 60 minutes are the most" in capsys.readouterr().out
    db = arena.access().database()
    outbox = Outbox(db)
    assert [row["id"] for row in outbox.unsent("support")] == [3, 4]
    assert outbox.release([3, 4, 99]) == [3, 4]
    db.close()
    arena.run()
    assert (len(post_office.mails), arena.in_folder()) == (4, 0)
    arena.rows("UPDATE mailticket.outbox SET created_at = now() - interval '1 hour' WHERE id < 3")
    errors(arena, 2)
    arena.run()
    assert len(post_office.mails) == 6, "what a person released counts against nobody"


_TWO_OF_FOUR = ("sent", "sent", "held", "held")


def test_what_waits_for_its_server_counts_and_so_do_the_mails_of_other_inboxes(
    arena: Arena, make_arena: MakeArena, post_office: PostOffice
) -> None:
    arena.fields["cap_mails_per_recipient"] = ["2/60"]
    post_office.stop()
    errors(arena, 1)
    arena.run()
    other = make_arena(**{**arena.fields, "forward_errors_to": "OPS+two@x.example"})
    other.name, other.smtp = "second", arena.smtp
    errors(other, 2)
    other.run()
    assert [status for _, _, status in arena.told()] == ["waiting", "waiting", "held"]


def test_two_inboxes_that_mail_to_one_recipient_at_once_pass_no_cap(
    arena: Arena, make_arena: MakeArena
) -> None:
    arena.fields["cap_mails_per_recipient"] = ["5/60"]
    inboxes = [arena, *(make_arena(**arena.fields) for _ in range(2))]
    for number, each in enumerate(inboxes):
        each.name = f"inbox{number}"
        each.smtp = arena.smtp
        errors(each, 5)
        each.steps("r", "fetch", "filter", "parse", "upsert_ticket")
    arena.rows(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;"
        "CREATE TRIGGER slowly AFTER INSERT ON mailticket.outbox"
        " FOR EACH ROW EXECUTE FUNCTION slowly()"
    )
    passes = [threading.Thread(target=each.steps, args=("r", "forward_errors")) for each in inboxes]
    for one in passes:
        one.start()
    for one in passes:
        one.join()
    statuses = [status for _, _, status in arena.told()]
    assert (statuses.count("sent"), statuses.count("held")) == (5, 10)


def test_the_command_lists_what_was_not_sent_with_its_reason_and_releases_it(
    arena: Arena, post_office: PostOffice, capsys: pytest.CaptureFixture[str], listing: Any
) -> None:
    arena.fields["cap_mails_per_recipient"] = ["1/60"]
    errors(arena, 3)
    post_office.answer = lambda _recipient, _raw: "550 no"
    arena.run()
    arena.rows("UPDATE mailticket.outbox SET status = 'unanswered', doubts = 2 WHERE id = 2")
    capsys.readouterr()
    assert listing(arena) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "mail 1: refused",
        "mail 2: unanswered",
        "mail 3: held",
    ]
    assert "550 no" in lines[0]
    assert "are the most (cap_mails_per_recipient)" in lines[2]
    assert listing(arena, inbox="other") == 0
    assert capsys.readouterr().out == "every mail was sent\n"
    assert listing(arena, release=[1, 2, 3, 99]) == 1
    assert "mail 99 is not there to release" in capsys.readouterr().out
    post_office.answer = lambda _recipient, _raw: ""
    arena.run()
    assert [status for _, _, status in arena.told()] == ["sent"] * 3


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(arena: Arena, inbox: str | None = None, release: list[int] | None = None) -> int:
        monkeypatch.setattr(command, "in_shell", arena.access)
        return command.outbox(Namespace(inbox=inbox, release=release or []))

    return run
