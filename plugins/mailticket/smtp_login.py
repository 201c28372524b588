"""Where mail is handed in and as whom: an Airflow Connection of type ``smtp``, read.

It means what it means to Airflow's own SmtpHook (provider smtp 3.2), but for three things: with
``ssl_context`` unset the certificate is verified in every TLS mode, TLS is not asked for inside of
TLS (the hook's default does), and ``retry_limit`` is not read, since retries are the outbox's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mailticket.errors import ConfigurationError, ConnectionMissing, Fault
from mailticket.keeper import Keeper
from mailticket.oauth import OAUTH_EXTRA, OAuthClient, client_from

Tls = Literal["implicit", "starttls", "none"]

_PORTS: dict[Tls, int] = {"implicit": 465, "starttls": 25, "none": 25}  # as smtplib's
_LONGEST_WAIT = 3600  # seconds
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("", "false", "0", "no", "off", "none")


@dataclass(frozen=True, slots=True)
class SmtpLogin:
    """Where to hand mail in, and as whom."""

    host: str
    port: int
    login: str = ""
    password: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    """With one, the sign-in is XOAUTH2 and the password unused."""
    oauth: OAuthClient | None = None
    """By which a token is fetched, where none is given."""
    keeper: Keeper | None = field(default=None, repr=False, compare=False)
    """Asked before each sign-in; None: every sign-in is tried at once."""
    tls: Tls = "implicit"
    verify: bool = True
    ca: str = ""
    """A file of CA certificates, or the PEM text itself; ``""``: the system's."""
    timeout: float = 30
    """Seconds for the connection and for each answer but the one to a whole mail."""
    data_timeout: float = 300
    """Seconds for a whole mail, and for its answer: giving up early sends a mail twice.

    RFC 5321, 4.5.3.2.6 says ten minutes; half of that keeps a dead server from blocking a task.
    """
    from_email: str = ""
    """Stands in as envelope sender where the server refuses the null sender."""

    @property
    def server(self) -> str:
        """Name the server as errors do."""
        return f"{self.host}:{self.port}"


def smtp_login_from(
    host: str | None,
    port: int | None,
    login: str | None,
    password: str | None,
    extra: Mapping[str, object],
) -> SmtpLogin:
    """Read an Airflow Connection of type ``smtp``; ``extra`` is its Extra, decoded.

    As Airflow's: ``disable_ssl``, ``disable_tls``, ``timeout``, ``from_email``, ``ssl_context``
    (``none``: not verified), ``auth_type`` with ``access_token``, or with ``client_id``,
    ``client_secret``, ``tenant_id`` and ``scope``. Ours: ``tls``, which goes before the two
    ``disable_…``, ``ca``, ``data_timeout``, ``token_url``, ``refresh_token``, ``service_account``.
    """
    if not host:
        raise ConnectionMissing("the SMTP Connection has no host")
    tls = _tls(extra)
    token = _access_token(extra)
    oauth = None if token else _oauth(extra, login or str(extra.get("from_email") or ""))
    return SmtpLogin(
        host=host,
        port=port or _PORTS[tls],
        login=login or "",
        password=password or "",
        access_token=token,
        oauth=oauth,
        tls=tls,
        verify=_choice(extra, "ssl_context", ("default", "none")) != "none",
        ca=str(extra.get("ca") or ""),
        timeout=_seconds(extra, "timeout", 30),
        data_timeout=_seconds(extra, "data_timeout", 300),
        from_email=str(extra.get("from_email") or ""),
    )


def _tls(extra: Mapping[str, object]) -> Tls:
    match _choice(extra, "tls", ("", "implicit", "starttls", "none")):
        case "implicit":
            return "implicit"
        case "starttls":
            return "starttls"
        case "none":
            return "none"
    if not _switch(extra, "disable_ssl"):
        return "implicit"
    return "none" if _switch(extra, "disable_tls") else "starttls"


def _access_token(extra: Mapping[str, object]) -> str:
    if _choice(extra, "auth_type", ("basic", "oauth2")) != "oauth2":
        return ""
    return str(extra.get("access_token") or "")


def _oauth(extra: Mapping[str, object], login: str) -> OAuthClient | None:
    """Say how a token is fetched, Airflow's own ``tenant_id`` included."""
    if _choice(extra, "auth_type", ("basic", "oauth2")) != "oauth2":
        return None
    given = {name: extra.get(name) for name in (*OAUTH_EXTRA, "ca")}
    tenant = extra.get("tenant_id")
    if tenant and not given["token_url"]:
        given["token_url"] = f"microsoft:{tenant}"
    client = client_from(given, login, "smtp", "SMTP Connection, Extra")
    if client is None:
        raise ConnectionMissing(
            "the SMTP Connection: auth_type oauth2 needs an access_token, or token_url with "
            "client_id and client_secret, refresh_token or service_account"
        )
    return client


def _choice(extra: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str:
    """Read one of ``allowed``; the first is the default."""
    value = str(extra.get(name) or allowed[0]).lower()
    if value not in allowed:
        raise _wrong(name, value, "one of " + ", ".join(a for a in allowed if a))
    return value


def _switch(extra: Mapping[str, object], name: str) -> bool:
    """Read a boolean; people write them into JSON as text, too, and "false" is not true."""
    value = extra.get(name)
    text = "" if value is None else str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise _wrong(name, text, "true or false")
    return text in _TRUE


def _seconds(extra: Mapping[str, object], name: str, default: float) -> float:
    value = extra.get(name)
    if value is None or value == "":
        return default
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST_WAIT:
        raise _wrong(name, str(value), "a number of seconds, more than 0, at most 3600")
    return seconds


def _wrong(name: str, value: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(Fault("", f"SMTP Connection, Extra {name}", value[:100], allowed))
