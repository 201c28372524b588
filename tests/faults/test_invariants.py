"""What judges all other tests of faults must see each kind of harm itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from services.invariants import violations
from services.letters import Writer
from services.world import World

MakeWorld = Callable[..., World]
_FIRST = "(SELECT min(id) FROM mailticket.{0})"


def by_sql(statement: str) -> Callable[[World], None]:
    return lambda world: [None for _ in world.rows(statement)] and None


def lose_a_mail(world: World) -> None:
    file(world, "INBOX").unlink()


def file(world: World, folder: str) -> Path:
    home = world.dovecot.maildir(world.user, folder)
    found = (p for part in ("new", "cur") for p in (home / part).glob("*"))
    return next(p for p in found if b"X-Delivery" in p.read_bytes())


def move_a_mail_twice(world: World) -> None:
    moved = file(world, "Done")
    moved.with_name("twice" + moved.name).write_bytes(moved.read_bytes())


def bring_a_mail_back(world: World) -> None:
    world.dovecot.deliver(world.user, file(world, "Done").read_bytes())


def send_twice(world: World) -> None:
    world.post_office.mails.append(world.post_office.mails[0])


def lose_what_was_sent(world: World) -> None:
    world.post_office.mails.pop()


def send_under_another_name(world: World) -> None:
    taken = next(t for t in world.post_office.mails if b"X-Delivery" in t.raw)
    other = taken.raw.replace(taken.message_id.encode(), b"other@x.example")
    world.post_office.mails.append(type(taken)(taken.sender, taken.recipient, other))


def leave_half_a_file(world: World) -> None:
    (Path(world.settings["big_files_dir"]) / ".name.eml.77.part").write_bytes(b"half")


def spoil_a_file(world: World) -> None:
    saved = next(Path(world.settings["big_files_dir"]).glob("*.eml"))
    saved.write_bytes(saved.read_bytes()[:-1])


HARM: dict[str, tuple[Callable[[World], None], str]] = {
    "a mail is lost": (lose_a_mail, "in INBOX"),
    "a mail is moved twice": (move_a_mail_twice, "times in Done"),
    "a mail lies in both folders": (bring_a_mail_back, "1 in INBOX, 1 in Done"),
    "a mail goes out twice": (send_twice, "taken 2 times"),
    "a mail never went out": (lose_what_was_sent, "taken 0 times"),
    "a mail went out under two names": (send_under_another_name, "2 Message-IDs"),
    "half a file stays": (leave_half_a_file, "nobody will ever read"),
    "a file was spoilt": (spoil_a_file, "not what was delivered"),
    "a decision is not committed": (
        by_sql(
            "UPDATE mailticket.attempt SET status = 'new', verdict = NULL WHERE verdict = 'create'"
        ),
        "no decision is committed",
    ),
    "a decision is another one": (
        by_sql("UPDATE mailticket.attempt SET verdict = 'update' WHERE verdict = 'create'"),
        "not create",
    ),
    "a decision has no reason": (
        by_sql("UPDATE mailticket.attempt SET reason = '' WHERE verdict = 'create'"),
        "''",
    ),
    "a message has two rows": (
        by_sql(
            "INSERT INTO mailticket.message (inbox, message_id, size, header_size, header_hash)"
            " VALUES ('support', '', 1, 1, '')"
        ),
        "nothing delivered",
    ),
    "a ticket is lost": (
        by_sql(f"DELETE FROM mailticket.ticket WHERE id = {_FIRST.format('ticket')}"),
        "tickets missing",
    ),
    "a ticket is made twice": (
        by_sql(
            "INSERT INTO mailticket.ticket (class, title, org_id, caller_id)"
            " SELECT class, title, org_id, caller_id FROM mailticket.ticket LIMIT 1"
        ),
        "tickets too many",
    ),
    "a log entry is made twice": (
        by_sql(
            "INSERT INTO mailticket.log_entry (ticket_id, text)"
            " SELECT ticket_id, text FROM mailticket.log_entry LIMIT 1"
        ),
        "has the log entries",
    ),
    "an event is lost": (
        by_sql(f"DELETE FROM mailticket.ticket_event WHERE id = {_FIRST.format('ticket_event')}"),
        "events missing",
    ),
    "an attachment is lost": (
        by_sql(f"DELETE FROM mailticket.attachment WHERE id = {_FIRST.format('attachment')}"),
        "attachments missing",
    ),
    "an attachment is another one": (
        by_sql("UPDATE mailticket.blob SET content = 'x'"),
        "is another one",
    ),
    "a mail was never queued": (
        by_sql(f"DELETE FROM mailticket.outbox WHERE id = {_FIRST.format('outbox')}"),
        "mails missing",
    ),
    "a mail waits": (by_sql("UPDATE mailticket.outbox SET status = 'waiting'"), "is waiting"),
    "a lease is left": (
        by_sql("INSERT INTO mailticket.lease VALUES ('support', 'run', now())"),
        "left in lease",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_each_kind_of_harm_is_seen(make_world: MakeWorld, harm: str) -> None:
    world = make_world("imap-move")
    world.begin(Writer(random.Random(1)).every_kind())
    world.run()
    world.finish()
    do, told = HARM[harm]
    do(world)
    found = violations(world)
    assert [line for line in found if told in line], found
