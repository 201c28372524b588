"""What the OAuth fields of a Connection's Extra may say, presets, and how faults are named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from mailticket.errors import ConfigurationError, ConnectionMissing
from mailticket.mailboxes.login import login_from
from mailticket.oauth import OAUTH_EXTRA, Grant, OAuthClient, Use, client_from
from mailticket.oauth_endpoint import retry_after
from mailticket.smtp_login import smtp_login_from
from services.pages import CONFIGURATION

APP = {"client_id": "app", "client_secret": "s3cret"}
REFRESH = {"client_id": "app", "refresh_token": "r3fresh"}
ACCOUNT = {
    "client_email": "robot@project.example",
    "private_key": "pr1vate",
    "token_uri": "https://oauth2.googleapis.com/token",
}
M365 = "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token"
GOOGLE = "https://oauth2.googleapis.com/token"


def read(use: Use = "imap", **extra: Any) -> OAuthClient:
    client = client_from(extra, "support@acme.example", use)
    assert client
    return client


@pytest.mark.parametrize(
    ("use", "extra", "url", "scope"),
    [
        (
            "imap",
            {"token_url": "microsoft:acme.example", **APP},
            M365,
            "https://outlook.office365.com/.default",
        ),
        ("smtp", {"token_url": M365, **APP}, M365, "https://outlook.office365.com/.default"),
        (
            "imap",
            {"token_url": "Microsoft", **REFRESH},
            M365.replace("acme.example", "organizations"),
            "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        ),
        (
            "pop3",
            {"token_url": "microsoft:acme.example", **REFRESH},
            M365,
            "https://outlook.office.com/POP.AccessAsUser.All offline_access",
        ),
        (
            "smtp",
            {"token_url": "microsoft:acme.example", **REFRESH},
            M365,
            "https://outlook.office.com/SMTP.Send offline_access",
        ),
        ("imap", {"token_url": "google", **REFRESH}, GOOGLE, ""),
        ("imap", {"service_account": ACCOUNT}, GOOGLE, "https://mail.google.com/"),
        (
            "pop3",
            {"token_url": "https://id.acme.example/t", **APP},
            "https://id.acme.example/t",
            "",
        ),
        ("imap", {"token_url": "http://[::1]:81/t", **APP}, "http://[::1]:81/t", ""),
        ("imap", {"token_url": M365, "scope": "mine", **APP}, M365, "mine"),
    ],
)
def test_a_preset_knows_where_and_for_what(
    use: Use, extra: dict[str, Any], url: str, scope: str
) -> None:
    client = read(use, **extra)
    assert (client.token_url, client.scope) == (url, scope)


def test_the_grant_follows_from_what_is_there() -> None:
    grants = [
        read(token_url="google", **APP).grant,
        read(token_url="google", **REFRESH).grant,
        read(service_account=ACCOUNT).grant,
    ]
    assert grants == list(get_args(Grant))


@pytest.mark.parametrize("form", ["object", "text", "file"])
def test_a_service_account_is_an_object_its_text_or_a_file(form: str, tmp_path: Path) -> None:
    written: Any = ACCOUNT
    if form != "object":
        written = json.dumps(ACCOUNT)
    if form == "file":
        (tmp_path / "key.json").write_text(written)
        written = str(tmp_path / "key.json")
    client = read(service_account=written)
    assert client.service_account
    assert client.service_account.email == "robot@project.example"
    assert client.subject == "support@acme.example"


def test_without_any_of_them_there_is_no_client() -> None:
    assert client_from({"tls": "none", "client_id": ""}, "x", "imap") is None


@pytest.mark.parametrize(
    ("extra", "name", "allowed"),
    [
        ({"client_id": "app", "token_url": "google"}, "client_secret", "needed to fetch a token"),
        (APP, "token_url", "needed"),
        ({"refresh_token": "r", "token_url": "google"}, "client_id", "needed"),
        ({"token_url": "http://id.acme.example/t", **APP}, "token_url", "an https:// URL"),
        ({"token_url": "https://u:p@id.acme.example/t", **APP}, "token_url", "https://"),
        ({"token_url": "ftp://127.0.0.1/t", **APP}, "token_url", "https://"),
        ({"token_url": "https://[/t", **APP}, "token_url", "https://"),
        ({"token_url": "microsoft:../evil", **APP}, "token_url", "microsoft:<tenant>"),
        ({"token_url": "microsoft", **APP}, "token_url", "microsoft:<tenant>"),
        ({"token_url": "google", "client_id": 7, "client_secret": "s"}, "client_id", "one line"),
        ({"token_url": "google", "client_id": "a\nb", "client_secret": "s"}, "client_id", "line"),
        ({"token_url": "google", **APP, "scope": ["a"]}, "scope", "one line"),
        ({"service_account": "/no/such/file"}, "service_account", "No such file"),
        ({"service_account": "{"}, "service_account", "not JSON"),
        ({"service_account": [1]}, "service_account", "not an object"),
        ({"service_account": {}, "client_email": 1, **APP}, "token_url", "needed"),
        ({"service_account": {"a": 1}}, "service_account", "no client_email, no private_key"),
        (
            {"service_account": ACCOUNT | {"token_uri": "http://x.example"}},
            "service_account",
            "token_uri",
        ),
        ({"service_account": ACCOUNT, **REFRESH}, "refresh_token", "not together"),
    ],
)
def test_a_wrong_field_is_named_and_no_secret_shown(
    extra: dict[str, Any], name: str, allowed: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(**extra)
    assert any(f.field.endswith(f": {name}") and allowed in f.allowed for f in caught.value.faults)
    for secret in ("s3cret", "r3fresh", "pr1vate"):
        assert secret not in str(caught.value)


def test_no_secret_is_shown_by_a_client() -> None:
    shown = repr([read(token_url="google", **APP), read(service_account=ACCOUNT)])
    assert "s3cret" not in shown
    assert "pr1vate" not in shown


def test_a_mailbox_login_reads_them_with_its_other_faults() -> None:
    with pytest.raises(ConfigurationError) as caught:
        login_from("h", None, "l", None, {"auth": "XOAUTH2", "tls": "x", "client_id": "a"}, "imap")
    assert {f.field.rsplit(" ")[-1] for f in caught.value.faults} == {
        "tls",
        "token_url",
        "client_secret",
    }


def test_an_smtp_connection_of_airflows_own_form_names_its_tenant() -> None:
    extra = {"auth_type": "oauth2", "tenant_id": "acme.example", **APP}
    login = smtp_login_from("h", None, "support@acme.example", None, extra)
    assert login.oauth
    assert (login.oauth.token_url, login.oauth.grant) == (M365, "client_credentials")
    extra["access_token"] = "t"
    assert smtp_login_from("h", None, "l", None, extra).oauth is None
    with pytest.raises(ConnectionMissing, match="needs an access_token, or token_url"):
        smtp_login_from("h", None, "l", None, {"auth_type": "oauth2"})


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("120", 120),
        ("999999999999", 3600),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 11:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_how_long_to_wait_may_be_seconds_or_a_date(written: Any, seconds: float | None) -> None:
    assert retry_after(written, datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds


def test_the_page_says_which_grant_needs_what() -> None:
    text = CONFIGURATION.read_text("utf-8")
    for name in (*OAUTH_EXTRA, "microsoft:<tenant>", "`google`", "/.default", "SMTP.Send"):
        assert name in text
