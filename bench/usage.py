"""What processes take: CPU seconds and memory of whole trees of them, by /proc."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY = 0.1
"""Seconds between two looks at memory."""


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, of its descendants, and of those of them that ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / _TICKS + sum(map(cpu_of, children(pid)))
    return 0.0


def children(pid: int) -> list[int]:
    """Give the children of a process that live."""
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def tree(pid: int) -> list[int]:
    """Give a process and its descendants."""
    return [pid, *(one for child in children(pid) for one in tree(child))]


def memory_of(pid: int) -> float:
    """MiB of a process and its descendants; what they share counts once (PSS)."""
    own = 0.0
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return own + sum(map(memory_of, children(pid)))


class Memory:
    """The most memory that a tree of processes took, looked at again and again."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self._pid = pid
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            before = tree(self._pid)
            found = memory_of(self._pid)
            # Of a process that is born between two looks, what it shares would count twice.
            if tree(self._pid) == before:
                self.peak = max(self.peak, found)
