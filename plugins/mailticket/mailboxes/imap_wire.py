"""imaplib on a socket of our own: bounded in time and bytes, its dialogue logged when asked for."""

from __future__ import annotations

import imaplib  # noqa: TID251 - one of the files that own the library
import io
import socket
import time
from typing import TYPE_CHECKING, Any

from mailticket.mailboxes import dialing
from mailticket.mailboxes.incoming import COMMAND_SECONDS, Incoming, dialogue_log
from mailticket.mailboxes.login import MailboxLogin

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

LINE_BYTES = 20 * 1024**2
"""One line at most: a SEARCH over two million messages."""
ANSWER_BYTES = 64 * 1024**2
"""One answer at most, where no originals were asked for."""
_BUFFER = 256 * 1024
_BARE_STATUS = 24
"""A tag, a space and a status are no longer."""

abort = imaplib.IMAP4.abort
error = imaplib.IMAP4.error
readonly = imaplib.IMAP4.readonly


class TooMuch(abort):
    """The server announced or sent more than was asked for; the session is spoilt."""


class Unwelcome(abort):
    """The server did not greet as an IMAP server does; ``line`` is what it said."""

    def __init__(self, reason: str, line: bytes) -> None:
        self.line = line
        super().__init__(reason)


class Wire(imaplib.IMAP4):
    """An IMAP4 client whose answers are bounded; ``begin`` opens the account of each command."""

    def __init__(self, connection: socket.socket, login: MailboxLogin) -> None:
        self._login = login
        self._given = connection
        self._log_line = dialogue_log(login, "mailticket.imap") if login.dialogue else None
        self.hushed = False
        """True while secrets are sent: the dialogue then shows how many bytes, not which."""
        self.last_line = b""
        """The last line that the server sent, for errors' words."""
        self._allowance = ANSWER_BYTES
        try:
            super().__init__(login.host, login.port)
        except error as fault:
            raise Unwelcome(str(fault), self.last_line) from None

    # -- what imaplib calls --------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Take the socket that was dialled, instead of opening one."""
        del timeout
        self.host, self.port = host, port
        self._attach(self._given, self._login.timeout)

    def read(self, size: int) -> bytes:
        """Read a literal, if the command may cost that much."""
        self._spend(size)
        literal = self._reader.read(size)
        if len(literal) < size:
            raise abort("the connection ended in the middle of a literal")
        if self._log_line:
            self._log_line("S", f"({size} bytes)")
        return literal

    def readline(self) -> bytes:
        """Read a line, its end included."""
        line = self._reader.readline(LINE_BYTES + 1)
        self._spend(len(line))
        if len(line) > LINE_BYTES:
            raise TooMuch(f"a line of more than {LINE_BYTES} bytes")
        line = _completed(line)
        self.last_line = line[:1000]
        if self._log_line:
            self._log_line("S", line)
        return line

    def send(self, data: Buffer) -> None:
        """Send bytes, all of them."""
        if self._log_line:
            sent = bytes(data)
            self._log_line("C", f"({len(sent)} bytes, secret)" if self.hushed else sent)
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the socket; never fails."""
        self._reader.close()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was faster
        finally:
            self.sock.close()

    # -- what is ours --------------------------------------------------------------------------

    def begin(self, allowance: int = ANSWER_BYTES) -> None:
        """Grant the next command its bytes and its time."""
        self._allowance = allowance
        self._incoming.deadline = time.monotonic() + COMMAND_SECONDS

    def be_patient(self, seconds: float) -> None:
        """Wait that long for each read from now on."""
        self._incoming.patience = seconds

    def encrypt(self) -> None:
        """STARTTLS (RFC 3501, 6.2.1); what was read in clear before is forgotten (RFC 2595, 4)."""
        status, _ = self._simple_command("STARTTLS")
        if status != "OK":
            raise error(f"STARTTLS command error: {status}")
        patience = self._incoming.patience
        self.sock = dialing.secure(self.sock, self._login)
        self._tls_established = True
        self._attach(self.sock, patience)
        self.untagged_responses.clear()
        self._get_capabilities()

    def take(self, kind: str) -> list[Any]:
        """Take untagged responses of one kind out of imaplib's store."""
        return list(self.untagged_responses.pop(kind, []))

    def _attach(self, connection: socket.socket, patience: float) -> None:
        self.sock = connection
        self._incoming = Incoming(connection, patience)
        self._reader = io.BufferedReader(self._incoming, _BUFFER)
        self.begin()

    def _spend(self, size: int) -> None:
        self._allowance -= size
        if self._allowance < 0:
            raise TooMuch(f"the server sends {size} bytes more than were to be expected")


def _completed(line: bytes) -> bytes:
    """Mend what imaplib would end the session for: a bare LF, a status without its text."""
    if line.endswith(b"\n") and not line.endswith(b"\r\n"):
        line = line[:-1] + b"\r\n"
    if len(line) < _BARE_STATUS and line.endswith((b" OK\r\n", b" NO\r\n", b" BAD\r\n")):
        return line[:-2] + b" \r\n"
    return line
