"""A real SMTP server on loopback that keeps what it takes, and can be slow, full or gone."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from demo.ports import LOOPBACK, free_ports

Answer = Callable[[str, bytes], str]
"""Given recipient and content: what the server answers, "" to take it, "die" to hang up."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail that was taken: its envelope and its bytes."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)  # type: ignore[return-value]

    @property
    def message_id(self) -> str:
        return str(email.message_from_bytes(self.raw)["Message-ID"]).strip("<>")

    @property
    def original(self) -> bytes:
        """The bytes of the message/rfc822 part, as they were on the wire."""
        boundary = email.message_from_bytes(self.raw).get_boundary() or ""
        part = self.raw.split(b"--" + boundary.encode())[2]
        return part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")


@dataclass
class PostOffice:
    """Start it to take mail; stop it to be out of reach on the same port."""

    answer: Answer = lambda _recipient, _raw: ""
    """To the content of a mail."""
    answer_recipient: Callable[[str], str] = lambda _recipient: ""
    size_limit: int = 32 * 1024**2
    mails: list[Taken] = field(default_factory=list)
    sessions: int = 0
    tokens: Callable[[str, str], bool] | None = None
    """With it, who sends must sign in by XOAUTH2: asked with user and token."""
    refused: int = 0
    """How many sign-ins were refused."""
    port: int = field(default_factory=lambda: free_ports(1)[0])
    _controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(
            self,
            LOOPBACK,
            self.port,
            decode_data=False,
            data_size_limit=self.size_limit,
            auth_required=self.tokens is not None,
            auth_require_tls=self.tokens is None,
            auth_exclude_mechanism=["LOGIN", "PLAIN"] if self.tokens else ["XOAUTH2"],
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    @property
    def connection(self) -> dict[str, Any]:
        """What an Airflow Connection of type smtp says of it."""
        return {"host": LOOPBACK, "port": self.port, "extra": '{"tls": "none", "timeout": 5}'}

    async def auth_XOAUTH2(self, _server: SMTP, words: list[str]) -> AuthResult:  # noqa: N802
        given = base64.b64decode(words[1]).decode().split("\1")
        user, token = given[0].removeprefix("user="), given[1].removeprefix("auth=Bearer ")
        taken = bool(self.tokens and self.tokens(user, token))
        self.refused += not taken
        return AuthResult(success=taken, handled=False)

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        return responses

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if refused := self.answer_recipient(address):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        answer = self.answer(recipient, envelope.content)
        if answer and answer != "die":
            return answer
        self.mails.append(
            Taken((envelope.mail_from or "").strip("<>"), recipient, envelope.content)
        )
        if answer == "die":  # it was taken, and nobody hears so
            server.transport.abort()
        return "250 taken"
