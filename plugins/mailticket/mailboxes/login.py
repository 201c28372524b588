"""How to reach a mailbox: what an Airflow Connection and its Extra say, validated (SPEC 1.1)."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mailticket.errors import ConfigurationError, ConnectionMissing, Fault
from mailticket.keeper import Keeper
from mailticket.mailboxes.limits import EXTRA as LIMITS
from mailticket.mailboxes.limits import Limits, limits_from
from mailticket.oauth import OAUTH_EXTRA, OAuthClient, client_from

MailProtocol = Literal["imap", "pop3"]
Tls = Literal["implicit", "starttls", "none"]

_PORTS = {("imap", True): 993, ("imap", False): 143, ("pop3", True): 995, ("pop3", False): 110}
_TLS: dict[str, Tls] = {"implicit": "implicit", "starttls": "starttls", "none": "none"}
_IMAP_AUTH = ("password", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")
_AUTH: dict[str, tuple[str, ...]] = {
    "imap": _IMAP_AUTH,
    "pop3": ("password", "APOP", *_IMAP_AUTH[1:]),
}
_EXTRA = ("tls", "auth", *OAUTH_EXTRA, "ca", "client_cert", "client_key", *LIMITS)
# The stock connection form of Airflow's imap provider adds these by itself; they mean nothing here.
_STOCK_EXTRA = {"use_ssl", "ssl_context"}


@dataclass(frozen=True, slots=True)
class MailboxLogin:
    """A server, a way to it, and who signs in; secrets are never shown by ``repr``."""

    host: str
    port: int
    login: str
    password: str = field(default="", repr=False)
    tls: Tls = "implicit"
    auth: str = "password"
    """``password``, or a SASL mechanism in capitals; POP3 also ``APOP``."""
    ca: str = field(default="", repr=False)
    """Path of a PEM file, or PEM text; ``""``: the system's authorities."""
    client_cert: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    verify: bool = True
    timeout: float = 10
    """Seconds for each address until it is connected, and for the server's greeting."""
    read_timeout: float = 60
    """Seconds without a byte after which the server counts as gone."""
    token: str = field(default="", repr=False)
    """Bearer token of XOAUTH2, fetched by the caller."""
    dialogue: bool = False
    """Log the protocol's dialogue, secrets blanked."""
    protocol: MailProtocol = "imap"
    limits: Limits = field(default_factory=Limits)
    """How many sessions inboxes on this server may have at a time."""
    oauth: OAuthClient | None = None
    """By which a token is fetched, with XOAUTH2."""
    keeper: Keeper | None = field(default=None, repr=False, compare=False)
    """Asked before each sign-in; None: every sign-in is tried at once, with ``token``."""

    @property
    def server(self) -> str:
        """Name the server as ``Place.server`` does: ``mail.example:993``."""
        return f"{self.host.lower()}:{self.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give what must never be shown."""
        return tuple(secret for secret in (self.password, self.token) if secret)


def login_from(  # noqa: PLR0917 - the fields of an Airflow Connection
    host: str | None,
    port: int | None,
    login: str | None,
    password: str | None,
    extra: Mapping[str, object],
    protocol: MailProtocol,
) -> MailboxLogin:
    """Read a Connection's fields; raises ``ConnectionMissing`` or ``ConfigurationError``."""
    _require(host, login, password, extra)
    faults = [*_unknown(extra), *_mistyped(extra), *_unsendable(login, password)]
    tls = _choice(extra, "tls", _TLS, "implicit", faults)
    auths = {name.upper(): name for name in _AUTH[protocol]} | {"USER": "password"}
    auth = _choice(extra, "auth", auths, "password", faults)
    host = (host or "").strip()
    bounds = limits_from(host, extra, faults)
    if not host.isprintable() or any(mark in host for mark in "/@ "):
        faults.append(Fault("", "Connection: host", host, "a bare host name such as mail.example"))
    try:
        oauth = client_from(extra, login or "", protocol)
    except ConfigurationError as error:
        oauth = None
        faults += error.faults
    if faults:
        raise ConfigurationError(*faults)
    return MailboxLogin(
        host=host,
        port=port or _PORTS[protocol, tls == "implicit"],
        login=login or "",
        password=password or "",
        tls=_TLS[tls],
        auth=auth,
        ca=str(extra.get("ca") or ""),
        client_cert=str(extra.get("client_cert") or ""),
        client_key=str(extra.get("client_key") or ""),
        protocol=protocol,
        limits=bounds,
        oauth=oauth,
    )


def with_options(login: MailboxLogin, options: Iterable[str]) -> MailboxLogin:
    """Apply ``imap_options`` (SPEC 1.3); one that contradicts the Connection is a fault."""
    words = set(options)
    faults = [_contradiction(word, login) for word in words if _contradicts(word, login)]
    if {"validate-cert", "novalidate-cert"} <= words:
        faults.append(
            Fault("", "imap_options", "validate-cert, novalidate-cert", "one of the two at most")
        )
    if faults:
        raise ConfigurationError(*faults)
    return replace(
        login, verify="novalidate-cert" not in words, dialogue=login.dialogue or "debug" in words
    )


def with_pop3_auth(login: MailboxLogin, option: str) -> MailboxLogin:
    """Apply ``pop3_auth_option`` (SPEC 1.3); another way in the Connection's Extra is a fault."""
    if option == "USER":
        return login
    if login.auth not in {"password", option}:
        allowed = f"not with auth = {login.auth} in the Connection's Extra"
        raise ConfigurationError(Fault("", "pop3_auth_option", option, allowed))
    return replace(login, auth=option)


def _contradicts(word: str, login: MailboxLogin) -> bool:
    return {
        "ssl": login.tls != "implicit",
        "tls": login.tls != "starttls",
        "notls": login.tls == "starttls",
        # "secure" forbids a password in clear: neither TLS nor a challenge hides it.
        "secure": login.tls == "none" and login.auth in {"password", "PLAIN", "LOGIN", "XOAUTH2"},
    }.get(word, False)


def _contradiction(word: str, login: MailboxLogin) -> Fault:
    allowed = {
        "ssl": "only with tls = implicit in the Connection's Extra",
        "tls": "only with tls = starttls in the Connection's Extra",
        "notls": "not with tls = starttls in the Connection's Extra",
        "secure": f"not with tls = none and auth = {login.auth} in the Connection's Extra",
    }[word]
    return Fault("", "imap_options", word, allowed)


def _require(
    host: str | None, login: str | None, password: str | None, extra: Mapping[str, object]
) -> None:
    """Say all that the Connection lacks; XOAUTH2 needs no password."""
    with_token = str(extra.get("auth", "")).upper() == "XOAUTH2"
    lacking = [
        name
        for name, value in (("host", host), ("login", login), ("password", password))
        if not (value or "").strip() and not (name == "password" and with_token)
    ]
    if lacking:
        raise ConnectionMissing(f"the Connection has no {', no '.join(lacking)}: fill it in")


def _unknown(extra: Mapping[str, object]) -> list[Fault]:
    faults = []
    for name in extra:
        if name in _EXTRA or name in _STOCK_EXTRA:
            continue
        near = difflib.get_close_matches(name, _EXTRA, 1)
        hint = f"is it {near[0]}?" if near else f"one of {', '.join(_EXTRA)}"
        # The value of a misspelt client_secret is still a secret: never shown.
        faults.append(Fault("", f"Connection Extra: {name}", "…", f"an unknown field: {hint}"))
    return faults


def _mistyped(extra: Mapping[str, object]) -> list[Fault]:
    """Find certificates that are no text, and a key without its certificate."""
    faults = [
        Fault("", f"Connection Extra: {name}", "…", "the path of a PEM file, or PEM text")
        for name in ("ca", "client_cert", "client_key")
        if not isinstance(extra.get(name) or "", str)
    ]
    if extra.get("client_key") and not extra.get("client_cert"):
        faults.append(
            Fault("", "Connection Extra: client_key", "…", "only together with client_cert")
        )
    return faults


def _unsendable(login: str | None, password: str | None) -> list[Fault]:
    """Refuse line breaks and NUL, which would be commands of their own on the wire."""
    return [
        Fault("", f"Connection: {name}", "…", "no line break, NUL or other control character")
        for name, value in (("login", login or ""), ("password", password or ""))
        if any(unicodedata.category(char) in {"Cc", "Cs"} for char in value)
    ]


def _choice(
    extra: Mapping[str, object],
    name: str,
    choices: Mapping[str, str],
    default: str,
    faults: list[Fault],
) -> str:
    """Read one word, whatever its case; a wrong one goes to the faults."""
    written = str(extra.get(name) or default)
    by_case = {key.casefold(): value for key, value in choices.items()}
    if found := by_case.get(written.casefold()):
        return found
    allowed = ", ".join(dict.fromkeys(choices.values()))
    faults.append(Fault("", f"Connection Extra: {name}", written, f"one of {allowed}"))
    return default
