"""A small IMAP server that misbehaves as a test tells it to, as no real one does on demand."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from demo.ports import LOOPBACK

Reply = bytes | Callable[[], bytes]
CUT = b"\0cut"
"""A reply with this at its end closes the connection."""
HANG = b"\0hang"
"""A reply with this at its end says nothing more."""


@dataclass
class ScriptedImap:
    """Answers by the first script entry whose pattern matches the command, else by itself."""

    script: list[tuple[str, Reply]] = field(default_factory=list)
    """Pattern on the command without its tag, reply in which ``TAG`` stands for the tag."""
    messages: dict[int, bytes] = field(default_factory=dict)
    capabilities: str = "IMAP4rev1 UIDPLUS MOVE AUTH=PLAIN"
    greeting: bytes = b"* OK ready\r\n"
    uidvalidity: int = 7
    commands: list[str] = field(default_factory=list)
    """What was said to it, without tags, over all connections."""
    connections: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        workers = []
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            self.connections += 1
            worker = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            worker.start()
            workers.append(worker)
        for worker in workers:
            worker.join(5)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                connection.sendall(self.greeting)
                for line in lines:
                    if not self._answer(connection, line.decode().rstrip("\r\n")):
                        return
            except OSError:
                return

    def _answer(self, connection: socket.socket, line: str) -> bool:
        tag, _, command = line.partition(" ")
        self.commands.append(command or tag)
        reply = self._reply(command or tag).replace(b"TAG", tag.encode())
        connection.sendall(reply.removesuffix(CUT).removesuffix(HANG))
        if reply.endswith(HANG):
            self._over.wait(10)
        return not reply.endswith((CUT, HANG)) and command != "LOGOUT"

    def _reply(self, command: str) -> bytes:
        for pattern, reply in self.script:
            if re.fullmatch(pattern, command):
                return reply() if callable(reply) else reply
        return self._usual(command)

    def _usual(self, command: str) -> bytes:
        word = command.removeprefix("UID ").partition(" ")[0]
        usual: dict[str, Callable[[str], bytes]] = {
            "CAPABILITY": lambda _: f"* CAPABILITY {self.capabilities}\r\n".encode(),
            "SELECT": lambda _: self._selected(),
            "EXAMINE": lambda _: self._selected(),
            "SEARCH": self._searched,
            "FETCH": self._fetched,
            "LOGOUT": lambda _: b"* BYE\r\n",
        }
        return usual.get(word, lambda _: b"")(command) + b"TAG OK done\r\n"

    def _selected(self) -> bytes:
        following = max(self.messages, default=0) + 1
        lines = f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.uidvalidity}]\r\n"
        return f"{lines}* OK [UIDNEXT {following}] next\r\n".encode()

    def _searched(self, command: str) -> bytes:
        found = self.messages if command.endswith("ALL") else self._wanted(command)
        return f"* SEARCH {' '.join(map(str, found))}\r\n".encode()

    def _fetched(self, command: str) -> bytes:
        return b"".join(fetch(uid, self.messages[uid]) for uid in self._wanted(command))

    def _wanted(self, command: str) -> list[int]:
        spans = re.findall(r"(\d+)(?::(\d+|\*))?", command.partition("(")[0])
        last = max(self.messages, default=0)
        wanted = set()
        for low, high in spans:
            wanted |= set(range(int(low), (last if high == "*" else int(high or low)) + 1))
        return [uid for uid in self.messages if uid in wanted]


def fetch(uid: int, original: bytes) -> bytes:
    """Write one FETCH response with everything that is ever asked for."""
    about = f'UID {uid} RFC822.SIZE {len(original)} INTERNALDATE "01-Jan-2026 00:00:00 +0000"'
    return f"* 1 FETCH ({about} BODY[] {{{len(original)}}}\r\n".encode() + original + b")\r\n"
