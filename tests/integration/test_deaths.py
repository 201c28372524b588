"""A message that ends its process in a step after decoding blocks its inbox for a while only."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.steps.tries import MOST_TRIES
from mailticket.store.postgres import Database as Store
from services.arena import Arena, MakeArena, die, mail
from services.post_office import PostOffice
from services.scenes import last, refs

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
OPS = "ops@x.example"


class Starving(Store):
    """A store whose process is killed when it is asked for what one message needs."""

    query = ""
    message = 2

    def rows(self, name: str, /, **values: Any) -> Any:
        found = super().rows(name, **values)
        if name == self.query and self._too_much(found, values):
            die()
        return found

    def _too_much(self, found: Any, values: dict[str, Any]) -> bool:
        if name_of := values.get("message"):
            return bool(name_of == self.message and values["whole"])
        return any(row["message"] == self.message for row in found)


@pytest.fixture
def arena(make_arena: MakeArena, post_office: PostOffice) -> Arena:
    arena = make_arena(forward_errors_to=OPS, address="support@example.com", **CREATES)
    arena.smtp = post_office.connection
    arena.store = Starving
    return arena


@pytest.fixture
def starving(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda query: monkeypatch.setattr(Starving, "query", query)


def deaths(arena: Arena, *steps: str) -> int:
    """Take some steps until no process ends in them; give how often one did."""
    for number in range(20):
        arena.lapse()
        if not arena.killed(lambda: arena.steps("one", *steps)):
            return number
    raise AssertionError("it dies for ever")


def test_a_message_whose_ticket_takes_all_memory_is_given_up_and_the_next_one_comes(
    arena: Arena, starving: Any
) -> None:
    starving("load_drafts")
    arena.deliver(mail("One"), mail("Two"), mail("Three"))
    arena.steps("one", "fetch", "filter", "parse")
    assert deaths(arena, "upsert_ticket") == 1 + MOST_TRIES
    assert [row[1:4] for row in arena.status()] == [
        ("processed", "create", "create_ticket"),
        ("error", "failed", "worker"),
        ("processed", "create", "create_ticket"),
    ]
    assert "its ticket was begun 5 times" in str(
        arena.rows("SELECT reason FROM mailticket.message_status WHERE status = 'error'")
    )


def test_the_count_goes_on_in_the_next_run(arena: Arena, starving: Any) -> None:
    starving("load_drafts")
    arena.deliver(mail("One"), mail("Two"))
    arena.steps("one", "fetch", "filter", "parse")
    for _ in range(4):
        arena.lapse()
        assert arena.killed(lambda: arena.steps("one", "upsert_ticket"))
    arena.lapse()
    died = 0
    while arena.killed(lambda: arena.run("two")):
        arena.lapse()
        died += 1
    assert died == MOST_TRIES + 1 - 4
    assert last(arena)[1] == "worker"


def test_processes_that_are_killed_without_a_cause_cost_no_message(
    arena: Arena, starving: Any
) -> None:
    arena.deliver(*(mail(f"{n}") for n in range(8)))
    arena.steps("one", "fetch", "filter", "parse")
    starving("load_drafts")
    for Starving.message in (2, 4, 6, 7, 8):  # another message each time
        arena.lapse()
        assert arena.killed(lambda: arena.steps("one", "upsert_ticket"))
    Starving.message = 2
    arena.lapse()
    arena.steps("one", "upsert_ticket")
    assert len(refs(arena)) == 8
    assert arena.rows("SELECT count(*) FROM mailticket.step_at_work") == [(0,)]


def test_an_error_whose_original_takes_all_memory_is_told_with_its_header_section(
    arena: Arena, starving: Any, post_office: PostOffice
) -> None:
    starving("original_to_forward")
    arena.fields |= {"unknown_caller": "reject", "person_defaults": {}}
    arena.deliver(*(mail(f"{n}", sender=f"x{n}@x.example") for n in range(3)))
    arena.steps("one", "fetch", "filter", "parse", "upsert_ticket")
    assert deaths(arena, "forward_errors") == 1 + MOST_TRIES
    kinds = [
        part.get_content_type() for taken in post_office.mails for part in taken.mail.iter_parts()
    ]
    assert kinds[1::2] == ["message/rfc822", "text/rfc822-headers", "message/rfc822"]


def test_a_step_without_a_death_counts_nothing(arena: Arena) -> None:
    arena.deliver(mail("One"), mail("Two", sender="root"))
    arena.run()
    assert arena.rows("SELECT max(strikes) FROM mailticket.attempt") == [(0,)]
    assert arena.rows("SELECT count(*) FROM mailticket.step_at_work") == [(0,)]
