"""Mail loops, tried for real: robots and inboxes that answer us end by themselves, within the caps.

A robot that marks what it sends never gets a second mail. One that shows in nothing that it answers
(no field, no reference, a subject of its own) cannot be told from a person: the caps end it. With
the defaults no address gets more than 10 mails within 10 minutes, and what is over that waits for
a person in the outbox, so that nothing is left to be answered.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.arena import Arena, mail
from services.database import DatabaseServer
from services.dovecot import Dovecot
from services.post_office import PostOffice
from services.postman import Postman, Robot, dumb, marked, polite, threaded
from services.scenes import person, refs

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
ROBOT = "robot@acme.example"
OPS = "ops@help.example"
MOST = 10
"""Mails to one address within 10 minutes, by default: no test takes as long."""

MakeInbox = Callable[..., Arena]


@pytest.fixture
def make_inbox(
    dovecot: Dovecot, postgres_server: DatabaseServer, post_office: PostOffice
) -> Iterator[MakeInbox]:
    """Make inboxes by name, each in an installation of its own unless one is given."""
    made: list[Any] = []

    def make(name: str, beside: Arena | None = None, **fields: Any) -> Arena:
        database = beside.database if beside else postgres_server.migrated()
        if not beside:
            made.append(database)
            database.rows("INSERT INTO mailticket.organization (name) VALUES ('Acme')")
        fields = {"address": f"{name}@example.com", **fields}
        arena = Arena(dovecot, database, fields=fields, name=name)
        arena.smtp = post_office.connection
        return arena

    yield make
    for database in made:
        postgres_server.drop(database)


def named(value: object) -> str:
    return str(getattr(value, "__name__", value))


def ended(arena: Arena) -> None:
    """Nothing is left undecided or on its way: all has an end state, or waits for a person."""
    assert arena.rows("SELECT count(*) FROM mailticket.attempt WHERE status = 'new'") == [(0,)]
    assert {status for _, _, status in arena.told()} <= {"sent", "held"}


def held(arena: Arena) -> int:
    return [status for _, _, status in arena.told()].count("held")


# -- two inboxes that write to each other ----------------------------------------------------------

_ACKNOWLEDGES = {"notify": ["acknowledgement", "team", "agent_reply"], **CREATES}


_TELLING = re.compile(
    rb"^(?:Message-ID|In-Reply-To|References|Auto-Submitted|X-Auto[\w-]*|Precedence|Subject):"
    rb"[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n",
    re.IGNORECASE | re.MULTILINE,
)
_SENDER = re.compile(rb"^From: ([^\r\n<]+)$", re.MULTILINE)
_NUMBERS = itertools.count(1)


def anonymous(raw: bytes) -> bytes:
    """Take out all by which a mail of ours is known, as the worst of relays might."""
    header, _, body = raw.partition(b"\r\n\r\n")
    header = _TELLING.sub(b"", header + b"\r\n").replace(b"\r\n", b"\n")
    header = _SENDER.sub(rb"From: Some Inbox <\1>", header).replace(b"\n", b"\r\n")
    return header + b"Message-ID: <%d@relay.example>\r\n\r\n" % next(_NUMBERS) + body


def two(first: Arena, second: Arena, office: PostOffice, **options: Any) -> Postman:
    both = {f"{arena.name}@example.com": arena for arena in (first, second)}
    first.deliver(mail("Hello", sender="Some One <second@example.com>", to="first@example.com"))
    return Postman(office, both, **options)


def test_two_inboxes_of_one_installation_do_not_even_begin(
    make_inbox: MakeInbox, post_office: PostOffice
) -> None:
    first = make_inbox("first", **_ACKNOWLEDGES)
    second = make_inbox("second", beside=first, **_ACKNOWLEDGES)
    second.run()
    assert two(first, second, post_office).until_quiet() == 0
    assert refs(first) == ["R-000001"]


def test_an_inbox_that_was_never_read_gets_one_mail_and_knows_it(
    make_inbox: MakeInbox, post_office: PostOffice
) -> None:
    first = make_inbox("first", **_ACKNOWLEDGES)
    second = make_inbox("second", beside=first, **_ACKNOWLEDGES)
    assert two(first, second, post_office).until_quiet() == 1
    assert refs(first) == ["R-000001"]
    assert first.status()[-1][2:4] == ("undesired", "automatic_mail")


def test_two_installations_that_acknowledge_each_other_end_after_one_mail(
    make_inbox: MakeInbox, post_office: PostOffice
) -> None:
    first, second = (make_inbox(name, **_ACKNOWLEDGES) for name in ("first", "second"))
    assert two(first, second, post_office).until_quiet() == 1
    assert (refs(first), refs(second)) == (["R-000001"], [])
    assert second.status()[-1][2:4] == ("undesired", "automatic_mail")


def test_two_installations_behind_a_relay_that_hides_everything_end_by_the_caps(
    make_inbox: MakeInbox, post_office: PostOffice
) -> None:
    first, second = (make_inbox(name, **_ACKNOWLEDGES) for name in ("first", "second"))
    postman = two(first, second, post_office, relay=anonymous)
    assert postman.until_quiet() == 2 * MOST
    assert (len(refs(first)), len(refs(second))) == (MOST + 1, MOST)
    assert (held(first), held(second)) == (1, 0)
    for arena in (first, second):
        ended(arena)


def test_a_low_cap_on_tickets_ends_the_same_loop_and_tells_of_it(
    make_inbox: MakeInbox, post_office: PostOffice
) -> None:
    capped = {**_ACKNOWLEDGES, "cap_tickets_per_sender": ["3/120"], "forward_errors_to": OPS}
    first, second = (make_inbox(name, **capped) for name in ("first", "second"))
    postman = two(first, second, post_office, relay=anonymous)
    assert postman.until_quiet() == 3 + 3 + 1
    assert (len(refs(first)), len(refs(second))) == (3, 3)
    assert [t.recipient for t in postman.carried].count(OPS) == 1
    assert first.status()[-1][1:4] == ("held", "held", "cap_tickets_per_sender")
    for arena in (first, second):
        ended(arena)


# -- out of office ---------------------------------------------------------------------------------


def alone(arena: Arena, office: PostOffice, **robots: Robot) -> Postman:
    by_address = {ROBOT: robots.get("caller"), OPS: robots.get("ops")}
    answering = {address: robot for address, robot in by_address.items() if robot}
    return Postman(office, {f"{arena.name}@example.com": arena}, answering)


@pytest.mark.parametrize(
    ("robot", "mails"), [(polite, 1), (marked, 1), (threaded, 1), (dumb, 1)], ids=named
)
def test_whatever_answers_our_rejection_gets_no_second_one(
    make_inbox: MakeInbox, post_office: PostOffice, robot: Callable[[str], Robot], mails: int
) -> None:
    arena = make_inbox("first", unknown_caller_reply="We do not know you.")
    arena.deliver(mail("Help", sender=f"Robot <{ROBOT}>"))
    assert alone(arena, post_office, caller=robot(ROBOT)).until_quiet() == mails
    assert refs(arena) == []
    ended(arena)


@pytest.mark.parametrize(
    ("robot", "mails", "kept"),
    [(polite, 1, 0), (marked, 1, 0), (threaded, 1, 0), (dumb, MOST, 1)],
    ids=named,
)
def test_whatever_answers_our_forwarded_errors_ends_within_the_cap(
    make_inbox: MakeInbox,
    post_office: PostOffice,
    robot: Callable[[str], Robot],
    mails: int,
    kept: int,
) -> None:
    arena = make_inbox("first", forward_errors_to=OPS)
    arena.deliver(mail("Stranger"))
    assert alone(arena, post_office, ops=robot(OPS)).until_quiet() == mails
    assert held(arena) == kept
    ended(arena)


@pytest.mark.parametrize(
    ("robot", "mails", "tickets"),
    [(polite, 1, 1), (marked, 1, 1), (threaded, 1, 1), (dumb, MOST, MOST + 1)],
    ids=named,
)
def test_whatever_answers_our_acknowledgement_ends_within_the_cap(
    make_inbox: MakeInbox,
    post_office: PostOffice,
    robot: Callable[[str], Robot],
    mails: int,
    tickets: int,
) -> None:
    arena = make_inbox("first", **_ACKNOWLEDGES)
    arena.deliver(mail("Help", sender=f"Robot <{ROBOT}>"))
    assert alone(arena, post_office, caller=robot(ROBOT)).until_quiet() == mails
    assert len(refs(arena)) == tickets
    assert held(arena) == tickets - mails if robot is dumb else True
    ended(arena)


@pytest.mark.parametrize(
    ("robot", "mails"), [(marked, 2), (threaded, 2 * MOST), (dumb, 2 * MOST)], ids=named
)
def test_an_agent_and_a_caller_who_are_both_away_end_within_the_cap(
    make_inbox: MakeInbox, post_office: PostOffice, robot: Callable[[str], Robot], mails: int
) -> None:
    arena = make_inbox("first", **_ACKNOWLEDGES)
    person(arena, OPS, "Hopper", "Grace", "Help")
    arena.fields["ticket_defaults"] = {"agent_id": OPS}
    arena.deliver(mail("Help", sender=f"Robot <{ROBOT}>"))
    postman = alone(arena, post_office, caller=robot(ROBOT), ops=robot(OPS))
    assert postman.until_quiet() == mails
    ended(arena)


def test_everything_at_once_ends(make_inbox: MakeInbox, post_office: PostOffice) -> None:
    everything = {
        **_ACKNOWLEDGES,
        "unknown_caller": "reject",
        "person_defaults": {},
        "unknown_caller_reply": "We do not know you.",
        "forward_errors_to": [OPS, "second@example.com"],
    }
    first, second = (make_inbox(name, **everything) for name in ("first", "second"))
    postman = two(first, second, post_office, relay=anonymous)
    postman.robots = {OPS: dumb(OPS), ROBOT: dumb(ROBOT)}
    first.deliver(mail("Help", sender=f"Robot <{ROBOT}>"))
    # OPS and each other: three addresses that get mails from here, and replies once a day.
    assert postman.until_quiet() <= 2 * 3 * MOST
    for arena in (first, second):
        ended(arena)
