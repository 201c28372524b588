"""When to ring, and when to wait: pure, with the clock handed in."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE = 60.0
"""Seconds in which a run should have begun after it was asked for."""
LONGEST = 3600.0
"""Seconds after which a bell that changed nothing is rung again, at the latest."""


@dataclass(slots=True)
class Doorbell:
    """One cause to ring for; rings once for each change, and for the same thing ever more rarely.

    The cause gives a key that changes when there is something else to do. A bell is answered when
    a run that began after it has done its part, which shows as another ``mark``.
    """

    apart: float = 0.0
    """Seconds between two rings at least."""
    _key: str | None = None
    _mark: object = None
    _rung: float | None = None
    _times: int = 0
    """How often it was rung for this key."""

    def rings(self, now: float, key: str | None, mark: object, *, busy: bool) -> bool:
        """Tell whether to ring now; True counts as rung.

        ``mark`` says which run was the last to do what is asked for; ``busy`` that one is at work.
        """
        if key is None:
            self._key, self._times = None, 0
            return False
        if self._rung is not None and now < self._next(key, mark, busy=busy):
            return False
        self._times = self._times + 1 if key == self._key else 1
        self._key, self._mark, self._rung = key, mark, now
        return True

    def is_waiting(self, now: float, mark: object) -> bool:
        """Tell whether a run was asked for that has not come yet."""
        if self._rung is None or self._key is None:
            return False
        return mark == self._mark and now < self._rung + PATIENCE

    def _next(self, key: str, mark: object, *, busy: bool) -> float:
        """Give the time before which it is not rung for this."""
        assert self._rung is not None
        earliest = self._rung + self.apart
        if self._key is not None and mark == self._mark:
            if busy:
                return float("inf")
            earliest = max(earliest, self._rung + PATIENCE)
        if key == self._key:
            earliest = max(earliest, self._rung + min(LONGEST, PATIENCE * 2**self._times))
        return earliest
