"""How many sessions a mail server gets from us at a time, all inboxes together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailticket.errors import Fault

EXTRA = ("max_connections", "max_connections_per_login")
_ONE_A_MAILBOX = {"outlook.office365.com"}
"""Microsoft 365 throttles a mailbox that is opened twice at a time."""
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Most sessions at a time; 0: as many as there are inboxes."""

    of_server: int = 0
    of_login: int = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an inbox's session would be, and within which limits."""

    server: str = ""
    login: str = ""
    limits: Limits = field(default_factory=Limits)


def limits_from(host: str, extra: Mapping[str, object], faults: list[Fault]) -> Limits:
    """Read a Connection's Extra; what is no number goes to the faults."""
    usual = (0, 1 if host.lower() in _ONE_A_MAILBOX else 0)
    return Limits(*(_number(extra, name, n, faults) for name, n in zip(EXTRA, usual, strict=True)))


def _number(extra: Mapping[str, object], name: str, usual: int, faults: list[Fault]) -> int:
    written = extra.get(name, usual)
    if written in (None, ""):
        return usual
    if str(written).isdecimal() and int(str(written)) <= _MOST:
        return int(str(written))
    allowed = f"a number from 1 to {_MOST}; 0 for no limit"
    faults.append(Fault("", f"Connection Extra: {name}", str(written)[:100], allowed))
    return usual
