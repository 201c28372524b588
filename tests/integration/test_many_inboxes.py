"""Many inboxes on one server that takes few sessions: each waits for its turn, none goes red."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mailticket.config import Inbox
from mailticket.errors import MailboxUnavailable
from mailticket.mailboxes.base import Mailbox
from mailticket.mailboxes.limits import Limits, Seat, limits_from
from mailticket.passage import Outside
from mailticket.store.runs import Runs
from services.arena import Arena, MakeArena, mail
from services.dovecot import Dovecot

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
INBOXES = 12


@dataclass
class Crowd:
    """Counts the sessions that are open at the same time."""

    limits: Limits
    most: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wrap(self, outside: Outside) -> Outside:
        def mailbox(inbox: Inbox) -> AbstractContextManager[Mailbox]:
            return self._counted(outside.mailbox(inbox))

        def seat(inbox: Inbox) -> Seat:
            return replace(outside.seat(inbox), limits=self.limits)

        return replace(outside, mailbox=mailbox, seat=seat)

    @contextmanager
    def _counted(self, opening: AbstractContextManager[Mailbox]) -> Iterator[Mailbox]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            with opening as mailbox:
                time.sleep(0.05)  # so that sessions meet
                yield mailbox
        finally:
            with self._lock:
                self._now -= 1


def folders_of_one_mailbox(make_arena: MakeArena, dovecot: Dovecot, **wrap: Any) -> list[Arena]:
    """Give inboxes that are folders of one mailbox, each with two mails."""
    made = []
    for n in range(INBOXES):
        arena = make_arena(mailbox=f"Folder {n}", after_processing="delete", **CREATES)
        arena.dovecot, arena.user, arena.name = dovecot, "all@example.com", f"folder{n}"
        arena.deliver(*(mail(f"Mail {n} {m}") for m in range(2)), folder=f"Folder {n}")
        for name, value in wrap.items():
            setattr(arena, name, value)
        made.append(arena)
    return made


def run_at_once(arenas: list[Arena]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(INBOXES) as pool:
        return [counts for counts, _ in pool.map(Arena.run, arenas)]


def test_twelve_inboxes_on_a_server_that_takes_three_sessions_lose_nothing(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot]
) -> None:
    arenas = folders_of_one_mailbox(make_arena, make_dovecot(connections=3))
    assert run_at_once(arenas) == [{"create": 2}] * INBOXES
    assert arenas[0].rows("SELECT count(*) FROM mailticket.ticket") == [(2 * INBOXES,)]
    assert [arena.in_folder(f"Folder {n}") for n, arena in enumerate(arenas)] == [0] * INBOXES


@pytest.mark.parametrize("limits", [Limits(of_server=3), Limits(of_login=3), Limits(9, 3)])
def test_a_limit_of_three_sessions_is_kept_by_all_inboxes_together(
    make_arena: MakeArena, make_dovecot: Callable[..., Dovecot], limits: Limits
) -> None:
    crowd = Crowd(limits)
    arenas = folders_of_one_mailbox(make_arena, make_dovecot(), wrap=crowd.wrap)
    assert run_at_once(arenas) == [{"create": 2}] * INBOXES
    assert 1 < crowd.most <= 3
    assert arenas[0].rows("SELECT * FROM mailticket.mailbox_session") == []


def test_a_session_of_a_pass_that_died_is_free_once_its_lease_ran_out(
    make_arena: MakeArena,
) -> None:
    one, other = make_arena(**CREATES), make_arena(**CREATES)
    other.name = "other"
    db = one.access().database()
    try:
        runs, seat = Runs(db), Seat("mail.example:993", "anna", Limits(of_server=1))
        dead, alive = (
            runs.pin(arena.access().inbox(arena.name), "run", 0, {}) for arena in (one, other)
        )
        runs.take_lease("support", "run")
        runs.take_lease("other", "run")
        assert runs.enter_server(dead, seat)
        assert runs.enter_server(dead, seat)  # its own, taken by its next try
        assert not runs.enter_server(alive, seat)
        db.execute("UPDATE mailticket.lease SET expires_at = now() WHERE inbox = 'support'")
        assert runs.enter_server(alive, seat)
        runs.leave_server(alive)
    finally:
        db.close()


def test_a_server_that_asks_to_come_later_is_not_pressed(
    make_arena: MakeArena,
) -> None:
    tried = []

    def mailbox(_inbox: Inbox) -> Any:
        tried.append(1)
        raise MailboxUnavailable("too many", 300.0, crowded=True)

    arena = make_arena(**CREATES)
    arena.wrap = lambda outside: replace(outside, mailbox=mailbox)
    with pytest.raises(MailboxUnavailable) as caught:
        arena.run()
    assert (len(tried), caught.value.retry_after) == (1, 300.0)


@pytest.mark.parametrize(
    ("host", "extra", "limits"),
    [
        ("mail.example", {}, Limits(0, 0)),
        ("mail.example", {"max_connections": 5}, Limits(5, 0)),
        ("mail.example", {"max_connections": "5", "max_connections_per_login": ""}, Limits(5, 0)),
        ("outlook.office365.com", {}, Limits(0, 1)),
        ("Outlook.Office365.com", {"max_connections_per_login": 2}, Limits(0, 2)),
    ],
)
def test_limits_stand_in_the_connection(host: str, extra: dict[str, Any], limits: Limits) -> None:
    faults: list[Any] = []
    assert (limits_from(host, extra, faults), faults) == (limits, [])


@pytest.mark.parametrize("written", [-1, "many", 1.5, True, "9" * 30])
def test_a_limit_that_is_no_number_is_a_fault(written: object) -> None:
    faults: list[Any] = []
    limits_from("mail.example", {"max_connections": written}, faults)
    assert "max_connections" in str(faults[0])
