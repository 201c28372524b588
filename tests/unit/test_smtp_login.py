"""An Airflow Connection of type smtp is read as Airflow's own hook reads it."""

from __future__ import annotations

import pytest

from mailticket.errors import ConfigurationError, ConnectionMissing
from mailticket.smtp_login import SmtpLogin, smtp_login_from


def login(**extra: object) -> SmtpLogin:
    return smtp_login_from("mail.example", None, "user", "secret", extra)


def test_without_extras_tls_is_implicit_and_verified() -> None:
    plain = login()
    assert (plain.tls, plain.port, plain.verify, plain.timeout) == ("implicit", 465, True, 30)


@pytest.mark.parametrize(
    ("extra", "tls", "port"),
    [
        ({"disable_ssl": True}, "starttls", 25),
        ({"disable_ssl": True, "disable_tls": True}, "none", 25),
        ({"disable_tls": True}, "implicit", 465),
        ({"disable_ssl": "false", "disable_tls": "False"}, "implicit", 465),
        ({"disable_ssl": "true", "disable_tls": None}, "starttls", 25),
        ({"tls": "starttls"}, "starttls", 25),
        ({"tls": "implicit", "disable_ssl": True}, "implicit", 465),
    ],
)
def test_the_tls_mode_is_what_the_extras_say(extra: dict[str, object], tls: str, port: int) -> None:
    read = login(**extra)
    assert (read.tls, read.port) == (tls, port)


def test_a_port_that_is_given_is_kept() -> None:
    assert smtp_login_from("h", 587, None, None, {"disable_ssl": True}).port == 587


def test_the_other_extras_of_airflows_form_are_understood() -> None:
    read = login(timeout="12", from_email="me@mail.example", ssl_context="none", retry_limit=3)
    assert (read.timeout, read.from_email, read.verify) == (12, "me@mail.example", False)


def test_an_access_token_is_used_with_auth_type_oauth2_alone() -> None:
    assert login(access_token="t").access_token == ""
    assert login(access_token="t", auth_type="oauth2").access_token == "t"
    with pytest.raises(ConnectionMissing, match="access_token"):
        login(auth_type="oauth2")


def test_a_connection_without_host_is_named() -> None:
    with pytest.raises(ConnectionMissing, match="no host"):
        smtp_login_from("", 25, None, None, {})


@pytest.mark.parametrize(
    "extra",
    [
        {"timeout": "soon"},
        {"timeout": -1},
        {"timeout": "nan"},
        {"data_timeout": "inf"},
        {"ssl_context": "maybe"},
        {"disable_ssl": "perhaps"},
        {"tls": "ssl"},
        {"auth_type": "kerberos"},
    ],
)
def test_a_wrong_value_names_its_field_and_what_is_allowed(extra: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        login(**extra)
    (name, value), *_ = extra.items()
    (fault,) = raised.value.faults
    assert fault.field == f"SMTP Connection, Extra {name}"
    assert fault.value == str(value)
    assert fault.allowed


def test_no_secret_is_shown() -> None:
    read = login(auth_type="oauth2", access_token="token-of-mine")
    assert "secret" not in repr(read)
    assert "token-of-mine" not in repr(read)
