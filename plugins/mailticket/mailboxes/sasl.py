"""Answers to a server's questions when signing in (SASL, RFC 4422), the same for every protocol."""

from __future__ import annotations

import hmac
import json
from typing import Protocol

from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.server_words import readable


class Answerer(Protocol):
    """Answers challenges one after the other, both without base64."""

    fault: str
    """What the server told about a refusal, in brackets, or ``""``."""

    def answer(self, challenge: bytes) -> bytes:
        """Answer one challenge."""
        ...


def answerer(mechanism: str, login: MailboxLogin) -> Answerer:
    """Give the answers of ``PLAIN``, ``LOGIN``, ``CRAM-MD5`` or ``XOAUTH2``."""
    name, password = login.login.encode(), login.password.encode()
    if mechanism == "XOAUTH2":
        return _Xoauth2(login)
    if mechanism == "CRAM-MD5":
        return _CramMd5(name, password)
    if mechanism == "LOGIN":
        return _InTurn(name, password)
    return _InTurn(b"\0" + name + b"\0" + password)  # RFC 4616


class _InTurn:
    fault = ""

    def __init__(self, *answers: bytes) -> None:
        self._answers = iter(answers)

    def answer(self, challenge: bytes) -> bytes:
        del challenge
        return next(self._answers, b"")


class _CramMd5:
    """RFC 2195."""

    fault = ""

    def __init__(self, name: bytes, password: bytes) -> None:
        self._name, self._password = name, password

    def answer(self, challenge: bytes) -> bytes:
        return self._name + b" " + hmac.new(self._password, challenge, "md5").hexdigest().encode()


class _Xoauth2:
    """The bearer token once; a second question carries the fault and wants an empty answer."""

    def __init__(self, login: MailboxLogin) -> None:
        self._login = login
        self.fault = ""

    def answer(self, challenge: bytes) -> bytes:
        if challenge:
            self.fault = _told(challenge)
            return b""
        return f"user={self._login.login}\1auth=Bearer {self._login.token}\1\1".encode()


def _told(challenge: bytes) -> str:
    """Read the fault: ``{"status":"400","schemes":"Bearer","scope":"…"}``."""
    try:
        fields = json.loads(challenge)
        said = " ".join(f"{name}={fields[name]}" for name in ("status", "scope") if name in fields)
    except (ValueError, TypeError, RecursionError):
        return ""
    return f" ({readable(said)})" if said else ""
