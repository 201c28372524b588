"""Processes made of this one, sharing with it what is in memory."""

from __future__ import annotations

import gc
from multiprocessing import get_context
from multiprocessing.context import ForkProcess

FORK = get_context("fork")


def start_sharing(process: ForkProcess) -> None:
    """Start a process whose garbage collector leaves alone what it shares with this one.

    Looking at each object would copy the page on which it lies: all of the memory, in each process.
    """
    gc.freeze()  # here, too: this process's collector would copy them as well
    process.start()
