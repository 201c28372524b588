"""What mail servers' words mean, IMAP's and POP3's: not now, not you, how long to wait."""

from __future__ import annotations

import re

from mailticket import blanking
from mailticket.errors import MailboxError, MailboxUnavailable, SignInRefused
from mailticket.mailboxes.login import MailboxLogin

_BACKOFF = re.compile(r"Backoff Time:\s*(\d+)", re.IGNORECASE)
_CODE = re.compile(r"^\s*\[([A-Z/-]+)")
# Response codes (IMAP: RFC 5530; POP3: RFC 2449, 3206) and words for "not now", not "not you".
_NOT_NOW_IMAP = {"UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED", "SERVERBUG"}
_NOT_NOW_POP3 = {"IN-USE", "LOGIN-DELAY", "SYS/TEMP"}
_NOT_YOU_IMAP = {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"}
_NOT_YOU_POP3 = {"AUTH", "SYS/PERM"}
_PASSING_WORDS = re.compile(
    r"throttl|too many|temporar|maximum number of connections|not connected"
    r"|simultaneous|bandwidth|overload|\bbusy\b|try (again )?later",
    re.IGNORECASE,
)
# Another session stands in the way (RFC 2449, 8.1.1; RFC 5530; Dovecot, Gmail, Cyrus).
_CROWDED = re.compile(
    r"\[IN-USE\]|\[LIMIT\]|too many|maximum number of connections|simultaneous", re.IGNORECASE
)
# These mean "not you" in whatever company: trying again soon would lock the account.
_REFUSING_WORDS = re.compile(
    r"password|credential|invalid|incorrect|denied|login fail|failed login|attempts", re.IGNORECASE
)
_XOAUTH2_CURE = (
    "the token was given and is not taken: check that it is for this mailbox (login, scope), that "
    "the mailbox allows this protocol, and that the application was given the right to open it"
)
_LATER = "it passes by itself, sooner if other programs leave this mailbox alone"
_UNSUPPORTED = re.compile(r"(unsupported|not supported|unknown).*(mechanism|auth)", re.IGNORECASE)
_NOT_CONNECTED = (
    "Microsoft 365 says so of a mailbox that is not there, or that the signed-in user or "
    "application has no right to open"
)


def readable(line: bytes | str | None, limit: int = 300) -> str:
    """Make a server's words safe to show: one line, printable, at most ``limit`` characters."""
    written = line.decode("utf-8", "replace") if isinstance(line, bytes) else line or ""
    return "".join(char if char.isprintable() else " " for char in written)[:limit].strip()


def blanked(words: str, login: MailboxLogin) -> str:
    """Take secrets out of what a server echoed."""
    return blanking.blanked(words, login.secrets)


def code(words: str) -> str:
    """Give the response code of a status line's text, ``""`` without one."""
    match = _CODE.match(words)
    return match[1] if match else ""


def backoff(words: str) -> float | None:
    """Read Exchange's ``Suggested Backoff Time: N milliseconds``, as seconds."""
    match = _BACKOFF.search(words)
    return int(match[1][:9]) / 1000 if match else None


def is_passing(words: str) -> bool:
    """Tell a server that cannot now from one that will not."""
    known = code(words)
    if known in _NOT_YOU_IMAP | _NOT_YOU_POP3:
        return False
    if known in _NOT_NOW_IMAP | _NOT_NOW_POP3:
        return True
    return bool(_PASSING_WORDS.search(words)) and not _REFUSING_WORDS.search(words)


def refuse_to_be_throttled(words: str, login: MailboxLogin) -> None:
    """Raise ``MailboxUnavailable`` when a NO or BAD asks us to wait."""
    seconds = backoff(words)
    if seconds is not None or code(words) in {"THROTTLED", "UNAVAILABLE"} or "throttled" in words:
        wait = f"; it asks for {seconds:g} s" if seconds is not None else ""
        raise MailboxUnavailable(
            f"{login.server} wants us to come later{wait} ({blanked(words, login)})", seconds
        )


def sign_in_fault(words: str, login: MailboxLogin) -> MailboxError:
    """Judge the answer NO or BAD to a sign-in."""
    said = blanked(words, login) or "without a reason"
    if is_passing(words):
        return MailboxUnavailable(
            f"{login.server} cannot sign {login.login} in now: {said}; "
            f"{_NOT_CONNECTED if 'not connected' in words else _LATER}",
            backoff(words),
            crowded=bool(_CROWDED.search(words)),
        )
    cure = (
        _XOAUTH2_CURE if login.auth == "XOAUTH2" else "check login and password in the Connection"
    )
    if _UNSUPPORTED.search(words):
        cure = "it wants another way to sign in: change auth in the Connection's Extra"
    return SignInRefused(
        f"{login.server} refused to sign {login.login} in with {login.auth}: {said}; {cure}"
    )


def no_token(login: MailboxLogin) -> SignInRefused:
    """Say that XOAUTH2 needs what a token is fetched with."""
    return SignInRefused(
        f"there is no token to sign {login.login} in with XOAUTH2: put token_url, client_id and "
        f"client_secret (or refresh_token, or service_account) into the Connection's Extra"
    )
