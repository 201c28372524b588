"""imaplib's, the socket's and the server's complaints, translated into the error tree."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from imap_tools.errors import (  # noqa: TID251 - one of the files that own the library
    ImapToolsError,
)

from mailticket.errors import (
    MailboxError,
    MailboxUnavailable,
    MailticketError,
    ReadOnlyFolder,
    SignInRefused,
)
from mailticket.mailboxes import imap_wire
from mailticket.mailboxes.imap_answer import readable
from mailticket.mailboxes.login import MailboxLogin

REFUSALS = (imap_wire.error, ImapToolsError)
"""How imaplib and imap_tools raise NO and BAD (imaplib's ``abort`` is one, too: catch it first)."""

_BACKOFF = re.compile(r"Backoff Time:\s*(\d+)", re.IGNORECASE)
_TRY_LATER = "it may have too many connections open, or the port is another service's"
_CODE = re.compile(r"^\s*\[([A-Z-]+)")
# Response codes (RFC 5530) and words that say "not now" rather than "not you".
_PASSING_CODES = {"UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED", "SERVERBUG"}
_PASSING_WORDS = re.compile(
    r"throttl|too many|try again|temporar|maximum number of connections|not connected"
    r"|simultaneous|bandwidth|overload|busy|later",
    re.IGNORECASE,
)
_TAGGED = re.compile(rb"^(?:\*|[A-Z]{4}\d+) (?:OK|NO|BAD|BYE|PREAUTH) ")


def blanked(words: str, login: MailboxLogin) -> str:
    """Take secrets out of what a server echoed."""
    for secret in login.secrets:
        words = words.replace(secret, "…")
    return words


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
    if known in {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"}:
        return False
    return known in _PASSING_CODES or bool(_PASSING_WORDS.search(words))


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
            f"{login.server} cannot sign {login.login} in now: {said}", backoff(words)
        )
    return SignInRefused(
        f"{login.server} refused to sign {login.login} in with {login.auth}: {said}; "
        f"check login and {'token' if login.auth == 'XOAUTH2' else 'password'} in the Connection"
    )


def last_words(wire: imap_wire.Wire | None) -> str:
    """Give the text of the last status line that the server sent."""
    return readable(_TAGGED.sub(b"", wire.last_line)) if wire else ""


def _unwelcome(line: bytes, login: MailboxLogin) -> MailboxUnavailable:
    """Say what answers in an IMAP server's place."""
    said = readable(_TAGGED.sub(b"", line))
    if not line:
        return MailboxUnavailable(f"{login.server} hung up instead of greeting: {_TRY_LATER}")
    if line.startswith(b"* BYE"):
        return MailboxUnavailable(f"{login.server} turns us away: {said}", backoff(said))
    if line.startswith((b"*", b"+ ")):
        return MailboxUnavailable(f"{login.server} does not greet as IMAP servers do: {said}")
    spoken = "POP3" if line.startswith(b"+OK") else "SMTP" if line.startswith(b"220") else "it"
    spoken = f"but {spoken}" if spoken != "it" else "as it seems"
    return MailboxUnavailable(
        f"{login.server} does not speak IMAP {spoken}: check the port and the protocol ({said})"
    )


@contextlib.contextmanager
def translated(step: str, login: MailboxLogin) -> Iterator[None]:
    """Let only errors of our own out; ``step`` says what was being done."""
    try:
        yield
    except MailticketError:
        raise
    except imap_wire.Unwelcome as error:
        raise _unwelcome(error.line, login) from None
    except TimeoutError:
        if step == "greeting" and login.tls != "implicit":
            raise MailboxUnavailable(
                f"{login.server} says nothing within {login.timeout:g} s: "
                f"it may expect TLS from the first byte; try tls = implicit"
            ) from None
        raise MailboxUnavailable(f"{login.server} did not answer in time ({step})") from None
    except imap_wire.readonly:
        raise ReadOnlyFolder(f"{login.server} made the folder read-only ({step})") from None
    except (*REFUSALS, OSError, ValueError, AttributeError) as error:
        words = blanked(readable(str(error)), login)
        raise MailboxUnavailable(
            f"{login.server} broke off ({step}): {words}", backoff(words)
        ) from None
