"""A small POP3 server that misbehaves as a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from demo.ports import LOOPBACK

CUT = b"\0cut"
"""A reply with this at its end closes the connection."""


@dataclass
class ScriptedPop3:
    """Answers a command by its script's reply, else by itself; QUIT makes DELE true."""

    messages: dict[str, bytes] = field(default_factory=dict)
    """UIDL to original."""
    script: dict[str, bytes | Callable[[], bytes]] = field(default_factory=dict)
    uidls: list[str] | None = None
    """What UIDL says instead of the keys of ``messages``."""
    greeting: bytes = b"+OK ready\r\n"
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # A client may hang up while it is answered: the next one is served all the same.
            with suppress(ConnectionError), connection, connection.makefile("rb") as lines:
                self._serve(connection, lines)

    def _serve(self, connection: socket.socket, lines: object) -> None:
        drop = list(self.messages)
        doomed: list[str] = []
        connection.sendall(self.greeting.removesuffix(CUT))
        if self.greeting.endswith(CUT):
            return
        for line in lines:  # type: ignore[attr-defined]
            command = line.decode().strip()
            self.commands.append(command)
            reply = self._reply(command, drop, doomed)
            connection.sendall(reply.removesuffix(CUT))
            if reply.endswith(CUT):
                return
            if command == "QUIT":
                for uid in doomed:
                    self.messages.pop(uid, None)
                return

    def _reply(self, command: str, drop: list[str], doomed: list[str]) -> bytes:
        if command in self.script:
            reply = self.script[command]
            return reply() if callable(reply) else reply
        word, _, rest = command.partition(" ")
        number = int(rest.split()[0]) - 1 if word in {"RETR", "TOP", "DELE"} else 0
        if word == "DELE":
            doomed.append(drop[number])
        if word == "UIDL":
            uidls = self.uidls or drop
            return many("".join(f"{n} {uid}\r\n" for n, uid in enumerate(uidls, 1)).encode())
        if word == "LIST":
            sizes = [len(self.messages[uid]) for uid in drop]
            return many("".join(f"{n} {size}\r\n" for n, size in enumerate(sizes, 1)).encode())
        if word in {"RETR", "TOP"}:
            return many(stuffed(self.messages[drop[number]]))
        return b"+OK\r\n" if word != "CAPA" else b"-ERR unknown\r\n"


def many(text: bytes) -> bytes:
    """Write an answer of many lines."""
    return b"+OK\r\n" + text + b".\r\n"


def stuffed(original: bytes) -> bytes:
    """Double the dots that begin lines (RFC 1939, 3)."""
    return (b"\r\n" + original).replace(b"\r\n.", b"\r\n..")[2:]
