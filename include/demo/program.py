"""One server program: started in a group of its own, watched, stopped for certain."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TAIL_LINES = 25


class ProgramDied(Exception):
    """A program that should run does not; the message ends with the tail of its log."""


@dataclass(slots=True)
class Program:
    """A command, its environment, and the log file that receives all it says.

    It gets its own process group, so that Ctrl-C reaches only who started it, and all that it
    starts in turn is stopped with it.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path | None = None
    """Where it runs."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 20
    """Seconds from asking it to stop to killing it."""
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it said before stays in its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [*dies_with_parent(self.stop_signal), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                cwd=self.folder,
                start_new_session=True,
            )

    def is_alive(self) -> bool:
        """Tell whether it runs."""
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int:
        """Number of its process; 0 where there is none."""
        return self._running.pid if self._running else 0

    def require_alive(self) -> None:
        """Raise ``ProgramDied`` unless it runs."""
        if self.is_alive():
            return
        code = self._running.returncode if self._running else None
        raise ProgramDied(f"{self.name} stopped by itself (exit status {code}):\n{self.tail()}")

    def tail(self) -> str:
        """Quote the last lines of its log, and name the file."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return "\n".join([*lines[-TAIL_LINES:], f"(all of it: {self.log})"])

    def ask_to_stop(self) -> None:
        """Send it the signal on which it stops in order; do not wait."""
        if self._running and self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._running.pid, self.stop_signal)

    def kill(self) -> None:
        """End it and all that it started, now, as a power cut does."""
        if self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            self._running = None

    def stop(self) -> None:
        """Stop it and all that it started, in order if it can, by force after its grace."""
        if not self._running:
            return
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(self.grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()
        self._running = None


def dies_with_parent(with_signal: signal.Signals) -> list[str]:
    """Prefix a command so that it gets this signal when its parent is killed (Linux)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", with_signal.name.removeprefix("SIG"), "--"] if setpriv else []
