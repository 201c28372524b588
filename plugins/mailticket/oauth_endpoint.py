"""Asking a token endpoint: the only file that speaks HTTP (RFC 6749, 4.4, 5 and 6; RFC 7523).

No proxy and no netrc of the environment, no redirect, a bounded answer in a bounded time. A
redirect would hand the client's secret to whoever is named in it.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx  # noqa: TID251  # this is its owner

from mailticket.blanking import blanked
from mailticket.errors import (
    ConfigurationError,
    Fault,
    InsecureConnection,
    MailboxError,
    MailboxUnavailable,
    SignInRefused,
)
from mailticket.mailboxes import tls
from mailticket.mailboxes.server_words import readable
from mailticket.oauth import OAuthClient
from mailticket.oauth_assertion import GRANT_TYPE, assertion

_SECONDS = 20.0
"""For the whole exchange, name look-up included."""
_ANSWER_BYTES = 256 * 1024
_UNKNOWN_LIFE = 300.0
"""Seconds that a token is taken to live where its endpoint does not say (RFC 6749, 5.1)."""
_LONGEST_LIFE = 86400.0
_LONGEST_WAIT = 3600.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_PASSING = {"temporarily_unavailable", "server_error", "slow_down"}
_OK, _TOO_MANY, _SERVER_FAULT = 200, 429, 500
_CURES = {
    "invalid_client": "check client_id and client_secret (the secret may have run out)",
    "unauthorized_client": "allow the application this grant at the provider",
    "invalid_scope": "check scope in the Connection's Extra",
    "unsupported_grant_type": "the provider offers no such grant: choose another",
    "access_denied": "the provider's administrator has to consent",
}
_GRANT_CURES = {
    "refresh_token": "it has run out, was used up or was withdrawn: sign in as the mailbox once "
    "more and put the new refresh_token into the Connection's Extra",
    "service_account": "check that the mailbox exists, that the account may act for it "
    "(domain-wide delegation with this scope), and this machine's clock",
    "client_credentials": "check the application at the provider",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint gave."""

    access_token: str = field(repr=False)
    seconds: float
    """How long it lives from now."""
    refresh_token: str = field(default="", repr=False)
    """A new one, where the provider rotates it; else ``""``."""


def ask(client: OAuthClient, seconds: float = _SECONDS) -> Answer:
    """Fetch a token in so many seconds; not from within a running event loop.

    Raises ``SignInRefused`` (not to be repeated quickly), ``MailboxUnavailable`` (it may pass;
    ``retry_after`` as the endpoint asked), ``InsecureConnection``, ``ConfigurationError``.
    """
    form = _form(client, time.time())
    context = _context(client)
    try:
        return asyncio.run(_exchange(client, form, context, seconds))
    except (TimeoutError, httpx.TimeoutException):
        raise _out_of_reach(client, f"did not answer within {seconds:g} s") from None
    except httpx.HTTPError as error:
        raise _unreached(client, error) from None


def _form(client: OAuthClient, now: float) -> dict[str, str]:
    match client.grant:
        case "client_credentials":
            form = {"grant_type": "client_credentials"}
        case "refresh_token":
            form = {"grant_type": "refresh_token", "refresh_token": client.refresh_token}
        case "service_account":
            return {"grant_type": GRANT_TYPE, "assertion": assertion(client, now)}
    form |= {"client_id": client.client_id, "client_secret": client.client_secret}
    return {name: value for name, value in (form | {"scope": client.scope}).items() if value}


def _context(client: OAuthClient) -> ssl.SSLContext:
    """Trust the system's authorities, and beside them the Connection's own."""
    context = ssl.create_default_context()
    if not client.ca:
        return context
    pem = "-----BEGIN" in client.ca
    try:
        context.load_verify_locations(
            cafile=None if pem else client.ca, cadata=client.ca if pem else None
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        fault = Fault("", "Connection Extra: ca", "…", f"a readable PEM file, or PEM text ({why})")
        raise ConfigurationError(fault) from None
    return context


async def _exchange(
    client: OAuthClient, form: dict[str, str], context: ssl.SSLContext, seconds: float
) -> Answer:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(
            verify=context, trust_env=False, follow_redirects=False, timeout=seconds
        ) as http,
        http.stream("POST", client.token_url, data=form, headers=headers) as response,
    ):
        said = b""
        async for piece in response.aiter_raw():
            said += piece
            if len(said) > _ANSWER_BYTES:
                raise _out_of_reach(client, f"answers with more than {_ANSWER_BYTES} bytes")
        return _read(client, response.status_code, response.headers, said)


# -- what it answered ------------------------------------------------------------------------------


def _read(client: OAuthClient, status: int, headers: Mapping[str, str], said: bytes) -> Answer:
    fields = _fields(said)
    if status != _OK or not fields or "error" in fields:
        raise _refusal(client, status, headers, fields)
    token, kind = fields.get("access_token"), str(fields.get("token_type") or "Bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or kind.lower() != "bearer":
        raise SignInRefused(
            f"the token endpoint {client.server} answers without a bearer token: check token_url"
        )
    rotated = fields.get("refresh_token")
    if not isinstance(rotated, str) or not _TOKEN.fullmatch(rotated):
        rotated = ""
    return Answer(token, _life(fields.get("expires_in")), rotated)


def _fields(said: bytes) -> dict[str, object]:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _life(written: object) -> float:
    """Read ``expires_in``; some write the number as text."""
    try:
        seconds = float(str(written))
    except ValueError:
        return _UNKNOWN_LIFE
    return min(seconds, _LONGEST_LIFE) if seconds > 0 else _UNKNOWN_LIFE


def _refusal(
    client: OAuthClient, status: int, headers: Mapping[str, str], fields: Mapping[str, object]
) -> MailboxError:
    code = readable(str(fields.get("error") or ""), 100)
    told = _blanked(client, readable(str(fields.get("error_description") or "").split("\n")[0]))
    said = ": ".join(part for part in (code, told) if part) or f"HTTP {status}"
    if status == _TOO_MANY or status >= _SERVER_FAULT or code in _PASSING:
        wait = retry_after(headers.get("retry-after"), datetime.now(UTC))
        asked = f"; it asks for {wait:g} s" if wait else ""
        return MailboxUnavailable(
            f"the token endpoint {client.server} cannot give a token now ({said}){asked}", wait
        )
    if not code:
        return SignInRefused(
            f"the token endpoint {client.server} does not answer as one (HTTP {status}): "
            f"check token_url in the Connection's Extra"
        )
    cure = _CURES.get(code) or _GRANT_CURES[client.grant]
    return SignInRefused(f"the token endpoint {client.server} refuses ({said}): {cure}")


def _blanked(client: OAuthClient, words: str) -> str:
    return blanked(words, client.secrets)


def retry_after(written: str | None, now: datetime) -> float | None:
    """Read ``Retry-After`` (RFC 9110, 10.2.3), seconds or a date; an hour at most."""
    if not written:
        return None
    if written.strip().isdecimal():
        return float(min(int(written.strip()[:9]), _LONGEST_WAIT))
    try:
        until = parsedate_to_datetime(written)
        seconds = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds.total_seconds(), 0.0), _LONGEST_WAIT) or None


# -- out of reach ----------------------------------------------------------------------------------


def _out_of_reach(client: OAuthClient, what: str) -> MailboxUnavailable:
    return MailboxUnavailable(
        f"the token endpoint {client.server} {what}: check token_url and the network"
    )


def _unreached(client: OAuthClient, error: Exception) -> MailboxError:
    """Say why there was no answer: httpx hides the socket's own error below its own."""
    below: BaseException | None = error
    seen = 0
    while below is not None and seen < 10:  # noqa: PLR2004  no chain is longer
        if isinstance(below, ssl.SSLError):
            return InsecureConnection(f"token endpoint: {tls.explain(below, client)}")
        if isinstance(below, socket.gaierror):
            return _out_of_reach(client, f"is not found ({below.strerror})")
        if isinstance(below, ConnectionRefusedError):
            return _out_of_reach(client, "refuses the connection")
        below, seen = below.__cause__ or below.__context__, seen + 1
    return _out_of_reach(client, f"broke off ({readable(str(error)) or type(error).__name__})")
