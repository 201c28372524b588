"""Where a demo keeps what it made: secrets, ports, logs, stamps; one demo at a time."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from demo.ports import free_ports, is_free

CLONE = Path(__file__).resolve().parents[2]


class HomeInUse(Exception):
    """Another demo runs on this home."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords and keys, made once for a home and kept where only its owner reads."""

    postgres_password: str
    mail_password: str
    admin_password: str
    fernet_key: str
    jwt_secret: str
    api_secret: str

    @classmethod
    def generate(cls) -> Secrets:
        """Make new ones; passwords are short enough to be typed."""
        return cls(
            postgres_password=secrets.token_urlsafe(24),
            mail_password=secrets.token_urlsafe(9),
            admin_password=secrets.token_urlsafe(9),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            jwt_secret=secrets.token_urlsafe(48),
            api_secret=secrets.token_urlsafe(32),
        )


@dataclass(frozen=True, slots=True)
class Home:
    """A folder, by default ``.demo`` of the clone."""

    folder: Path

    def open(self) -> TextIO:
        """Make it and take its lock, which the returned file holds until it is closed.

        Raises ``HomeInUse``.
        """
        # As root, PostgreSQL runs as somebody else, who has to walk through here.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        for private in (self.logs, self.airflow):
            private.mkdir(exist_ok=True, mode=0o700)
        lock = (self.folder / "lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise HomeInUse(f"a demo is already running on {self.folder}") from None
        return lock

    @property
    def logs(self) -> Path:
        """Where each program's log file lies."""
        return self.folder / "logs"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.folder / "airflow"

    @property
    def postgres(self) -> Path:
        """Where PostgreSQL's files lie."""
        return self.folder / "postgres"

    def secrets(self) -> Secrets:
        """Read the secrets of this home; the first time, make them."""
        path = self.folder / "secrets.json"
        if path.exists():
            return Secrets(**json.loads(path.read_text("utf-8")))
        made = Secrets.generate()
        write_private(path, json.dumps({name: getattr(made, name) for name in made.__slots__}))
        return made

    def ports(self, names: Iterable[str]) -> dict[str, int]:
        """Choose a free port for each name: that of the last start where it is still free."""
        names = list(names)
        path = self.folder / "ports.json"
        last = json.loads(path.read_text("utf-8")) if path.exists() else {}
        fresh = dict(zip(names, free_ports(len(names)), strict=True))
        kept = {name: last[name] for name in names if name in last and is_free(last[name])}
        chosen = fresh | kept
        path.write_text(json.dumps(chosen), "utf-8")
        return chosen

    def has(self, stamp: str) -> bool:
        """Tell whether something was done in this home once and for all."""
        return (self.folder / "done" / stamp).exists()

    def note(self, stamp: str) -> None:
        """Remember that it was done."""
        path = self.folder / "done" / stamp
        path.parent.mkdir(exist_ok=True)
        path.touch()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.rename(path)
