"""explain: how mails are read and what they would do, one file after the other."""

from __future__ import annotations

import argparse
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mailticket.apart import Apart, Lost
from mailticket.errors import ConfigurationError, Fault, LimitExceeded, MailticketError, NotFound
from mailticket.explaining import Document, bare_body, explanation, for_person, json_line
from mailticket.options import ParseOptions
from mailticket.parsing import parse
from mailticket.sizes import CEILING

if TYPE_CHECKING:
    from mailticket.commands.deciding import Judge

Write = Callable[[Document], bytes]
STDIN = "-"
_MARGIN_SECONDS = 10
"""Beside ``limit_seconds``: for the file itself and for the database."""
_AGAIN_SECONDS = 30
"""A database that is out of reach is not asked again for every one of a thousand files."""


def explain(options: argparse.Namespace) -> int:
    """Explain each file in turn; a mail that cannot be read is told of, and fails nothing."""
    if not options.files and not options.files_from:
        raise ConfigurationError(Fault("", "FILE", "none", "name files, or give --files-from"))
    judge = _judge(options.inbox) if options.inbox else None
    reading = judge.inbox.parse_options() if judge else ParseOptions()
    explainer = Explainer(reading, _bare_type(options), judge, _stdin())
    write = json_line if options.jsonl else _plain

    def answer(file: str) -> bytes:
        return write(explainer.explain(file))

    with Apart(answer, patience=_patience(reading)) as apart:
        for file in _files(options):
            _print(_line(apart, file, write))
    return 0


def _judge(inbox: str) -> Judge:
    # Airflow takes seconds to import: only who asks for a decision waits for it.
    from mailticket.commands.deciding import judge_for  # noqa: PLC0415

    return judge_for(inbox)


def _bare_type(options: argparse.Namespace) -> str:
    if options.body_html:
        return "text/html"
    return "text/plain" if options.body else ""


def _stdin() -> int:
    try:
        return os.dup(0)
    except OSError:  # cron and daemons may start us with none
        return os.open(os.devnull, os.O_RDONLY)


def _patience(reading: ParseOptions) -> float:
    return reading.limits.seconds + _MARGIN_SECONDS


def _line(apart: Apart[str, bytes], file: str, write: Write) -> bytes:
    try:
        return apart.ask(file)
    except Lost as lost:
        return write(explanation(file, error=str(lost)))


def _plain(document: Document) -> bytes:
    encoding = sys.stdout.encoding or "utf-8"
    return for_person(document).encode(encoding, "backslashreplace")


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _files(options: argparse.Namespace) -> Iterator[str]:
    yield from options.files
    if options.files_from == STDIN:
        yield from _names(sys.stdin.buffer)
    elif options.files_from:
        try:
            listing = open(options.files_from, "rb")  # noqa: PTH123, SIM115  closed below
        except OSError as error:
            raise NotFound(f"--files-from {options.files_from}: {error.strerror}") from error
        with listing:
            yield from _names(listing)


def _names(lines: Any) -> Iterator[str]:
    """Take names as they come, one a line, or each ended by NUL as ``find -print0`` writes."""
    for line in lines:
        for name in re.split(b"[\r\n\0]", line):
            if name:
                yield os.fsdecode(name)


@dataclass(slots=True)
class Explainer:
    """Reads one file after the other; ``explain`` never raises."""

    reading: ParseOptions
    bare_type: str
    """``text/plain`` or ``text/html`` where files are bare bodies."""
    judge: Judge | None
    stdin: int
    """Its descriptor: a child has another standard input."""
    _out_of_reach: str = ""
    _not_before: float = field(default=0.0)

    def explain(self, file: str) -> Document:
        """Give the object that stands for one file."""
        try:
            raw, size = _read(self.stdin if file == STDIN else file)
        except OSError as error:
            return explanation(file, error=error.strerror or str(error))
        except Exception as error:  # noqa: BLE001  whatever the file is, the next one is read
            return explanation(file, error=_told(error))
        if self.bare_type:
            return self._bare(file, raw, size)
        return self._mail(file, raw, size)

    def _bare(self, file: str, raw: bytes, size: int) -> Document:
        try:
            _check_ceiling(size)
            message = bare_body(raw, self.bare_type, self.reading)
        except Exception as error:  # noqa: BLE001  see above
            return explanation(file, error=_told(error))
        return explanation(file, message=message)

    def _mail(self, file: str, raw: bytes, size: int) -> Document:
        try:
            _check_ceiling(size)
            message = parse(raw, self.reading)
        except LimitExceeded as refusal:
            decision, _ = self._decision(raw, size, refusal)
            return explanation(file, error=str(refusal), decision=decision)
        except Exception as error:  # noqa: BLE001  see above
            return explanation(file, error=_told(error))
        decision, problem = self._decision(raw, size, message)
        return explanation(file, error=problem, message=message, decision=decision)

    def _decision(self, raw: bytes, size: int, read: Any) -> tuple[Document | None, str | None]:
        """Give the decision, or why there is none."""
        if self.judge is None:
            return None, None
        if time.monotonic() < self._not_before:
            return None, self._out_of_reach
        try:
            return self.judge.decide(raw, size, read), None
        except MailticketError as error:
            self._out_of_reach = f"no decision: {error}"
            self._not_before = time.monotonic() + _AGAIN_SECONDS
            return None, self._out_of_reach
        except Exception as error:  # noqa: BLE001  see above
            return None, f"no decision: {_told(error)}"


def _read(file: str | int) -> tuple[bytes, int]:
    """Read a file up to the ceiling; give its true size where that is known."""
    with open(file, "rb") as opened:  # noqa: PTH123  a descriptor, or a name ending in a slash
        about = os.fstat(opened.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_size > CEILING:
            # Its header section is enough for what can be said about it.
            return opened.read(2 * 1024**2), about.st_size
        raw = opened.read(CEILING + 1)
        return raw, len(raw)


def _check_ceiling(size: int) -> None:
    if size > CEILING:
        reason = f"{size:,} bytes or more, none above {CEILING:,} is read"
        raise LimitExceeded("maximum_email_size", reason)


def _told(error: Exception) -> str:
    known = isinstance(error, MailticketError)
    return str(error) if known else f"{type(error).__name__}: {error}".rstrip(": ")
