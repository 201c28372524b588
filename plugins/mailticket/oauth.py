"""Who asks for an access token, where and how: the OAuth fields of an Extra, validated (SPEC 1.1).

Three grants: client credentials (RFC 6749, 4.4), refresh token (RFC 6749, 6) and a service account
that signs an assertion (RFC 7523). Nothing is asked here; that is ``oauth_endpoint.py``'s.
"""

from __future__ import annotations

import ipaddress
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from mailticket.errors import ConfigurationError, Fault

Grant = Literal["client_credentials", "refresh_token", "service_account"]
Use = Literal["imap", "pop3", "smtp"]

OAUTH_EXTRA = (
    "token_url",
    "client_id",
    "client_secret",
    "refresh_token",
    "scope",
    "service_account",
)
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_MICROSOFT_HOST = "login.microsoftonline.com"
_GOOGLE = "https://oauth2.googleapis.com/token"
_GOOGLE_SCOPE = "https://mail.google.com/"
_MICROSOFT_SCOPES: dict[Use, str] = {
    "imap": "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    "pop3": "https://outlook.office.com/POP.AccessAsUser.All offline_access",
    "smtp": "https://outlook.office.com/SMTP.Send offline_access",
}
_MICROSOFT_OWN_SCOPE = "https://outlook.office365.com/.default"
_LONGEST = 32 * 1024


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account's key file, as Google's console gives it."""

    email: str
    private_key: str = field(repr=False)
    """PEM."""
    key_id: str
    token_url: str


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """All that one request for a token needs; secrets are never shown by ``repr``."""

    grant: Grant
    token_url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    """As the Connection has it; a provider may have rotated it since."""
    scope: str = ""
    service_account: ServiceAccount | None = None
    subject: str = ""
    """The mailbox for which a service account asks."""
    ca: str = field(default="", repr=False)
    """An authority beside the system's: path of a PEM file, or PEM text."""

    @property
    def server(self) -> str:
        """Name the endpoint as errors do: its host, and its port where that is not 443."""
        parts = urlsplit(self.token_url)
        return parts.hostname or "" if parts.port is None else f"{parts.hostname}:{parts.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give what must never be shown."""
        key = self.service_account.private_key if self.service_account else ""
        return tuple(one for one in (self.client_secret, self.refresh_token, key) if one)


class _Extra:
    """The fields of one Extra, and what is wrong with them."""

    def __init__(self, extra: Mapping[str, object], where: str) -> None:
        self._extra, self._where = extra, where
        self.faults: list[Fault] = []

    def wrong(self, name: str, value: str, allowed: str) -> None:
        """Note a fault; secrets are given as ``…``."""
        self.faults.append(Fault("", f"{self._where}: {name}", value, allowed))

    def text(self, name: str) -> str:
        """Read one line of text; anything else is a fault."""
        value = self._extra.get(name)
        if value is None or value == "":
            return ""
        shown = isinstance(value, str) and name in {"token_url", "scope"}
        if not isinstance(value, str) or len(value) > _LONGEST or not _one_line(value):
            self.wrong(name, str(value)[:100] if shown else "…", "one line of text")
            return ""
        return value.strip()

    def raw(self, name: str) -> object:
        """Give a field as it is."""
        return self._extra.get(name)


def client_from(
    extra: Mapping[str, object], login: str, use: Use, where: str = "Connection Extra"
) -> OAuthClient | None:
    """Read the OAuth fields of an Extra; ``None`` where there are none.

    ``login`` is the mailbox. Raises ``ConfigurationError`` with a fault for each wrong field.
    """
    if not any(extra.get(name) for name in OAUTH_EXTRA):
        return None
    read = _Extra(extra, where)
    account = _service_account(read)
    token_url = _token_url(read, account)
    grant = _grant(read, account)
    client = OAuthClient(
        grant=grant,
        token_url=token_url,
        client_id=read.text("client_id"),
        client_secret=read.text("client_secret"),
        refresh_token=read.text("refresh_token"),
        scope=read.text("scope") or _scope(token_url, grant, use),
        service_account=account,
        subject=login,
        ca=str(extra.get("ca") or ""),
    )
    _require(read, client)
    if read.faults:
        raise ConfigurationError(*read.faults)
    return client


def _one_line(value: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cs"} for char in value)


def _grant(read: _Extra, account: ServiceAccount | None) -> Grant:
    if not account and not read.raw("service_account"):
        return "refresh_token" if read.text("refresh_token") else "client_credentials"
    for other in ("refresh_token", "client_secret"):
        if read.raw(other):
            read.wrong(other, "…", "not together with service_account")
    return "service_account"


def _require(read: _Extra, client: OAuthClient) -> None:
    """Say what a grant lacks; a public client's refresh token needs no secret."""
    needed = {
        "client_credentials": ("token_url", "client_id", "client_secret"),
        "refresh_token": ("token_url", "client_id"),
        "service_account": (),
    }[client.grant]
    for name in needed:
        if not read.raw(name):
            read.wrong(name, "(none)", f"needed to fetch a token ({client.grant})")
    if client.grant == "client_credentials" and urlsplit(client.token_url).path.startswith(
        ("/organizations/", "/common/")
    ):
        read.wrong("token_url", "microsoft", "with client credentials: microsoft:<tenant>")


# -- where -----------------------------------------------------------------------------------------


def _token_url(read: _Extra, account: ServiceAccount | None) -> str:
    written = read.text("token_url")
    if not written:
        return account.token_url if account else ""
    preset, _, tenant = written.partition(":")
    if preset.lower() == "google" and not tenant:
        return _GOOGLE
    if preset.lower() == "microsoft":
        tenant = tenant.strip() or "organizations"
        if all(char.isascii() and (char.isalnum() or char in ".-") for char in tenant):
            return _MICROSOFT.format(tenant=tenant)
    elif is_safe(written):
        return written
    read.wrong("token_url", written[:200], "microsoft:<tenant>, google, or an https:// URL")
    return ""


def is_safe(url: str) -> bool:
    """Tell whether secrets may be sent there: by https, or to this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username or parts.password or parts.fragment or not url.isascii():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _scope(token_url: str, grant: Grant, use: Use) -> str:
    """Give the scope that a provider of ours wants; RFC 6749, 6: none means what was granted."""
    if urlsplit(token_url).hostname == _MICROSOFT_HOST:
        return _MICROSOFT_OWN_SCOPE if grant == "client_credentials" else _MICROSOFT_SCOPES[use]
    return _GOOGLE_SCOPE if grant == "service_account" else ""


# -- service account -------------------------------------------------------------------------------


def _service_account(read: _Extra) -> ServiceAccount | None:
    """Read the key file: an object, its JSON text, or the path of a file that holds it."""
    written = read.raw("service_account")
    if not written:
        return None
    allowed = "a service account's key: its JSON, or the absolute path of the file"
    fields = _key_file(
        written, lambda why: read.wrong("service_account", "…", f"{allowed} ({why})")
    )
    if fields is None:
        return None
    found = {name: str(fields.get(name) or "") for name in ("client_email", "private_key")}
    if lacking := [name for name, value in found.items() if not value]:
        read.wrong("service_account", "…", f"{allowed} (it has no {', no '.join(lacking)})")
        return None
    token_url = str(fields.get("token_uri") or _GOOGLE)
    if not is_safe(token_url):
        read.wrong("service_account", "…", f"{allowed} (its token_uri is no https:// URL)")
    key_id = str(fields.get("private_key_id") or "")
    return ServiceAccount(found["client_email"], found["private_key"], key_id, token_url)


def _key_file(written: object, wrong: Callable[[str], None]) -> Mapping[str, object] | None:
    if isinstance(written, str) and written.startswith("/"):
        try:
            written = Path(written).read_text("utf-8")
        except (OSError, ValueError) as error:
            wrong(getattr(error, "strerror", None) or "it is not readable")
            return None
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            wrong("it is not JSON")
            return None
    if isinstance(written, Mapping):
        return written
    wrong("it is not an object")
    return None
