"""Between two tasks of a run, somebody changes the configuration, the package or its rules."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mailticket import ingest
from mailticket.errors import ConfigurationError, StoreUnavailable
from mailticket.ingest import STEPS
from services.letters import Writer
from services.world import FIELDS, World

MakeWorld = Callable[..., World]
NAMES = list(STEPS)


@pytest.fixture
def world(make_world: MakeWorld, chance: random.Random) -> World:
    world = make_world("imap-delete")
    world.begin(Writer(chance).every_kind())
    return world


@pytest.mark.parametrize("after", NAMES[:-1])
def test_a_run_ends_under_the_configuration_and_the_version_that_it_began_with(
    world: World, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.steps("run", *NAMES[: NAMES.index(after) + 1])
    began = dict(world.fields)
    world.fields = {
        **FIELDS, "unknown_caller": "reject", "after_processing": "keep", "notify": [],
        "undesired_subject_patterns": "/^Subject/", "ticket_class": "Incident",
        "behavior": "update_only", "forward_errors_to": "other@help.example",
    }  # fmt: skip
    monkeypatch.setattr(ingest, "__version__", "99.0")
    world.steps("run", *NAMES[NAMES.index(after) + 1 :])
    assert world.rows("SELECT DISTINCT class FROM mailticket.ticket") == [("UserRequest",)]
    world.steps("next")
    versions = world.rows(
        "SELECT r.name, c.versions->>'mailticket', c.document->>'ticket_class'"
        " FROM mailticket.run r JOIN mailticket.configuration c ON c.hash = r.configuration"
        " ORDER BY r.id"
    )
    assert versions == [("run", world_version(), "UserRequest"), ("next", "99.0", "Incident")]
    world.fields = began
    world.finish()


def world_version() -> str:
    from mailticket import __version__  # noqa: PLC0415

    return __version__


@pytest.mark.parametrize("after", NAMES[:-1])
def test_a_run_goes_on_though_the_variable_is_broken_meanwhile(world: World, after: str) -> None:
    world.steps("run", *NAMES[: NAMES.index(after) + 1])
    began = dict(world.fields)
    world.fields = {"behaviour": "create"}
    world.steps("run", *NAMES[NAMES.index(after) + 1 :])
    with pytest.raises(ConfigurationError):
        world.steps("next", "fetch")
    world.fields = began
    world.finish()


def test_what_another_version_parsed_is_parsed_again(world: World) -> None:
    """Its draft has other fields than ours: that is no fault of the message."""
    world.steps("run", "fetch", "filter", "parse")
    world.rows(
        "UPDATE mailticket.draft SET document = document - 'new_part'"
        " || '{\"added_later\": 1}' WHERE attempt % 2 = 0"
    )
    world.steps("run", *NAMES[NAMES.index("upsert_ticket") :])
    world.finish()


def test_killed_in_a_deploy_the_next_version_goes_on(world: World, chance: random.Random) -> None:
    letters = list(world.letters)
    turns = world.turns(lambda: world.steps("run"))
    for turn in chance.sample(turns, 4):
        world.begin(letters)
        world.gate.arm(turn.number)
        world.killed(lambda: world.steps("run"))
        world.gate.disarm()
        world.fields["debug_trace"] = not world.fields.get("debug_trace", False)
        for step in NAMES:
            world.steps("run", step)
        world.finish()


def test_a_database_that_is_migrated_under_a_run_lets_it_end(world: World) -> None:
    """Tables are locked for a while, and the run's connections are ended by the administrator."""
    world.steps("run", "fetch", "filter")
    world.gate.arm(20, "terminate")
    with pytest.raises(StoreUnavailable):
        world.steps("run", "parse", "upsert_ticket", "forward_errors")
    world.steps("run", "parse", "upsert_ticket", "forward_errors", "cleanup", "report")
    world.finish()
