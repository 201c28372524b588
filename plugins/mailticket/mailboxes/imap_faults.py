"""imaplib's, the socket's and the server's complaints, translated into the error tree."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from imap_tools.errors import (  # noqa: TID251 - one of the files that own the library
    ImapToolsError,
)

from mailticket.errors import (
    MailboxUnavailable,
    MailticketError,
    ReadOnlyFolder,
)
from mailticket.mailboxes import imap_wire
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.server_words import backoff, blanked, readable

REFUSALS = (imap_wire.error, ImapToolsError)
"""How imaplib and imap_tools raise NO and BAD (imaplib's ``abort`` is one, too: catch it first)."""

_TRY_LATER = "it may have too many connections open, or the port is another service's"
_TAGGED = re.compile(rb"^(?:\*|[A-Z]{4}\d+) (?:OK|NO|BAD|BYE|PREAUTH) ")


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
