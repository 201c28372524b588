"""One inbox out of a thousand: the Variables are read now and then, and only this inbox checked."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from mailticket.airflow_access import Access
from mailticket.config import INBOXES, Inbox, Settings, check_inbox, load
from mailticket.config_json import read_object
from mailticket.errors import ConfigurationError, NotFound

_AGE = 10.0
"""Seconds for which what was read serves all watchers of the process."""


class Variables:
    """The configuration, as it was some seconds ago at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._texts: tuple[str | None, ...] = ()
        self._inboxes: Mapping[str, Any] = {}
        self._settings = Settings()

    def inbox(self, access: Access, name: str) -> Inbox:
        """Give one inbox; raises ``ConfigurationError`` or ``NotFound``."""
        with self._lock:
            self._refresh(access)
        if name not in self._inboxes:
            raise NotFound(f"there is no inbox {name} in the Variable {INBOXES}")
        inbox, faults = check_inbox(name, self._inboxes[name], self._settings)
        if inbox is None:
            raise ConfigurationError(*faults)
        return inbox

    def names(self, access: Access) -> frozenset[str]:
        """Name all inboxes that the Variable has."""
        with self._lock:
            self._refresh(access)
            return frozenset(self._inboxes)

    def _refresh(self, access: Access) -> None:
        if time.monotonic() < self._read_at + _AGE:
            return
        texts, _ = access.texts()
        inboxes, settings = texts
        if inboxes is None and self._inboxes:
            return  # Airflow says so, too, when it cannot answer: nobody stops watching for that
        if texts != self._texts:
            self._inboxes = read_object(INBOXES, inboxes)
            self._settings = load(None, settings).settings
            self._texts = texts
        self._read_at = time.monotonic()
