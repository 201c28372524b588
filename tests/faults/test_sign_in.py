"""The endpoint that gives out tokens fails in the middle of a pass, and the token dies with it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web

from demo.ports import LOOPBACK, free_ports
from mailticket.errors import MailticketError
from services.certificates import Authority
from services.dovecot import Dovecot
from services.gate import Turn
from services.letters import Letter, Writer
from services.oauth_server import CLIENT, SECRET, OAuthServer
from services.world import World

MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory, ports: list[int]) -> Iterator[Dovecot]:
    """One that asks the OAuth server about tokens."""
    url = f"http://{LOOPBACK}:{ports[1]}/introspect"
    server = Dovecot(tmp_path_factory.mktemp("dovecot"), introspection_url=url)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def oauth(authority: Authority, ports: list[int]) -> Iterator[OAuthServer]:
    server = OAuthServer(authority.issue(), port=ports[0], plain_port=ports[1])
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("kind", ["imap-move", "pop3-delete"])
def test_a_token_endpoint_that_fails_in_the_middle_of_a_pass_loses_nothing(
    make_world: MakeWorld,
    oauth: OAuthServer,
    authority: Authority,
    chance: random.Random,
    kind: str,
) -> None:
    world = make_world(kind)
    given = {"token_url": oauth.token_url, "client_id": CLIENT, "client_secret": SECRET}
    world.extra = json.dumps({"tls": "none", "auth": "XOAUTH2", "ca": str(authority.ca), **given})
    letters = Writer(chance, strangers=world.people).every_kind()
    begin(world, oauth, letters)
    turns = [turn for turn in world.turns(world.run) if turn.begins]
    broken = [failing_at(world, oauth, turn) for turn in [turns[0], *chance.sample(turns, 2)]]
    assert any(broken), "it was never asked"


def begin(world: World, oauth: OAuthServer, letters: list[Letter]) -> None:
    world.begin(letters)
    oauth.mailbox = world.user


def failing_at(world: World, oauth: OAuthServer, turn: Turn) -> bool:
    """Fail from a turn on; tell whether the pass had to end for it."""
    begin(world, oauth, list(world.letters))

    def meanwhile(now: Turn) -> None:
        if now.number == turn.number:
            oauth.expire()
            oauth.answer = web.Response(status=503, text="come later")

    world.gate.meanwhile = meanwhile
    broken: list[MailticketError] = []
    try:
        world.run("breaks")
    except MailticketError as error:
        broken.append(error)
    # Airflow tries again by itself: no person has to be called.
    assert all(error.transient for error in broken), f"{turn}: {broken}"
    world.gate.meanwhile, oauth.answer = None, None
    world.finish()
    return bool(broken)
