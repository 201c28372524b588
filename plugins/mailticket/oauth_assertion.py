"""The assertion by which a service account asks for a token (RFC 7523): who signs it, for whom."""

from __future__ import annotations

import jwt  # noqa: TID251  # this is its owner

from mailticket.errors import ConfigurationError, Fault
from mailticket.oauth import OAuthClient

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_SECONDS = 600
_SKEW_SECONDS = 30
"""How far this machine's clock may be ahead of the endpoint's."""


def assertion(client: OAuthClient, now: float) -> str:
    """Sign what names account and mailbox with RS256; ``now`` in seconds of the epoch."""
    account = client.service_account
    assert account is not None
    claims = {
        "iss": account.email,
        "sub": client.subject,
        "scope": client.scope,
        "aud": client.token_url,
        "iat": int(now) - _SKEW_SECONDS,
        "exp": int(now) + _LIFE_SECONDS,
    }
    headers = {"kid": account.key_id} if account.key_id else None
    try:
        return jwt.encode(claims, account.private_key, "RS256", headers)
    except (jwt.PyJWTError, ValueError, TypeError):
        allowed = "a service account's key, whose private_key is RSA in PEM"
        raise ConfigurationError(
            Fault("", "Connection Extra: service_account", "…", allowed)
        ) from None
