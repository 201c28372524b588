"""The sample mails: what is sent, and what is expected of each."""

from __future__ import annotations

import smtplib  # noqa: TID251 -- the demo plays the rest of the world
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path

from demo.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail of include/samples/mails and its entry in samples.toml."""

    file: str
    inbox: str
    shows: str
    verdict: str
    original: bytes
    ticket_of: str = ""
    """The file whose ticket it is to update."""
    forwarded_to: str = ""
    """Who is to be told that it is in error."""

    @property
    def message_id(self) -> str:
        """Its Message-ID, without ``<>``."""
        return str(message_from_bytes(self.original)["Message-ID"]).strip(" <>")

    @property
    def sender(self) -> str:
        """The address in From."""
        return parseaddr(str(message_from_bytes(self.original)["From"]))[1]

    @property
    def recipient(self) -> str:
        """The address in To."""
        return parseaddr(str(message_from_bytes(self.original)["To"]))[1]


def read_samples(folder: Path) -> list[Sample]:
    """Read samples.toml and the mails that it names."""
    entries = tomllib.loads((folder / "samples.toml").read_text("utf-8"))["sample"]
    return [
        Sample(**entry, original=(folder / "mails" / entry["file"]).read_bytes())
        for entry in entries
    ]


def send(samples: Iterable[Sample], smtp_port: int) -> None:
    """Send them by SMTP, in order; one connection a mail, as the world does."""
    for sample in samples:
        with smtplib.SMTP(LOOPBACK, smtp_port, timeout=20) as client:
            client.sendmail(sample.sender, [sample.recipient], sample.original)
