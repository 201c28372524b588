"""poplib on a socket of our own: bounded in time and bytes, whole answers read in big pieces."""

from __future__ import annotations

import base64
import binascii
import io
import poplib  # noqa: TID251 - one of the files that own the library
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from mailticket.mailboxes import dialing
from mailticket.mailboxes.incoming import COMMAND_SECONDS, Incoming, dialogue_log
from mailticket.mailboxes.login import MailboxLogin

ANSWER_BYTES = 64 * 1024**2
"""One answer at most, where no original was asked for."""
_PIECE = 256 * 1024
_QUESTIONS = 5
"""No SASL mechanism of ours asks more often."""

error = poplib.error_proto


class BrokenOff(Exception):
    """The session is spoilt: it ended in the middle, or sent more than was to be expected."""


class _Socket:
    """What poplib wants of a socket; its file reads until the deadline of the command."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self.connection = connection
        self.incoming = Incoming(connection, patience)
        self.reader = io.BufferedReader(self.incoming, _PIECE)

    def makefile(self, mode: str) -> Any:
        del mode
        return self.reader

    def sendall(self, line: bytes) -> None:
        self.connection.sendall(line)

    def shutdown(self, how: int) -> None:
        self.connection.shutdown(how)

    def close(self) -> None:
        self.connection.close()


class Wire(poplib.POP3):
    """A POP3 client whose answers are bounded; ``begin`` opens the account of each command."""

    def __init__(self, connection: socket.socket, login: MailboxLogin) -> None:
        self.login = login
        self._given = connection
        self._log_line = dialogue_log(login, "mailticket.pop3") if login.dialogue else None
        self.hushed = False
        """True while secrets are sent: the dialogue then shows how many bytes, not which."""
        self.busy = False
        """True from the first piece of a long answer to its last: nothing else may be said."""
        self._allowance = ANSWER_BYTES
        super().__init__(login.host, login.port)

    # -- what poplib calls ---------------------------------------------------------------------

    def _create_socket(self, timeout: float | None) -> Any:
        del timeout
        self._socket = _Socket(self._given, self.login.timeout)
        return self._socket

    def _putline(self, line: bytes) -> None:
        if self._log_line:
            self._log_line("C", f"({len(line)} bytes, secret)" if self.hushed else line)
        self._socket.sendall(line + b"\r\n")

    def _getline(self) -> tuple[bytes, int]:
        line = self._socket.reader.readline(_PIECE)
        if not line:
            raise BrokenOff("the server hung up")
        self._spend(len(line))
        if self._log_line:
            self._log_line("S", line)
        return line.rstrip(b"\r\n"), len(line)

    # -- what is ours --------------------------------------------------------------------------

    def begin(self, allowance: int = ANSWER_BYTES) -> None:
        """Grant the next command its bytes and its time."""
        self._allowance = allowance
        self._socket.incoming.deadline = time.monotonic() + COMMAND_SECONDS

    def be_patient(self, seconds: float) -> None:
        """Wait that long for each read from now on."""
        self._socket.incoming.patience = seconds

    def encrypt(self) -> None:
        """STLS (RFC 2595, 4); what was read in clear before is forgotten."""
        self._say("STLS")
        patience = self._socket.incoming.patience
        self._given = dialing.secure(self._given, self.login)
        self._socket = _Socket(self._given, patience)
        self.sock, self.file = self._socket, self._socket.reader  # type: ignore[assignment]
        self._tls_established = True

    @property
    def connection(self) -> socket.socket:
        """The socket, encrypted or not."""
        return self._given

    def _say(self, command: str) -> bytes:
        answer: bytes = self._shortcmd(command)  # type: ignore[attr-defined]  # typeshed hides it
        return answer

    def short(self, command: str) -> str:
        """Run a command with an answer of one line; gives its text, ``-ERR`` raises ``error``."""
        return self._say(command).decode("utf-8", "replace")

    def lines(self, command: str) -> list[bytes]:
        """Run a command with an answer of many lines."""
        return b"".join(self.pieces(command)).split(b"\r\n")[:-1]

    def pieces(self, command: str) -> Iterator[bytes]:
        """Run a command with a long answer; gives it in pieces, byte-unstuffed (RFC 1939, 3)."""
        self._say(command)
        self.busy = True
        held, skip = b"\r\n", 2
        while (end := held.find(b"\r\n.\r\n")) < 0:
            ready, held = _cut(held)
            if ready:
                yield _unstuffed(ready)[skip:]
                skip = 0
            piece = self._socket.reader.read1(_PIECE)
            if not piece:
                raise BrokenOff("the connection ended in the middle of an answer")
            self._spend(len(piece))
            held += piece
        if held[end + 5 :]:
            raise BrokenOff("the server sends more than it was asked for")
        self.busy = False
        yield _unstuffed(held[: end + 2])[skip:]

    def authenticate(self, mechanism: str, answer: Callable[[bytes], bytes]) -> None:
        """AUTH (RFC 5034), the first answer on a line of its own, as Exchange wants it."""
        said = self._say(f"AUTH {mechanism}")
        for _ in range(_QUESTIONS):
            if said.startswith(b"+OK"):
                return
            said = self._say(base64.b64encode(answer(_challenge(said))).decode())
        raise error(b"-ERR too many questions")

    def hang_up(self) -> None:
        """Cut the connection without QUIT: deletions are taken back."""
        try:
            self._given.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was faster
        finally:
            self._given.close()

    def _spend(self, size: int) -> None:
        self._allowance -= size
        if self._allowance < 0:
            raise BrokenOff(f"the server sends {-self._allowance} bytes more than were expected")


def _cut(held: bytes) -> tuple[bytes, bytes]:
    """Cut where neither a terminator nor a stuffed dot can straddle the cut."""
    line_end = held.rfind(b"\r\n", max(len(held) - 4, 0))
    at = line_end if line_end >= 0 else len(held) - 1
    return held[:at], held[at:]


def _unstuffed(piece: bytes) -> bytes:
    return piece.replace(b"\r\n..", b"\r\n.")


def _challenge(said: bytes) -> bytes:
    try:
        return base64.b64decode(said[1:].strip())
    except (binascii.Error, ValueError):
        return b""
