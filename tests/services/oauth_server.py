"""A real OAuth 2 server on loopback: issues, expires, rotates and refuses tokens, behind TLS."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt  # noqa: TID251 -- it verifies what ours signs
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.ports import LOOPBACK, free_ports
from services.certificates import Certificate

CLIENT, SECRET = "app-1", "client-secret-9c1f"
FIRST_REFRESH = "refresh-token-0-7d42"


@cache
def _service_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class OAuthServer:
    """Start it to answer on ``token_url``; Dovecot asks ``introspection_url`` about tokens."""

    certificate: Certificate
    mailbox: str = "anna"
    """Whose tokens these are."""
    life: object = 3600
    """``expires_in`` of what is issued; None: not said."""
    rotates: bool = True
    """Give a new refresh token each time, and take each one once."""
    grace: bool = False
    """Answer a used refresh token once more with the same new one, as some providers do."""
    delay: float = 0
    """Seconds before an answer."""
    answer: web.Response | None = None
    """Given instead of anything else."""
    forms: list[dict[str, str]] = field(default_factory=list)
    """What was asked, in order."""
    live: dict[str, str] = field(default_factory=dict)
    """Access token → mailbox, of those that have not expired."""
    issued: list[str] = field(default_factory=list)
    """Every secret that was ever given out."""
    refresh: dict[str, str] = field(default_factory=lambda: {FIRST_REFRESH: ""})
    """Refresh token → what it was exchanged for, ``""`` while unused."""
    revoked: bool = False
    """True once a used refresh token came a second time: the whole family is dead."""
    port: int = field(default_factory=lambda: free_ports(1)[0])
    plain_port: int = field(default_factory=lambda: free_ports(1)[0])
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _runner: web.AppRunner | None = None
    _key: rsa.RSAPrivateKey = field(default_factory=_service_key)

    @property
    def token_url(self) -> str:
        return f"https://localhost:{self.port}/token"

    @property
    def introspection_url(self) -> str:
        return f"http://{LOOPBACK}:{self.plain_port}/introspect"

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    def stop(self) -> None:
        if self._runner:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
            self._runner = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread:
            self._thread.join(10)

    def expire(self) -> None:
        """Let every access token that was issued so far expire."""
        self.live.clear()

    def service_account(self) -> dict[str, str]:
        """Write the key file of a service account, as Google's console does."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        return {
            "type": "service_account",
            "client_email": "robot@project.iam.example",
            "private_key_id": "key-1",
            "private_key": pem,
            "token_uri": self.token_url,
        }

    @property
    def secrets(self) -> list[str]:
        """Everything that nobody may ever read anywhere."""
        key = self.service_account()["private_key"].splitlines()[3]
        return [SECRET, FIRST_REFRESH, key, *self.issued]

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post("/introspect", self._introspect)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        await web.TCPSite(self._runner, LOOPBACK, self.port, ssl_context=context).start()
        await web.TCPSite(self._runner, LOOPBACK, self.plain_port).start()

    async def _introspect(self, request: web.Request) -> web.Response:
        form = await request.post()
        user = self.live.get(str(form.get("token")))
        return web.json_response({"active": bool(user), "username": user or ""})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.answer is not None:
            said = self.answer
            return web.Response(status=said.status, headers=said.headers.copy(), body=said.body)
        if form["grant_type"].endswith("jwt-bearer"):
            return self._by_assertion(form)
        if form.get("client_id") != CLIENT or form.get("client_secret", SECRET) != SECRET:
            return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        if form["grant_type"] == "client_credentials":
            return self._give({}, self.mailbox)
        return self._by_refresh_token(form["refresh_token"])

    def _by_assertion(self, form: Mapping[str, str]) -> web.Response:
        try:
            claims = jwt.decode(
                form["assertion"],
                self._key.public_key(),
                ["RS256"],
                audience=self.token_url,
                issuer="robot@project.iam.example",
            )
        except jwt.PyJWTError as error:
            return _refused("invalid_grant", f"Invalid JWT: {error}")
        return self._give({}, claims["sub"])

    def _by_refresh_token(self, token: str) -> web.Response:
        used = self.refresh.get(token)
        if used is None or self.revoked or (used and not self.grace):
            self.revoked = self.revoked or bool(used)
            return _refused("invalid_grant", "AADSTS700082: The refresh token has expired.")
        if not self.rotates:
            return self._give({}, self.mailbox)
        rotated = used or self._secret("refresh")
        self.refresh |= {token: rotated, rotated: self.refresh.get(rotated, "")}
        return self._give({"refresh_token": rotated}, self.mailbox)

    def _give(self, more: Mapping[str, str], mailbox: str) -> web.Response:
        token = self._secret("access")
        self.live[token] = mailbox
        fields: dict[str, object] = {"access_token": token, "token_type": "Bearer", **more}
        if self.life is not None:
            fields["expires_in"] = self.life
        return web.json_response(fields)

    def _secret(self, kind: str) -> str:
        made = f"{kind}-token-{next(self._numbers)}-5e0b"
        self.issued.append(made)
        return made


def _refused(error: str, description: str) -> web.Response:
    said = {"error": error, "error_description": f"{description}\r\nTrace ID: 1"}
    return web.json_response(said, status=401 if error == "invalid_client" else 400)
