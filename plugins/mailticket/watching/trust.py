"""How long a server that says it pushes is believed when it says nothing: pure."""

from __future__ import annotations

RENEWAL = 540.0
"""Seconds of one IDLE: servers end it after 30 minutes, a silent line has to be noticed sooner."""


class Trust:
    """Grows with each look that finds nothing untold, and is gone with the first that does.

    Some servers have IDLE and do not push: mail that came another way, on a network's folder, by
    another process. They are looked at as those without IDLE are, until they push after all.
    """

    def __init__(self, between: float) -> None:
        self._between = between
        self._seconds = between
        self._lost = False

    @property
    def seconds(self) -> float:
        """Seconds after which to look though nothing was told."""
        return min(self._seconds, RENEWAL)

    def judge(self, *, missed: bool) -> None:
        """Take what a look found after all had been quiet."""
        if missed:
            self._seconds, self._lost = self._between, True
        elif not self._lost:
            self._seconds = min(RENEWAL, self._seconds * 2)

    def restore(self) -> None:
        """Take that it pushed."""
        self._lost = False
