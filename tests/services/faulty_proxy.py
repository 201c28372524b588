"""A TCP proxy that spoils what a server says, at one byte of the first connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Literal, Self

from demo.ports import LOOPBACK

Fault = Literal["cut", "hang", "garble", "drop"]


@dataclass
class FaultyProxy:
    """Passes everything on, but for ``fault`` at byte ``at`` of what the server sends."""

    server_port: int
    fault: Fault
    at: int
    connections: int = 1
    """So many connections meet the fault; later ones are spared."""
    spared: int = 0
    """So many connections before them are spared, too."""
    steps: list[list[int]] = field(default_factory=list)
    """Of each connection, after how many bytes the server paused: the steps of the protocol."""
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((LOOPBACK, self.server_port))
            spoil = self.spared <= 0 < self.connections
            self.connections -= self.spared <= 0
            self.spared -= 1
            self.steps.append([])
            for target, arguments in (
                (_pass_on, (client, server)),
                (self._back, (server, client, spoil)),
            ):
                threading.Thread(target=target, args=arguments, daemon=True).start()

    def _back(self, server: socket.socket, client: socket.socket, spoil: bool) -> None:
        passed = 0
        steps = self.steps[-1]
        with server, client, contextlib.suppress(OSError):
            while said := server.recv(65536):
                at = self.at - passed
                steps.append(passed)
                passed += len(said)
                if not spoil or passed <= self.at:
                    client.sendall(said)
                    continue
                spoil = False
                if self._spoil(client, said, at):
                    break
            for each in (client, server):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _spoil(self, client: socket.socket, said: bytes, at: int) -> bool:
        """Send what is left of it; True when the connection ends here."""
        if self.fault == "garble":
            client.sendall(said[:at] + b"\xff\x00~" + said[at + 3 :])
        elif self.fault == "drop":
            client.sendall(said[:at] + said[at + 5 :])
        else:
            client.sendall(said[:at])
            if self.fault == "hang":
                self._over.wait(5)
        return self.fault in {"cut", "hang"}


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := client.recv(65536):
            server.sendall(said)
        server.shutdown(socket.SHUT_WR)
