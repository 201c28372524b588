"""Parsing beside a pass that still reads its mailbox: a large one keeps two cores at work.

What is fetched is filtered batch by batch, and parsed by a process beside. Tickets are made once
all is fetched: the answer may lie in the folder before what it answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from types import TracebackType
from typing import Self

from mailticket.beside import Beside, Hear, Tell, has_room
from mailticket.errors import MailticketError
from mailticket.passage import Counts, Outside, Passage
from mailticket.steps.decoding import decoders
from mailticket.steps.filter import Filtered, decide_by_headers, finish_filter
from mailticket.steps.parse import Parsed, finish_parse, parse_with

TOGETHER = 100
"""Messages from which a second process pays; of fewer, each step takes no time."""
_YIELDING = 5
"""How nice decoding is: what waits for the mailbox's order is what a pass waits for."""


class _Word(Enum):
    MORE = "more is accepted"
    ALL = "all is accepted"
    STOP = "what is accepted comes to its end, and no more"


class Ahead:
    """``parse`` at work beside ``fetch`` and ``filter``, from the moment when it pays."""

    def __init__(self, begin: Callable[[Outside], Passage], outside: Outside) -> None:
        """Take how ``parse`` is begun, in a process of its own, and who is told of progress."""
        self._begin, self._outside = begin, outside
        # At once: what `fetch` has in memory would be copied by each process that begins later.
        self._beside = Beside(self._parse, outside.progress) if has_room() else None
        self._filtered = Filtered()
        self.is_at_work = False

    def stored(self, p: Passage, messages: int) -> None:
        """Filter what ``fetch`` has stored, and have it parsed."""
        if not self._beside or messages < TOGETHER:
            return
        self._filtered = decide_by_headers(p, self._filtered, only_whole=True)
        self._say(_Word.MORE)
        self._beside.listen()

    def filter(self, p: Passage) -> Counts:
        """Filter what is left when all is stored."""
        self._filtered = decide_by_headers(p, self._filtered)
        return finish_filter(p, self._filtered)

    def parsing(self, accepted: int) -> Beside | None:
        """Let ``parse`` come to its end; None where it is not at work beside, and does not pay."""
        if not self.is_at_work and accepted < TOGETHER:
            return None
        self._say(_Word.ALL)
        return self._beside

    def _say(self, word: _Word) -> None:
        if self._beside:
            self.is_at_work = True
            self._beside.say(word)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._beside is None:
            return
        if kind and issubclass(kind, MailticketError) and self.is_at_work:
            self._come_to_an_end(self._beside)
        self._beside.__exit__(kind, error, trace)

    @staticmethod
    def _come_to_an_end(beside: Beside) -> None:
        """Leave no message begun: that a server went away is no fault of theirs."""
        beside.say(_Word.STOP)
        try:
            while beside.goes_on():
                pass
        except MailticketError:
            return  # the error that ends the pass is the one to tell

    def _parse(self, tell: Tell, hear: Hear) -> None:
        word = hear()
        if word is None:
            return
        os.nice(_YIELDING)
        sums = _Sums(tell)
        p = self._begin(replace(self._outside, progress=sums.progress))
        parsed = Parsed()
        with decoders(p) as crew:
            while True:
                parsed += parse_with(crew, p)
                sums.next()
                if word is not _Word.MORE:
                    break
                word = hear()
        if word is _Word.ALL:
            p.runs.finish_step(p.run, "parse", finish_parse(p, parsed))


class _Sums:
    """Progress over all the times that a step was taken."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._before = self._now = 0

    def progress(self, step: str, done: int, of: int | None) -> None:
        self._now = self._before + done
        self._tell(step, self._now, None if of is None else self._before + of)

    def next(self) -> None:
        self._before = self._now
