"""Work that may end badly, done in children: what kills a child costs one answer, not the rest.

Nothing inside a process can bound the time of a parser or of a regular expression for sure; a
child can be killed. Several children also use several cores.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from mailticket.forking import FORK, start_sharing

_GRACE = 5
"""Seconds that a child has to end in when it is told to."""
MEMORY = 1024**3
"""Bytes that a child may use, with what it shares: beyond, Python raises MemoryError in it."""
_OWN = 768 * 1024**2
"""Bytes that it may use in any case, however much its parent holds."""

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Key = TypeVar("Key")


class Lost(Exception):
    """The child gave no answer; the message says why, ``limit`` which limit it passed, if one."""

    def __init__(self, why: str, limit: str = "") -> None:
        super().__init__(why)
        self.limit = limit


class Apart(Generic[Question, Answer]):
    """A child that answers one question at a time, and a new one after it was lost."""

    def __init__(self, answer: Callable[[Question], Answer], patience: float) -> None:
        """Take what answers in the child, and how many seconds it may think."""
        self._answer = answer
        self._patience = patience
        self._running: tuple[ForkProcess, Connection] | None = None
        self._deadline = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def ask(self, question: Question) -> Answer:
        """Give the child's answer; raises ``Lost``."""
        self.put(question)
        return self.get()

    def put(self, question: Question) -> None:
        """Hand over a question; its answer is to be had by ``get`` before the next one."""
        if self._running and not self._running[0].is_alive():
            self._end()  # it died while it had nothing to do: no fault of this question's
        if self._running is None:
            self._running = self._begin()
        self._deadline = time.monotonic() + self._patience
        with suppress(BrokenPipeError, ConnectionError):  # it died: `get` will say how
            self._running[1].send(question)

    def get(self) -> Answer:
        """Wait for the answer to the last question; raises ``Lost``."""
        assert self._running is not None
        _, line = self._running
        try:
            if line.poll(max(0.0, self._deadline - time.monotonic())):
                answer, raised = line.recv()
            else:
                self._end()
                why = f"limit_seconds: it was not read within {self._patience:g} seconds"
                raise Lost(why, "limit_seconds")
        except (EOFError, ConnectionError):
            raise Lost(f"reading it ended the decoder ({self._end()})") from None
        if raised:
            raise Lost(raised)
        given: Answer = answer
        return given

    def _begin(self) -> tuple[ForkProcess, Connection]:
        ours, theirs = FORK.Pipe()
        child = FORK.Process(target=_serve, args=(self._answer, theirs, ours), daemon=True)
        start_sharing(child)
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


class Crew(Generic[Question, Answer]):
    """As many children as there are cores, answering in the order of the questions."""

    def __init__(
        self, answer: Callable[[Question], Answer], patience: float, size: int | None = None
    ) -> None:
        """Take what answers in the children, seconds for each question, how many children."""
        count = size or len(os.sched_getaffinity(0))
        self._children = [Apart(answer, patience) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.__exit__(kind, error, trace)

    def each(
        self, questions: Iterable[tuple[Key, Question]]
    ) -> Iterator[tuple[Key, Answer | Lost]]:
        """Answer all, in order; at most one question a child is taken from the source ahead."""
        free = deque(self._children)
        asked: deque[tuple[Key, Apart[Question, Answer]]] = deque()
        for key, question in questions:
            child = free.popleft()
            child.put(question)
            asked.append((key, child))
            if not free:
                yield self._next(asked, free)
        while asked:
            yield self._next(asked, free)

    @staticmethod
    def _next(
        asked: deque[tuple[Key, Apart[Question, Answer]]], free: deque[Apart[Question, Answer]]
    ) -> tuple[Key, Answer | Lost]:
        key, child = asked.popleft()
        free.append(child)
        try:
            return key, child.get()
        except Lost as lost:
            return key, lost


def _serve(answer: Callable[[Any], Any], questions: Connection, other_end: Connection) -> None:
    # Ctrl-C reaches the whole group: the parent decides. Airflow's handler of SIGTERM would speak
    # to a supervisor that is the parent's. Holding the parent's end as well would keep this child
    # waiting after the parent's death.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    limit = max(MEMORY, _held() + _OWN)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    other_end.close()
    while True:
        try:
            questions.send(_answered(answer, questions.recv()))
        except (EOFError, ConnectionError):
            return


def _held() -> int:
    """Give the bytes that count for RLIMIT_DATA by now (proc(5), statm: data and stack)."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


def _answered(answer: Callable[[Any], Any], question: Any) -> tuple[Any, str]:
    try:
        return answer(question), ""
    except MemoryError:
        limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
        return None, f"reading it takes more than {limit // 1024**2} MB of memory"
    except Exception as error:  # noqa: BLE001  what it is goes to whoever asked
        return None, f"{type(error).__name__}: {error}"
