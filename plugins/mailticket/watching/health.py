"""Whether a mailbox can be watched: how long to wait after a failure, and when to tell: pure."""

from __future__ import annotations

from dataclasses import dataclass

from mailticket.errors import MailboxUnavailable, MailticketError, StoreUnavailable

TOLD_AFTER = 60.0
"""Seconds for which a mailbox may be away untold: servers are restarted."""
_PASSING = (2, 5, 10, 20, 40, 60, 120, 300)
_LASTING = (60, 120, 300, 600)
"""Seconds until the next try: what passes, what somebody has to mend.

A sign-in that was refused is put off for longer by its keeper, which is asked again.
"""


@dataclass(slots=True)
class Health:
    """How one mailbox has been doing; ``told`` says that an operator knows of its failure."""

    failing_since: float | None = None
    told: bool = False
    error: str = ""
    _tries: int = 0

    @property
    def is_well(self) -> bool:
        """True unless the last try failed."""
        return self.failing_since is None

    def failed(self, now: float, error: MailticketError) -> tuple[float, bool]:
        """Note a failure; give the seconds until the next try, and whether it is to be told now."""
        if self.failing_since is None:
            self.failing_since = now
        self.error = str(error)
        lasts = not error.transient or now - self.failing_since >= TOLD_AFTER
        tell = lasts and not self.told and not isinstance(error, StoreUnavailable)
        self.told = self.told or tell
        wait = _pause(error, self._tries)
        self._tries += 1
        return wait, tell

    def recovered(self) -> bool:
        """Note that all is well; True when its failure had been told."""
        told = self.told
        self.failing_since, self.told, self.error, self._tries = None, False, "", 0
        return told


def _pause(error: MailticketError, tries: int) -> float:
    steps = _PASSING if error.transient else _LASTING
    pause = float(steps[min(tries, len(steps) - 1)])
    asked = error.retry_after if isinstance(error, MailboxUnavailable) else None
    return max(pause, asked or 0.0)
