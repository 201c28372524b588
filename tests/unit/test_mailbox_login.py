"""What a Connection and its Extra may say, and how wrong values are named."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.errors import ConfigurationError, ConnectionMissing
from mailticket.mailboxes.login import MailboxLogin, login_from, with_options, with_pop3_auth


def read(
    extra: dict[str, Any] | None = None, protocol: Any = "imap", **fields: Any
) -> MailboxLogin:
    usual = {"host": "Mail.example", "port": None, "login": "anna", "password": "s3cret"} | fields
    return login_from(*usual.values(), extra or {}, protocol)


@pytest.mark.parametrize(
    ("protocol", "tls", "port"),
    [
        ("imap", "implicit", 993),
        ("imap", "starttls", 143),
        ("imap", "none", 143),
        ("pop3", "implicit", 995),
        ("pop3", "STARTTLS", 110),
    ],
)
def test_the_port_follows_from_protocol_and_tls(protocol: str, tls: str, port: int) -> None:
    assert read({"tls": tls}, protocol).port == port
    assert read({"tls": tls}, protocol, port=1143).port == 1143


def test_tls_from_the_first_byte_and_verification_are_the_default() -> None:
    assert (read().tls, read().verify, read().auth) == ("implicit", True, "password")


def test_secrets_are_not_shown() -> None:
    login = read({"client_key": "k3y", "client_cert": "c3rt"})
    assert "s3cret" not in repr(login)
    assert "k3y" not in repr(login)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"tls": "ssl3"}, ["Extra: tls = ssl3", "implicit, starttls, none"]),
        ({"auth": "NTLM"}, ["Extra: auth = NTLM", "CRAM-MD5"]),
        ({"client_secrt": "hush"}, ["client_secrt", "is it client_secret?"]),
        ({"client_key": "key.pem"}, ["only together with client_cert"]),
        ({"ca": 5}, ["Extra: ca", "PEM"]),
    ],
)
def test_a_wrong_extra_is_named_with_what_is_allowed(
    extra: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(extra)
    assert all(word in str(caught.value) for word in words)
    assert "hush" not in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read({"tls": "x", "auth": "y", "z": 1})
    assert len(caught.value.faults) == 3


def test_what_the_connection_lacks_is_told() -> None:
    with pytest.raises(ConnectionMissing, match="no host, no password"):
        read(host=None, password=" ")


def test_a_token_needs_no_password() -> None:
    assert read({"auth": "xoauth2"}, password=None).auth == "XOAUTH2"


@pytest.mark.parametrize("password", ["a\r\nb", "a\0b", "a\ud800b"])
def test_a_password_that_would_be_a_second_command_is_refused(password: str) -> None:
    with pytest.raises(ConfigurationError):
        read(password=password)


@pytest.mark.parametrize(("protocol", "right"), [("pop3", True), ("imap", False)])
def test_apop_is_for_pop3_only(protocol: str, right: bool) -> None:
    if right:
        assert read({"auth": "apop"}, protocol).auth == "APOP"
        return
    with pytest.raises(ConfigurationError):
        read({"auth": "apop"}, protocol)


def test_options_switch_verification_off_and_the_dialogue_on() -> None:
    login = with_options(read(), ["imap", "ssl", "novalidate-cert", "debug"])
    assert (login.verify, login.dialogue) == (False, True)


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ({"tls": "none"}, ["ssl"]),
        ({}, ["tls"]),
        ({"tls": "starttls"}, ["notls"]),
        ({"tls": "none"}, ["secure"]),
        ({}, ["validate-cert", "novalidate-cert"]),
    ],
)
def test_an_option_that_contradicts_the_connection_is_a_fault(
    extra: dict[str, Any], options: list[str]
) -> None:
    with pytest.raises(ConfigurationError, match="imap_options"):
        with_options(read(extra), options)


def test_the_pop3_option_chooses_the_way_to_sign_in() -> None:
    assert with_pop3_auth(read(None, "pop3"), "APOP").auth == "APOP"
    assert with_pop3_auth(read({"auth": "CRAM-MD5"}, "pop3"), "USER").auth == "CRAM-MD5"


def test_a_pop3_option_that_contradicts_the_connection_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match="pop3_auth_option = APOP"):
        with_pop3_auth(read({"auth": "PLAIN"}, "pop3"), "APOP")
