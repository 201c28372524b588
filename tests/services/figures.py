"""A StatsD server that keeps what it is sent: as an operator's collector hears an Airflow."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field

from demo.ports import LOOPBACK


@dataclass
class Figures:
    """Takes StatsD's datagrams on a port of its own, and keeps those of mailticket."""

    lines: list[str] = field(default_factory=list)
    """``airflow.mailticket.undecided.support:0|g`` and the like, in the order of arrival."""
    _socket: socket.socket = field(init=False, repr=False)

    def start(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self) -> None:
        port = self.port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (LOOPBACK, port))

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def environment(self) -> dict[str, str]:
        """Say where it listens, as Airflow's configuration says it."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": LOOPBACK,
            "AIRFLOW__METRICS__STATSD_PORT": str(self.port),
        }

    def of(self, figure: str) -> list[str]:
        """Give the values of a figure with its labels, e.g. ``undecided.support``."""
        start = f"airflow.mailticket.{figure}:"
        return [line.removeprefix(start) for line in self.lines if line.startswith(start)]

    def _listen(self) -> None:
        with contextlib.closing(self._socket):
            while said := self._socket.recv(65536):
                for line in said.decode().splitlines():
                    if line.startswith("airflow.mailticket."):
                        self.lines.append(line)
