"""Mail servers that answer a sign-in with what they were sent, as some real ones do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader

from demo.ports import LOOPBACK

Manners = Callable[[socket.socket, BufferedReader], None]


@contextmanager
def serving(manners: Manners) -> Iterator[int]:
    """Serve one connection after the other; give the port."""
    listener = socket.create_server((LOOPBACK, 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                try:
                    manners(connection, lines)
                except OSError:
                    continue

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def imap(connection: socket.socket, lines: BufferedReader) -> None:
    connection.sendall(b"* OK ready\r\n")
    for line in lines:
        tag, _, command = line.strip().partition(b" ")
        if command == b"CAPABILITY":
            told = (
                b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2\r\n" + tag + b" OK\r\n"
            )
            connection.sendall(told)
            continue
        if command.startswith(b"AUTHENTICATE"):
            questions = (b"+ \r\n",) * (2 if command.endswith(b"LOGIN") else 1)
            command = _last_answer(connection, lines, questions)
        connection.sendall(tag + b" BAD unknown command " + command + b"\r\n")


def pop3(connection: socket.socket, lines: BufferedReader) -> None:
    connection.sendall(b"+OK ready\r\n")
    for line in lines:
        command = line.strip()
        if command == b"CAPA":
            connection.sendall(b"+OK\r\nUSER\r\nSASL PLAIN LOGIN XOAUTH2\r\n.\r\n")
        elif command.startswith(b"USER"):
            connection.sendall(b"+OK\r\n")
        elif command.startswith(b"AUTH"):
            questions = (b"+ \r\n",) * (2 if command.endswith(b"LOGIN") else 1)
            command = _last_answer(connection, lines, questions)
            connection.sendall(b"-ERR unknown command " + command + b"\r\n")
        else:
            connection.sendall(b"-ERR unknown command " + command + b"\r\n")


def smtp(connection: socket.socket, lines: BufferedReader) -> None:
    connection.sendall(b"220 ready\r\n")
    for line in lines:
        if line.startswith(b"EHLO"):
            connection.sendall(b"250-x\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n")
        else:
            connection.sendall(b'535 5.7.8 unknown command "' + line.strip() + b'"\r\n')


def _last_answer(
    connection: socket.socket, lines: BufferedReader, questions: tuple[bytes, ...]
) -> bytes:
    answer = b""
    for question in questions:
        connection.sendall(question)
        answer = lines.readline().strip()
    return answer
