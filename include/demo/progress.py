"""What the demo says while it works: one line a step, and on a terminal what it waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status

WIDTH_OF_A_LOG = 160


def _console() -> Console:
    """Write to the terminal as wide as it is, into a file or pipe as wide as tables need."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_OF_A_LOG)


@dataclass(slots=True)
class Progress:
    """Seconds since the start stand before every line."""

    console: Console = field(default_factory=_console)
    _start: float = field(default_factory=time.monotonic)
    _status: Status | None = None
    _waiting_for: str = ""

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def say(self, line: str) -> None:
        """Print one line, as it is."""
        self.console.print(f"[dim]{self.seconds:6.1f} s[/dim]  {escape(line)}", soft_wrap=True)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Say what is being done, and how long it took."""
        self.wait_for(doing)
        start = time.monotonic()
        yield
        self.say(f"{doing}: {time.monotonic() - start:.1f} s")
        self.done_waiting()

    def wait_for(self, what: str) -> None:
        """Show what is waited for; where there is no terminal, print each change of it."""
        if what == self._waiting_for:
            return
        self._waiting_for = what
        if not self.console.is_terminal:
            self.say(f"… {what}")
        elif self._status:
            self._status.update(escape(what))
        else:
            self._status = self.console.status(escape(what))
            self._status.start()

    def done_waiting(self) -> None:
        """Stop showing what is waited for."""
        self._waiting_for = ""
        if self._status:
            self._status.stop()
            self._status = None
