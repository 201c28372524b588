"""Processes made of this one, sharing with it what is in memory."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.context import ForkProcess

FORK = get_context("fork")


def start_sharing(process: ForkProcess) -> None:
    """Start a process whose garbage collector leaves alone what it shares with this one.

    Looking at each object would copy the page on which it lies: all of the memory, in each process.
    """
    gc.freeze()  # here, too: this process's collector would copy them as well
    _give_back()
    process.start()


def _give_back() -> None:
    """Give the system what lies free here: after a mailbox was read that is 10 MB."""
    with suppress(OSError, AttributeError):  # a C library other than glibc has no such function
        ctypes.CDLL(None).malloc_trim(0)
