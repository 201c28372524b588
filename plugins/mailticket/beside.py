"""A step in a process beside this one, so that the next step can follow it message by message."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from mailticket.errors import MailticketError
from mailticket.forking import FORK, start_sharing

_GRACE = 10
"""Seconds that the process has to end in when it is told to."""
_HEARD = "heard"

Tell = Callable[[str, int, int | None], None]
"""Called with (what, done, of how many)."""
Hear = Callable[[], object]
"""Waits for what is said; gives it, or None when nobody will say anything any more."""


def has_room() -> bool:
    """Tell whether a second process would find a core that is free."""
    return len(os.sched_getaffinity(0)) > 1


class Beside:
    """A step at work in a process of its own; it tells after each group how far it is."""

    def __init__(self, step: Callable[[Tell, Hear], object], tell: Tell) -> None:
        """Take the step, which is given whom to tell and how to hear, and who is told here."""
        self._tell = tell
        self._goes_on = True
        self._is_unheard = False
        self._next: object = None
        self._line, theirs = FORK.Pipe()
        self._process = FORK.Process(target=_work, args=(step, theirs, self._line))
        start_sharing(self._process)
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What it does is whole after each commit: to end it is what a kill would be.
        if self._goes_on:
            self._process.terminate()
        self._process.join(_GRACE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self._line.close()

    def say(self, word: object) -> None:
        """Say something to the step, without waiting; of what it has not heard, the last counts.

        One word at a time is on its way: if both sides filled the line, neither would ever read.
        """
        if self._is_unheard:
            self._next = word
            return
        self._is_unheard = True
        with suppress(ConnectionError):  # it died: `goes_on` will say how
            self._line.send(word)

    def listen(self) -> None:
        """Take in how far it is, without waiting. Raises what it raised."""
        while self._goes_on and self._line.poll():
            self._hear()

    def goes_on(self) -> bool:
        """Wait until it has got further; tell whether it goes on. Raises what it raised."""
        if self._goes_on:
            self._hear()
        self.listen()
        return self._goes_on

    def _hear(self) -> None:
        try:
            heard = self._line.recv()
        except (EOFError, ConnectionError):
            self._goes_on = False
            self._process.join(_GRACE)
            code = self._process.exitcode
            raise MailticketError(f"the process beside ended with exit status {code}") from None
        if isinstance(heard, tuple):
            self._tell(*heard)
            return
        if heard == _HEARD:
            self._was_heard()
            return
        self._goes_on = False
        if isinstance(heard, BaseException):
            raise heard

    def _was_heard(self) -> None:
        self._is_unheard = False
        word, self._next = self._next, None
        if word is not None:
            self.say(word)


def _work(step: Callable[[Tell, Hear], object], line: Connection, other_end: Connection) -> None:
    # Ctrl-C reaches the whole group: the parent decides. Holding the parent's end as well would
    # keep this process at work after the parent's death.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    other_end.close()
    try:
        step(lambda *far: line.send(far), lambda: _heard(line))
    except ConnectionError:
        return  # nobody listens any more
    except BaseException as error:  # noqa: BLE001 - the parent is to raise it
        _send(line, error)
    else:
        _send(line, None)


def _heard(line: Connection) -> object:
    try:
        word = line.recv()
        line.send(_HEARD)
    except (EOFError, ConnectionError):
        return None
    return word


def _send(line: Connection, end: BaseException | None) -> None:
    with suppress(ConnectionError):
        try:
            pickle.loads(pickle.dumps(end))  # noqa: S301 - its own: not each error can be rebuilt
        except Exception:  # noqa: BLE001
            end = MailticketError(f"{type(end).__name__}: {end}")
        line.send(end)
