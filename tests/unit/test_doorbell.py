"""What is rung when: once for each change, and for the same thing ever more rarely."""

from __future__ import annotations

import itertools

import pytest

from mailticket.config import Inbox
from mailticket.errors import MailboxUnavailable, SignInRefused, StoreUnavailable
from mailticket.watch import schedule
from mailticket.watching.doorbell import LONGEST, PATIENCE, Doorbell
from mailticket.watching.health import TOLD_AFTER, Health
from mailticket.watching.sights import NOTHING_NEW, by_name, by_uid


def rings(
    bell: Doorbell, now: float, key: str | None, mark: int = 0, *, busy: bool = False
) -> bool:
    return bell.rings(now, key, mark, busy=busy)


def test_nothing_to_do_rings_never() -> None:
    assert not rings(Doorbell(), 0, None)


def test_a_change_rings_once_until_its_run_has_fetched() -> None:
    bell = Doorbell()
    assert rings(bell, 0, "a")
    assert not rings(bell, 1, "a")
    assert not rings(bell, 2, "b"), "the run that comes reads this too"
    assert rings(bell, 3, "b", mark=1), "it had looked before this came"


def test_what_a_run_left_as_it_was_is_rung_for_ever_more_rarely() -> None:
    bell = Doorbell()
    rung = [now for now in range(20_000) if rings(bell, now, "a", mark=now)]
    gaps = [after - before for before, after in itertools.pairwise(rung)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= PATIENCE
    assert gaps[-1] == LONGEST


def test_a_run_that_never_comes_is_asked_for_again() -> None:
    bell = Doorbell()
    assert rings(bell, 0, "a")
    assert not rings(bell, PATIENCE - 1, "b")
    assert rings(bell, PATIENCE, "b")


def test_while_a_run_is_at_work_nobody_asks_for_it_again() -> None:
    bell = Doorbell()
    assert rings(bell, 0, "a")
    assert not rings(bell, 10 * PATIENCE, "b", busy=True)
    assert rings(bell, 10 * PATIENCE, "b")


def test_after_it_was_done_the_same_key_is_something_new() -> None:
    bell = Doorbell()
    assert rings(bell, 0, "a")
    assert not rings(bell, 1, None, mark=1)
    assert rings(bell, 2, "a", mark=1)


def test_what_waits_in_the_database_is_rung_for_apart() -> None:
    bell = Doorbell(apart=30)
    assert rings(bell, 0, "a")
    assert not rings(bell, 1, None, mark=1)
    assert not rings(bell, 2, "b", mark=1)
    assert rings(bell, 30, "b", mark=1)


def test_it_waits_for_a_run_until_that_has_come_or_patience_ends() -> None:
    bell = Doorbell()
    assert not bell.is_waiting(0, 0)
    rings(bell, 0, "a")
    assert bell.is_waiting(1, 0)
    assert not bell.is_waiting(1, 1)
    assert not bell.is_waiting(PATIENCE, 0)


def test_a_short_absence_is_told_to_nobody_a_long_one_once() -> None:
    health, gone = Health(), MailboxUnavailable("gone")
    told = [health.failed(now, gone)[1] for now in (0, 10, TOLD_AFTER, 2 * TOLD_AFTER)]
    assert told == [False, False, True, False]
    assert health.recovered()
    assert not health.recovered()
    assert not health.failed(1000, gone)[1]


def test_what_somebody_has_to_mend_is_told_at_once() -> None:
    assert Health().failed(0, SignInRefused("no"))[1]


def test_without_the_database_no_mailbox_is_called_ill() -> None:
    health = Health()
    assert not any(health.failed(now, StoreUnavailable("away"))[1] for now in (0, 1000, 9000))


def test_the_server_says_how_long_to_wait() -> None:
    assert Health().failed(0, MailboxUnavailable("busy", 777))[0] == 777


def test_news_have_another_key_when_some_were_fetched_or_more_came() -> None:
    keys = [by_uid(7, 0, (1, 2)), by_uid(7, 1, (2,)), by_uid(7, 1, (2, 3)), by_uid(8, 0, (1, 2))]
    assert len({sight.key for sight in keys}) == 4
    assert by_uid(7, 9, ()) is NOTHING_NEW
    assert by_name(["b", "a"]) == by_name(["a", "b"]) != by_name(["a"])
    assert by_name([]) is NOTHING_NEW
    assert (by_uid(7, 0, (5,)).said, by_name(["a", "b"]).said) == (
        "1 new message",
        "2 new messages",
    )


@pytest.mark.parametrize(("inboxes", "hours"), [(1, 1), (100, 1), (250, 3), (1000, 12), (9999, 24)])
def test_safety_looks_are_the_rarer_the_more_inboxes_there_are(inboxes: int, hours: int) -> None:
    found = schedule(Inbox(name="support"), inboxes).timetable.expression  # type: ignore[attr-defined]
    assert found.endswith("* * *")
    assert (found.split()[1] == "*") == (hours == 1)
    if hours > 1:
        assert found.split()[1].endswith(f"/{hours}")


def test_inboxes_have_their_safety_looks_at_different_times() -> None:
    found = {
        schedule(Inbox(name=f"inbox{n}"), 1000).timetable.expression  # type: ignore[attr-defined]
        for n in range(200)
    }
    assert len(found) > 150


def test_the_trigger_knows_the_name_and_a_stamp_and_no_more() -> None:
    def kwargs(**fields: object) -> dict[str, object]:
        inbox = Inbox.model_validate({"name": "support", **fields})
        [watcher] = schedule(inbox, 1).asset_condition.objects[0].watchers  # type: ignore[attr-defined]
        path, given = watcher.trigger.serialize()
        assert path == "mailticket.watch.MailTrigger"
        return dict(given)

    plain = kwargs()
    assert set(plain) == {"inbox", "stamp"}
    assert plain == kwargs(default_title="Another")
    for changed in ({"mailbox": "Other"}, {"conn_id": "x"}, {"periodicity": 9}):
        assert kwargs(**changed)["stamp"] != plain["stamp"]
