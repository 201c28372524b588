"""Free ports on loopback, and waiting until somebody listens there."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from itertools import islice
from random import SystemRandom

LOOPBACK = "127.0.0.1"
_OURS = range(20_000, 32_000)
"""Not those that Linux gives to clients: one of them could take a port before its server does."""


def free_ports(count: int) -> list[int]:
    """Name ``count`` different TCP ports on which nobody listens at the moment."""
    shuffled = SystemRandom().sample(_OURS, len(_OURS))
    free = list(islice(filter(is_free, shuffled), count))
    if len(free) < count:
        raise RuntimeError(f"no {count} ports are free")
    return free


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port."""
    with socket.socket() as probe:
        # As servers do it: what a stopped one left in TIME_WAIT does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Tell whether somebody listens on this port."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
        return True
    return False


def wait_until_open(port: int, alive: Callable[[], bool], seconds: float = 90) -> None:
    """Return once the port is connected to; raises ``RuntimeError`` when its server died."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        if is_open(port):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}")
