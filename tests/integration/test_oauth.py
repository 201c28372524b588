"""Tokens on the real thing: fetched, kept, renewed, rotated, refused; IMAP, POP3 and SMTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from cryptography.fernet import Fernet  # noqa: TID251 -- an administrator makes keys

from demo.ports import LOOPBACK, free_ports
from mailticket.errors import (
    InsecureConnection,
    MailboxUnavailable,
    MailServerUnavailable,
    MailticketError,
    SignInPutOff,
    SignInRefused,
    VaultClosed,
)
from mailticket.keeper import signed_in_apart
from mailticket.oauth import OAuthClient, client_from
from mailticket.oauth_endpoint import Answer, ask
from mailticket.store.sealed import forget, reseal
from mailticket.watching.imap_client import Connection
from services.certificates import Authority, self_signed
from services.database import Database
from services.dovecot import Dovecot
from services.oauth_server import CLIENT, FIRST_REFRESH, SECRET, OAuthServer
from services.post_office import PostOffice
from services.tenant import Tenant

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
GRANTS = ("client_credentials", "refresh_token", "service_account")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture(scope="module")
def token_dovecot(tmp_path_factory: pytest.TempPathFactory, ports: list[int]) -> Iterator[Dovecot]:
    """One Dovecot that asks whichever OAuth server has these ports."""
    url = f"http://{LOOPBACK}:{ports[1]}/introspect"
    server = Dovecot(tmp_path_factory.mktemp("dovecot"), introspection_url=url)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def oauth(authority: Authority, ports: list[int]) -> Iterator[OAuthServer]:
    server = OAuthServer(authority.issue(), port=ports[0], plain_port=ports[1])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tenant(
    oauth: OAuthServer, token_dovecot: Dovecot, database: Database, authority: Authority
) -> Tenant:
    return Tenant(oauth, token_dovecot, database, str(authority.ca))


# -- fetched and kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("grant", GRANTS)
def test_each_grant_signs_in_and_the_next_task_needs_no_other_token(
    tenant: Tenant, grant: str, protocol: str
) -> None:
    tenant.use(grant)
    tenant.fields = {"protocol": protocol}
    tenant.dovecot.deliver(tenant.user, b"Subject: x\r\n\r\n")
    assert [tenant.sign_in(), tenant.sign_in()] == [1, 1]
    assert len(tenant.oauth.forms) == 1


def test_the_pop3_option_alone_asks_for_a_token(tenant: Tenant) -> None:
    del tenant.extra["auth"]
    tenant.password = "unused"
    tenant.fields = {"protocol": "pop3", "pop3_auth_option": "XOAUTH2"}
    assert tenant.sign_in() == 0


def test_a_token_is_renewed_before_it_expires(tenant: Tenant) -> None:
    first = tenant.token()
    assert tenant.token() == first
    (kept,) = tenant.rows(
        "SELECT extract(epoch FROM expires_at - fetched_at)::int,"
        " extract(epoch FROM expires_at - renew_at)::int FROM mailticket.oauth_token"
    )
    assert kept == (3600, 300)
    tenant.renewable()
    assert tenant.token() != first


def test_a_short_lived_token_is_not_renewed_each_time(tenant: Tenant) -> None:
    tenant.oauth.life = 100
    tenant.token()
    assert (
        tenant.rows("SELECT expires_at - renew_at FROM mailticket.oauth_token")[0][0].seconds == 20
    )


@pytest.mark.parametrize("life", [None, "soon", -5, {}])
def test_a_life_that_is_not_said_counts_as_short(tenant: Tenant, life: object) -> None:
    tenant.oauth.life = life
    tenant.token()
    ((seconds,),) = tenant.rows("SELECT expires_at - fetched_at FROM mailticket.oauth_token")
    assert seconds.seconds == 300


def test_while_the_endpoint_is_down_a_token_serves_to_its_end(tenant: Tenant) -> None:
    first = tenant.token()
    tenant.renewable()
    tenant.oauth.answer = web.Response(status=503)
    assert tenant.token() == first
    tenant.rows("UPDATE mailticket.oauth_token SET expires_at = now() - interval '1 second'")
    with pytest.raises(MailboxUnavailable, match="HTTP 503"):
        tenant.token()


@pytest.mark.parametrize(
    "change", [{"client_secret": "another"}, {"scope": "mail.read"}, {"client_id": "app-2"}]
)
def test_a_changed_client_does_not_go_on_with_the_token_of_the_old_one(
    tenant: Tenant, change: dict[str, str]
) -> None:
    tenant.token()
    tenant.extra |= change
    tenant.oauth.answer = web.json_response({"access_token": "of-the-changed-client"})
    assert tenant.token() == "of-the-changed-client"


# -- expired and refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("grant", GRANTS)
def test_a_token_that_the_server_no_longer_takes_is_replaced_once(
    tenant: Tenant, grant: str, protocol: str
) -> None:
    tenant.use(grant)
    tenant.fields = {"protocol": protocol}
    tenant.sign_in()
    tenant.oauth.expire()
    tenant.sign_in()
    assert len(tenant.oauth.forms) == 2
    tenant.sign_in()
    assert len(tenant.oauth.forms) == 2


def test_a_new_token_that_is_refused_as_well_is_the_end_and_is_put_off(tenant: Tenant) -> None:
    tenant.sign_in()
    tenant.oauth.mailbox = "somebody-else"
    tenant.oauth.expire()
    with pytest.raises(SignInRefused, match=r"login, scope.*next try \d\d:\d\d UTC"):
        tenant.sign_in()
    assert (len(tenant.oauth.forms), tenant.tries()) == (2, 2)
    with pytest.raises(SignInPutOff):
        tenant.sign_in()
    assert (len(tenant.oauth.forms), tenant.tries()) == (2, 2)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"client_secret": "wrong-secret-x1"}, "invalid_client: AADSTS7000215.*may have run out"),
        ({"refresh_token": "wrong-refresh-x1"}, "invalid_grant: AADSTS700082.*new refresh_token"),
    ],
)
def test_an_endpoint_that_refuses_is_not_asked_again_until_the_connection_is_changed(
    tenant: Tenant, extra: dict[str, str], words: str
) -> None:
    right = dict(tenant.extra)
    tenant.extra |= extra
    with pytest.raises(SignInRefused, match=words) as caught:
        tenant.sign_in()
    with pytest.raises(SignInPutOff, match=words):
        tenant.sign_in()
    assert len(tenant.oauth.forms) == 1
    assert "-x1" not in str(caught.value)
    tenant.extra = right
    tenant.sign_in()


def test_a_watcher_on_an_event_loop_is_given_its_token_the_same_way(tenant: Tenant) -> None:
    async def watch() -> None:
        login = tenant.access().mailbox_login(tenant.inbox)

        def attempt(token: str) -> Awaitable[Connection]:
            with_token = replace(login, token=token)
            return Connection.open(with_token, "INBOX", lambda _login: ssl.create_default_context())

        (await signed_in_apart(login.keeper, "", attempt)).close()

    asyncio.run(watch())
    tenant.oauth.expire()
    asyncio.run(watch())
    assert len(tenant.oauth.forms) == 2
    tenant.oauth.mailbox = "somebody-else"
    tenant.oauth.expire()
    for error in (SignInRefused, SignInPutOff):
        with pytest.raises(error):
            asyncio.run(watch())
    assert len(tenant.oauth.forms) == 3


# -- rotated ---------------------------------------------------------------------------------------


def refresh_tokens(tenant: Tenant) -> list[str]:
    return [form["refresh_token"] for form in tenant.oauth.forms]


def test_a_rotated_refresh_token_is_the_one_that_is_used_next(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    for _ in range(3):
        tenant.token()
        tenant.renewable()
    first, second, third = refresh_tokens(tenant)
    assert first == FIRST_REFRESH
    assert second == tenant.oauth.refresh[first]
    assert third == tenant.oauth.refresh[second]


def test_a_refresh_token_that_a_person_puts_in_wins(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    tenant.token()
    tenant.oauth.refresh["put-in-by-hand"] = ""
    tenant.extra["refresh_token"] = "put-in-by-hand"
    tenant.token()
    assert refresh_tokens(tenant)[-1] == "put-in-by-hand"


def test_a_new_client_secret_leaves_the_rotated_token_in_use(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    del tenant.extra["client_secret"]
    tenant.token()
    tenant.extra["client_secret"] = SECRET
    tenant.token()
    assert refresh_tokens(tenant) == [FIRST_REFRESH, tenant.oauth.refresh[FIRST_REFRESH]]


def test_two_tasks_at_once_rotate_once(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    tenant.oauth.delay = 0.2
    for _ in range(2):
        with ThreadPoolExecutor(5) as tasks:
            tokens = list(tasks.map(lambda _: tenant.token(), range(5)))
        assert len(set(tokens)) == 1
        tenant.renewable()
    assert len(tenant.oauth.forms) == 2
    assert not tenant.oauth.revoked


def test_two_connections_with_one_refresh_token_do_not_use_it_up_for_each_other(
    tenant: Tenant,
) -> None:
    tenant.use("refresh_token")
    tenant.token()
    tenant.token(connection="another")
    tenant.renewable()
    tenant.token()
    assert not tenant.oauth.revoked
    assert len(set(refresh_tokens(tenant))) == 3


def killed_after_the_answer(tenant: Tenant) -> None:
    """Rotate, and die before anything of it is committed."""

    def die(client: OAuthClient) -> Answer:
        ask(client)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    child = os.fork()
    if child == 0:
        try:
            tenant.token(die)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_kill_before_the_commit_is_made_good_by_a_provider_that_repeats_itself(
    tenant: Tenant,
) -> None:
    tenant.use("refresh_token")
    tenant.oauth.grace = True
    killed_after_the_answer(tenant)
    tenant.token()
    tenant.renewable()
    tenant.token()
    rotated = tenant.oauth.refresh[FIRST_REFRESH]
    assert refresh_tokens(tenant) == [FIRST_REFRESH, FIRST_REFRESH, rotated]


def test_a_kill_before_the_commit_is_told_where_the_provider_does_not(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    killed_after_the_answer(tenant)
    with pytest.raises(SignInRefused, match="put the new refresh_token into the Connection"):
        tenant.token()


def test_a_database_that_goes_away_after_the_answer_gets_the_rotated_token_later(
    tenant: Tenant,
) -> None:
    tenant.use("refresh_token")

    def cut(client: OAuthClient) -> Answer:
        answer = ask(client)
        tenant.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return answer

    token = tenant.token(cut)
    assert tenant.token() == token
    tenant.renewable()
    tenant.token()
    assert refresh_tokens(tenant) == [FIRST_REFRESH, tenant.oauth.refresh[FIRST_REFRESH]]


# -- sealed ----------------------------------------------------------------------------------------


def test_without_a_fernet_key_no_refresh_token_is_used_up(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    tenant.keys = ""
    with pytest.raises(VaultClosed, match=r"set core\.fernet_key"):
        tenant.sign_in()
    assert tenant.oauth.forms == []


def test_without_a_fernet_key_an_application_is_given_a_token_each_time(tenant: Tenant) -> None:
    tenant.keys = ""
    with structlog.testing.capture_logs() as logs:
        tenant.sign_in()
        tenant.sign_in()
    assert len(tenant.oauth.forms) == 2
    assert "no Fernet key" in logs[0]["event"]
    assert tenant.rows("SELECT 1 FROM mailticket.oauth_token") == []


def test_a_key_that_is_none_is_said(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    tenant.keys = "not-a-key"
    with pytest.raises(VaultClosed, match="32 bytes in URL-safe base64"):
        tenant.token()


def test_with_another_fernet_key_nothing_is_used_up_and_the_cure_is_said(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    tenant.token()
    former = tenant.keys
    tenant.keys = Fernet.generate_key().decode()
    with pytest.raises(VaultClosed, match=r"new,former.*reseal --forget"):
        tenant.token()
    assert len(tenant.oauth.forms) == 1
    tenant.keys = former
    tenant.renewable()
    tenant.token()
    assert not tenant.oauth.revoked


def test_a_former_key_goes_once_all_is_sealed_with_the_new_one(tenant: Tenant) -> None:
    tenant.use("refresh_token")
    tenant.token()
    new = Fernet.generate_key().decode()
    tenant.keys = f"{new}, {tenant.keys}"
    db = tenant.access().database()
    assert reseal(db, tenant.keys) == 2
    db.close()
    tenant.keys = new
    tenant.token()
    assert len(tenant.oauth.forms) == 1
    tenant.renewable()
    tenant.token()
    assert not tenant.oauth.revoked


def test_what_was_kept_with_a_lost_key_can_be_dropped(tenant: Tenant) -> None:
    first = tenant.token()
    tenant.keys = Fernet.generate_key().decode()
    db = tenant.access().database()
    forget(db)
    db.close()
    assert tenant.token() != first


# -- the endpoint ----------------------------------------------------------------------------------


def client(tenant: Tenant, **extra: object) -> OAuthClient:
    made = client_from(tenant.extra | extra, tenant.user, "imap")
    assert made
    return made


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (web.Response(status=429, headers={"Retry-After": "77"}), MailboxUnavailable, "for 77 s"),
        (web.Response(status=502, text="<html>"), MailboxUnavailable, "HTTP 502"),
        (
            web.json_response({"error": "temporarily_unavailable"}, status=400),
            MailboxUnavailable,
            "temporarily_unavailable",
        ),
        (web.Response(status=404, text="<html>"), SignInRefused, "HTTP 404.*check token_url"),
        (web.Response(text="<html>sign in</html>"), SignInRefused, "does not answer as one"),
        (web.Response(status=302, headers={"Location": "/token"}), SignInRefused, "HTTP 302"),
        (web.json_response({"token_type": "mac", "access_token": "a"}), SignInRefused, "bearer"),
        (web.json_response({"access_token": "a\1auth=x"}), SignInRefused, "bearer token"),
        (web.json_response({"access_token": 17}), SignInRefused, "bearer token"),
        (web.json_response(["access_token"]), SignInRefused, "check token_url"),
        (web.Response(body=b"[" * 100_000), SignInRefused, "check token_url"),
        (web.Response(body=b"x" * 300_000), MailboxUnavailable, "more than 262144 bytes"),
        (
            web.json_response(
                {"error": "invalid_scope", "error_description": "a\0b\nc"}, status=400
            ),
            SignInRefused,
            r"\(invalid_scope: a b\): check scope",
        ),
        (
            web.json_response({"error": "x", "error_description": f"no {SECRET}"}, status=400),
            SignInRefused,
            "no …",
        ),
    ],
)
def test_what_an_endpoint_answers_is_told_in_a_sentence(
    tenant: Tenant, answer: web.Response, error: type[MailticketError], words: str
) -> None:
    tenant.oauth.answer = answer
    with pytest.raises(error, match=words) as caught:
        ask(client(tenant))
    assert len(tenant.oauth.forms) == 1
    assert SECRET not in str(caught.value)


def test_how_long_to_wait_is_passed_on(tenant: Tenant) -> None:
    tenant.oauth.answer = web.Response(status=429, headers={"Retry-After": "77"})
    with pytest.raises(MailboxUnavailable) as caught:
        ask(client(tenant))
    assert caught.value.retry_after == 77


def test_an_endpoint_that_says_nothing_is_given_up(tenant: Tenant) -> None:
    tenant.oauth.delay = 5
    with pytest.raises(MailboxUnavailable, match=r"did not answer within 0\.3 s"):
        ask(client(tenant), 0.3)


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("https://no-such-host.invalid/token", MailboxUnavailable, "is not found"),
        ("https://127.0.0.1:1/token", MailboxUnavailable, "refuses the connection"),
    ],
)
def test_an_endpoint_that_is_not_there_is_named(
    tenant: Tenant, url: str, error: type[MailticketError], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(client(tenant, token_url=url))


def test_no_secret_is_sent_to_an_endpoint_that_is_not_trusted(
    tenant: Tenant, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).ca
    for ca in ("", str(stranger)):
        with pytest.raises(InsecureConnection, match=r"not trusted.*authority"):
            ask(client(tenant, ca=ca))
    for issued, words in (
        (authority.issue("other.example"), "is for another name"),
        (authority.issue(days=-1), "has expired"),
        (self_signed(tmp_path), "is signed by itself"),
    ):
        other = OAuthServer(issued)
        other.start()
        try:
            with pytest.raises(InsecureConnection, match=words):
                ask(client(tenant, token_url=other.token_url))
        finally:
            other.stop()
        assert other.forms == tenant.oauth.forms == []


def test_a_proxy_of_the_environment_is_not_used(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert ask(client(tenant)).access_token


# -- SMTP ------------------------------------------------------------------------------------------


@pytest.fixture
def office(tenant: Tenant) -> Iterator[PostOffice]:
    made = PostOffice(tokens=lambda user, token: tenant.oauth.live.get(token) == user)
    made.start()
    oauth_extra = {name: tenant.extra[name] for name in ("token_url", "client_id", "ca")}
    extra = {"tls": "none", "auth_type": "oauth2", "client_secret": SECRET, **oauth_extra}
    tenant.smtp = {
        "host": LOOPBACK,
        "port": made.port,
        "login": tenant.user,
        "password": None,
        "extra": json.dumps(extra),
    }
    yield made
    made.stop()


def send(tenant: Tenant) -> None:
    with tenant.access().outside().mail_server("mailticket_smtp") as server:
        server.send("me@here.example", "you@there.example", b"Subject: x\r\n\r\ny\r\n")


def test_mail_is_handed_in_with_a_token_that_is_kept_and_replaced(
    tenant: Tenant, office: PostOffice
) -> None:
    send(tenant)
    send(tenant)
    assert len(tenant.oauth.forms) == 1
    tenant.oauth.expire()
    send(tenant)
    assert (len(office.mails), len(tenant.oauth.forms), office.refused) == (3, 2, 1)


def test_a_mail_server_that_refuses_is_not_asked_again_quickly(
    tenant: Tenant, office: PostOffice
) -> None:
    tenant.oauth.mailbox = "somebody-else"
    for _ in range(3):
        with pytest.raises(MailServerUnavailable, match="next try"):
            send(tenant)
    assert office.refused == 1


def test_an_endpoint_that_is_down_delays_mail(tenant: Tenant, office: PostOffice) -> None:
    tenant.oauth.answer = web.Response(status=503)
    with pytest.raises(MailServerUnavailable, match="token endpoint localhost"):
        send(tenant)
    tenant.oauth.answer = None
    send(tenant)
    assert len(office.mails) == 1


# -- secrets ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("office")
def test_no_secret_is_in_a_log_an_error_a_row_or_a_repr(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    tenant.fields = {"debug": True}
    with caplog.at_level("DEBUG"), structlog.testing.capture_logs() as logs:
        for grant in GRANTS:
            tenant.use(grant)
            for tell in (tenant.sign_in, tenant.oauth.expire, tenant.sign_in):
                tell()
            shown.append(repr(tenant.access().mailbox_login(tenant.inbox)))
        send(tenant)
        tenant.oauth.refresh.clear()
        tenant.oauth.expire()
        tenant.use("refresh_token")
        failing: tuple[Callable[[], Any], ...] = (tenant.sign_in, tenant.sign_in)
        for fail in failing:
            with pytest.raises(MailticketError) as caught:
                fail()
            shown.append(repr(caught.value))
    shown += [str(logs), caplog.text, tenant.everything_stored()]
    assert "bytes, secret" in shown[-3]
    assert "invalid_grant" in shown[-1]
    secrets = [*tenant.oauth.secrets, tenant.keys]
    assert len(secrets) > 8
    for secret in secrets:
        assert not [text for text in shown if secret in text], secret


def test_the_client_is_named_where_a_fault_is_shown() -> None:
    made = OAuthClient("client_credentials", "https://x.example/t", CLIENT, SECRET)
    assert CLIENT in repr(made)
    assert SECRET not in repr(made)
