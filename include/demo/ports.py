"""Free ports on loopback, and waiting until somebody listens there."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Name ``count`` different TCP ports on which nobody listens at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


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


def wait_until_open(port: int, alive: Callable[[], bool], seconds: float = 20) -> None:
    """Return once the port is connected to; raises ``RuntimeError`` when its server died."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        if is_open(port):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}")
