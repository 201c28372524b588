"""Work that may end badly, done in a child: what kills the child costs one answer, not the rest."""

from __future__ import annotations

import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Self

_CONTEXT = get_context("fork")
_GRACE = 5
"""Seconds that a child has to end in when it is told to."""


class Lost(Exception):
    """The child gave no answer; the message says why."""


class Apart:
    """A child that answers one question at a time, and a new one after it was lost."""

    def __init__(self, answer: Callable[[str], bytes], patience: float) -> None:
        """Take what answers in the child, and how many seconds it may think."""
        self._answer = answer
        self._patience = patience
        self._running: tuple[ForkProcess, Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def ask(self, question: str) -> bytes:
        """Give the child's answer; raises ``Lost``."""
        if self._running is None:
            self._running = self._begin()
        _, line = self._running
        try:
            line.send(question)
            if line.poll(self._patience):
                return line.recv_bytes()
        except (EOFError, ConnectionError):
            raise Lost(f"reading it ended the decoder ({self._end()})") from None
        self._end()
        raise Lost(f"limit_seconds: it was not read within {self._patience:g} seconds")

    def _begin(self) -> tuple[ForkProcess, Connection]:
        ours, theirs = _CONTEXT.Pipe()
        child = _CONTEXT.Process(target=_serve, args=(self._answer, theirs, ours), daemon=True)
        child.start()
        theirs.close()
        return child, ours

    def _end(self) -> str:
        """End the child; give how it ended by itself, if it did."""
        if self._running is None:
            return ""
        child, line = self._running
        self._running = None
        line.close()
        child.join(0.2)  # it reads the end of its questions, or lies dying
        code = child.exitcode
        if code is None:
            child.kill()
            child.join(_GRACE)
        return f"signal {-code}" if code and code < 0 else f"exit status {code}"


def _serve(answer: Callable[[str], bytes], questions: Connection, other_end: Connection) -> None:
    # Ctrl-C reaches the whole group: the parent decides. Holding the parent's end as well would
    # keep this child waiting after the parent's death.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    other_end.close()
    while True:
        try:
            question = questions.recv()
        except EOFError:
            return
        try:
            questions.send_bytes(answer(question))
        except BrokenPipeError:
            return
