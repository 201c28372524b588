"""Mails of every kind with what must become of each: drawn by chance, the same for each seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from services.arena import mail
from services.scenes import with_parts

OPS = "ops@help.example"
TEAM = "desk@help.example"
LARGEST = 40_000
"""Bytes above which a letter is too big; ``SETTINGS`` says so."""
SETTINGS = {
    "maximum_email_size": LARGEST,
    "limit_header_bytes": 8000,
    "cap_mails_per_recipient": [],
    "cap_tickets_per_sender": [],
}
SHARED = "The same signature on every mail. " * 20
Place = Literal["settled", "error", "undesired", "saved", "held"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery: what goes into the mailbox, and what it calls for."""

    number: int
    raw: bytes = field(repr=False)
    verdict: str
    rule: str
    place: Place
    thread: str = ""
    """The ticket that it makes or adds to, by the title of its first mail."""
    text: str = ""
    """Of the log entry."""
    files: frozenset[str] = frozenset()
    """SHA-256 of each of its attachments."""
    told: frozenset[tuple[str, str]] = frozenset()
    """(kind, recipient) of each mail that is sent about it."""
    sender: str = ""


class Writer:
    """Writes letters; each may answer those before it."""

    def __init__(self, chance: random.Random, *, strangers: bool = False, people: int = 12) -> None:
        self.chance, self.strangers = chance, strangers
        self.people = [f"person{n}@acme.example" for n in range(people)]
        self.letters: list[Letter] = []
        self.roots: list[tuple[str, str, str]] = []
        self.mark = f"{chance.randrange(10**9)}"

    def every_kind(self) -> list[Letter]:
        """Write one of each kind, and some that come in twos."""
        kinds: list[Callable[[], None]] = [
            self.new, self.reply, self.new_with_files, self.nobody, self.reply_with_files,
            self.spam, self.copy, self.machine, self.big, self.new_with_files, self.faulty,
            self.reply,
        ]  # fmt: skip
        for write in kinds:
            write()
        return self.letters

    def many(self, number: int) -> list[Letter]:
        """Write so many by chance."""
        kinds = {
            self.new: 30, self.reply: 25, self.new_with_files: 8, self.reply_with_files: 8,
            self.copy: 8, self.nobody: 6, self.spam: 5, self.machine: 4, self.big: 2,
            self.faulty: 4,
        }  # fmt: skip
        self.new()
        while len(self.letters) < number:
            self.chance.choices(list(kinds), list(kinds.values()))[0]()
        return self.letters

    # -- kinds ------------------------------------------------------------------------------------

    def new(self, files: Iterable[str] = ()) -> None:
        sender = self.chance.choice(self.people)
        title = f"Subject {self._number}"
        self.roots.append((title, f"<{self._number}.{self.mark}@acme.example>", sender))
        told = {("acknowledgement", sender), ("team", TEAM)}
        self._add(title, sender, "create", "create_ticket", "settled", title, told, files=files)

    def reply(self, files: Iterable[str] = ()) -> None:
        title, root, sender = self.chance.choice(self.roots)
        told = {("team", TEAM)}
        self._add(
            f"Re: {title}", sender, "update", "thread", "settled", title, told,
            headers=[f"In-Reply-To: {root}"], files=files,
        )  # fmt: skip

    def new_with_files(self) -> None:
        self.new([SHARED, f"A file of {self._number}. " * 10])

    def reply_with_files(self) -> None:
        self.reply([SHARED, f"A file of {self._number}. " * 10])

    def copy(self) -> None:
        """Deliver once more what came before: another path, the same mail."""
        first = self.chance.choice([one for one in self.letters if one.verdict == "create"])
        raw = first.raw.replace(b"X-Delivery: %d\r\n" % first.number, self._mark, 1)
        self.letters.append(
            replace(
                first, number=self._number, raw=raw, verdict="duplicate", rule="already_handled",
                told=frozenset(), thread="", files=frozenset(),
            )
        )  # fmt: skip

    def nobody(self) -> None:
        told = {("forwarded_error", OPS)}
        sender = f"stranger{self._number}@else.example" if self.strangers else ""
        if sender:
            told.add(("rejection_reply", sender))
        self._add("From nobody", sender, "rejected", "unknown_caller", "error", told=told)

    def spam(self) -> None:
        sender = self.chance.choice(self.people)
        self._add("Spam", sender, "undesired", "undesired_subject", "undesired")

    def machine(self) -> None:
        sender = self.chance.choice(self.people)
        headers = ["Auto-Submitted: auto-replied"]
        self._add("Away", sender, "undesired", "automatic_mail", "undesired", headers=headers)

    def big(self) -> None:
        told = {("forwarded_error", OPS)}
        sender, body = self.chance.choice(self.people), "x" * 70 + "\r\n"
        self._add(
            "Big", sender, "rejected", "too_big", "saved", told=told, body=body * (LARGEST // 70)
        )

    def faulty(self) -> None:
        told = {("forwarded_error", OPS)}
        sender = self.chance.choice(self.people)
        headers = [f"X-Fill-{n}: {'y' * 900}" for n in range(10)]
        rule = "limit_header_bytes"
        self._add("Faulty", sender, "failed", rule, "error", told=told, headers=headers)

    def loud(self, *, held: bool) -> None:
        """One of many of one sender; the first of those over the cap is told."""
        sender, title = "loud@acme.example", f"Alarm {self._number}"
        if not held:
            told = {("acknowledgement", sender), ("team", TEAM)}
            self._add(title, sender, "create", "create_ticket", "settled", title, told)
            return
        first = not any(one.verdict == "held" for one in self.letters)
        told = {("storm", OPS)} if first else set()
        self._add(title, sender, "held", "cap_tickets_per_sender", "held", told=told)

    # -- writing ----------------------------------------------------------------------------------

    @property
    def _number(self) -> int:
        return len(self.letters) + 1

    @property
    def _mark(self) -> bytes:
        return b"X-Delivery: %d\r\n" % self._number

    def _add(  # noqa: PLR0917
        self,
        subject: str,
        sender: str,
        verdict: str,
        rule: str,
        place: Place,
        thread: str = "",
        told: Iterable[tuple[str, str]] = (),
        *,
        headers: Iterable[str] = (),
        files: Iterable[str] = (),
        body: str = "",
    ) -> None:
        text = f"Words {self._number} of {self.mark}."
        options = {
            "subject": subject, "sender": f"Pat Person <{sender}>" * bool(sender),
            "body": body or text, "headers": list(headers),
            "message_id": f"<{self._number}.{self.mark}@acme.example>",
        }  # fmt: skip
        files = list(files)
        raw = with_parts(*_parts(text, files), **options) if files else mail(**options)
        digests = frozenset(hashlib.sha256(file.encode()).hexdigest() for file in files)
        text = text if verdict == "update" else ""
        self.letters.append(
            Letter(
                self._number, self._mark + raw, verdict, rule, place, thread, text, digests,
                frozenset(told), sender,
            )
        )  # fmt: skip


def _parts(text: str, files: Iterable[str]) -> list[tuple[str, bytes]]:
    kind = 'application/x-thing\r\nContent-Disposition: attachment; filename="{0}.thing"'
    attached = [(kind.format(f"file{n}"), file.encode()) for n, file in enumerate(files)]
    return [("text/plain; charset=utf-8", text.encode()), *attached]
