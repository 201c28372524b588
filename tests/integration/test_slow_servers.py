"""The lease of a pass whose mail server takes its time: it is kept all the while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from mailticket import passage
from mailticket.mailboxes.base import Listed
from mailticket.passage import Outside
from mailticket.steps.fetch import BATCH_BYTES, _batches
from services.arena import Arena, MakeArena, mail

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
_LEFT = "SELECT extract(epoch FROM expires_at - now())::float FROM mailticket.lease"


class SlowMailbox:
    """A mailbox with a lease that has almost run out at each of its answers."""

    def __init__(self, mailbox: Any, arena: Arena, seen: dict[str, list[float]]) -> None:
        self.mailbox, self.arena, self.seen = mailbox, arena, seen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.mailbox, name)
        if name not in {"headers", "originals", "settle"}:
            return found
        return lambda *values: self._slowly(name, found(*values))

    def _slowly(self, name: str, answers: Iterator[Any]) -> Iterator[Any]:
        for answer in answers:
            self.arena.rows("UPDATE mailticket.lease SET expires_at = now() + interval '9 s'")
            yield answer
            [(left,)] = self.arena.rows(_LEFT)
            self.seen.setdefault(name, []).append(left)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    monkeypatch.setattr(passage, "RENEW_SECONDS", 0)
    return {}


def slow(arena: Arena, seen: dict[str, list[float]]) -> None:
    def wrapped(outside: Outside) -> Outside:
        @contextmanager
        def opened(inbox: Any) -> Iterator[Any]:
            with outside.mailbox(inbox) as mailbox:
                yield SlowMailbox(mailbox, arena, seen)

        return replace(outside, mailbox=opened)

    arena.wrap = wrapped


def test_the_lease_is_renewed_while_a_batch_is_fetched_and_while_one_is_settled(
    make_arena: MakeArena, seen: dict[str, list[float]]
) -> None:
    arena = make_arena(**CREATES, after_processing="delete", maximum_email_size=2000)
    slow(arena, seen)
    arena.deliver(mail("One"), mail("Two"), mail("Big", body="x" * 3000))
    arena.run()
    assert (len(seen["originals"]), len(seen["settle"]), arena.in_folder()) == (2, 2, 1)
    assert len(seen["headers"]) == 3  # the big one; then what is to be deleted, looked at again
    assert all(left > 60 for lefts in seen.values() for left in lefts), seen


def test_what_is_known_again_by_its_header_section_keeps_the_lease(
    make_arena: MakeArena, seen: dict[str, list[float]]
) -> None:
    arena = make_arena(**CREATES)
    arena.deliver(mail("One"), mail("Two"))
    arena.run()
    arena.dovecot.forget_uids(arena.user)
    slow(arena, seen)
    assert arena.run()[0] == {}
    assert len(seen["headers"]) == 2
    assert all(left > 60 for left in seen["headers"])


def test_mails_that_are_too_big_are_not_held_all_at_once() -> None:
    big = [Listed(str(uid), 11 * 1024**2, None) for uid in range(1, 201)]
    assert [len(batch) for batch in _batches(big)] == [1] * 200
    small = [Listed(str(uid), 1024**2, None) for uid in range(1, 33)]
    assert [sum(one.size for one in batch) for batch in _batches(small)] == [BATCH_BYTES] * 8
