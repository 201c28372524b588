"""A refused sign-in is not tried again quickly, and at once when a person did something."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mailticket.commands.checking import check_mailbox
from mailticket.errors import MailboxUnavailable, SignInPutOff, SignInRefused
from services.certificates import Authority
from services.database import Database
from services.dovecot import Dovecot
from services.oauth_server import OAuthServer
from services.tenant import Tenant


@pytest.fixture
def tenant(dovecot: Dovecot, database: Database) -> Iterator[Tenant]:
    oauth = OAuthServer(Authority(dovecot.folder / "unused").issue())
    made = Tenant(oauth, dovecot, database, "")
    made.use_password("wrong")
    return made


def refused(tenant: Tenant, insists: str = "") -> None:
    with pytest.raises(SignInRefused) as caught:
        tenant.sign_in(insists)
    assert type(caught.value) is SignInRefused


def put_off(tenant: Tenant, insists: str = "") -> str:
    with pytest.raises(SignInPutOff) as caught:
        tenant.sign_in(insists)
    return str(caught.value)


def wait_is_over(tenant: Tenant) -> None:
    tenant.rows("UPDATE mailticket.sign_in_refusal SET next_try_at = now()")


def minutes(tenant: Tenant) -> int:
    ((seconds,),) = tenant.rows(
        "SELECT extract(epoch FROM next_try_at - refused_at) FROM mailticket.sign_in_refusal"
    )
    return round(seconds / 60)


def test_a_refused_password_is_not_tried_again_by_the_next_runs(tenant: Tenant) -> None:
    refused(tenant)
    for _ in range(3):
        said = put_off(tenant)
    assert tenant.tries() == 1
    assert re.search(r"was refused at \d\d:\d\d UTC .*check login and password", said)
    assert re.search(r"next try \d\d:\d\d UTC, or at once after the Connection", said)
    assert "wrong" not in said


def test_each_refusal_doubles_the_wait_up_to_an_hour(tenant: Tenant) -> None:
    waits = []
    for _ in range(8):
        refused(tenant)
        waits.append(minutes(tenant))
        wait_is_over(tenant)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_when_the_wait_is_over_one_of_many_tries(tenant: Tenant) -> None:
    refused(tenant)
    wait_is_over(tenant)
    keepers = [tenant.access().mailbox_login(tenant.inbox).keeper for _ in range(3)]
    assert keepers[0]
    keepers[0].begin()
    for other in keepers[1:]:
        assert other
        with pytest.raises(SignInPutOff):
            other.begin()


def test_a_changed_connection_is_tried_at_once_and_begins_anew(tenant: Tenant) -> None:
    for _ in range(3):
        refused(tenant)
        wait_is_over(tenant)
    refused(tenant)
    tenant.use_password("wrong-as-well")
    refused(tenant)
    assert minutes(tenant) == 1
    tenant.use_password(tenant.dovecot.password)
    tenant.sign_in()
    assert tenant.rows("SELECT 1 FROM mailticket.sign_in_refusal") == []


def test_a_run_that_a_person_asked_for_is_tried_once(tenant: Tenant) -> None:
    refused(tenant)
    refused(tenant, "manual__1 0")
    put_off(tenant, "manual__1 0")
    refused(tenant, "manual__1 1")
    assert tenant.tries() == 3


def test_a_check_that_succeeds_ends_it(tenant: Tenant) -> None:
    right = tenant.dovecot.password
    tenant.use_password(right)
    tenant.rows(
        "INSERT INTO mailticket.sign_in_refusal"
        " (connection, salt, fingerprint, next_try_at, reason) VALUES"
        " ('mailticket_inbox_support', '', %s, now() + interval '1 hour', 'no')",
        fingerprint(tenant),
    )
    put_off(tenant)
    assert check_mailbox(tenant.access(), tenant.inbox, with_database=True)
    assert tenant.sign_in() == 0


def test_a_check_that_fails_is_one_more_refusal(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(tenant)
    assert not check_mailbox(tenant.access(), tenant.inbox, with_database=True)
    assert re.search(r"FAILED sign in: .*refused.*next try", capsys.readouterr().out)
    assert (tenant.tries(), minutes(tenant)) == (2, 2)


def test_a_check_works_without_the_database(tenant: Tenant) -> None:
    tenant.use_password(tenant.dovecot.password)
    assert check_mailbox(tenant.access(), tenant.inbox, with_database=False)


def test_a_server_that_cannot_now_is_no_refusal(tenant: Tenant) -> None:
    tenant.port = 1
    for _ in range(2):
        with pytest.raises(MailboxUnavailable):
            tenant.sign_in()
    assert tenant.rows("SELECT 1 FROM mailticket.sign_in_refusal") == []


def test_the_password_is_not_to_be_found_in_the_database(tenant: Tenant) -> None:
    tenant.use_password("wrong-and-secret")
    refused(tenant)
    assert "mailticket_inbox_support" in tenant.everything_stored()
    assert "wrong-and-secret" not in tenant.everything_stored()


def fingerprint(tenant: Tenant) -> bytes:
    from mailticket.vault import slow_hash  # noqa: PLC0415

    found = tenant.access().credentials("mailticket_inbox_support")
    words = (found.host, found.port, found.login, found.password, found.extra)
    return slow_hash(b"", words)
