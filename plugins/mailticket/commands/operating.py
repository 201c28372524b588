"""run, migrate, reseal, reset, ignore: what an operator does with inboxes and messages."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import structlog
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mailticket.airflow_access import in_shell
from mailticket.config import Inbox
from mailticket.errors import NotFound
from mailticket.ingest import run_once, summary
from mailticket.passage import Counts, Outside
from mailticket.passage import Progress as Tell
from mailticket.store.attempts import Attempts
from mailticket.store.intake import Intake
from mailticket.store.postgres import Database
from mailticket.store.sealed import forget, reseal


def run(options: argparse.Namespace) -> int:
    """Take all steps of one inbox, again while a pass left a rest; fail when a message failed."""
    access = in_shell()
    inbox = access.inbox(options.inbox)
    name = f"shell:{socket.gethostname()}:{os.getpid()}:{datetime.now(UTC):%Y%m%dT%H%M%S}"
    _log_lines(options.quiet)
    with _progress(options.quiet) as tell:
        db = access.database()
        outside = access.outside(progress=tell, insists=name, db=db)
        passes = _passes(db, inbox, name, outside)
        told = [_told(inbox, counts, failed) for counts, failed in passes]
    return 1 if any(told) else 0


def _passes(
    db: Database, inbox: Inbox, name: str, outside: Outside
) -> Iterator[tuple[Counts, list[str]]]:
    """Take passes until none leaves a rest (``max_messages_per_run``)."""
    yield run_once(db, inbox, name, outside)
    further = count(2)
    while Intake(db).has_rest(inbox.name):
        yield run_once(db, inbox, f"{name}:{next(further)}", outside)


def _told(inbox: Inbox, counts: Counts, failed: list[str]) -> bool:
    print(f"inbox {inbox.name}: {summary(counts)}")
    for line in failed:
        print(f"failed: {line}")
    return bool(failed)


def _log_lines(quiet: bool) -> None:
    """Write a plain line for each event to standard error."""

    def line(_logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        mark = "" if method == "info" else f"{method}: "
        return f"{mark}{event['event']}"

    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(30 if quiet else 20),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[Tell]:
    """Show a bar for the step that is being taken; on a terminal only."""
    columns = (
        TextColumn("{task.description:>14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, transient=True, disable=quiet or not sys.stdout.isatty()) as bars:
        tasks: dict[str, object] = {}

        def tell(step: str, done: int, of: int | None) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=of)
            bars.update(tasks[step], completed=done, total=of)  # type: ignore[arg-type]

        yield tell


def migrate_database(_options: argparse.Namespace) -> int:
    """Bring the schema to the version of the code."""
    from mailticket.store.migrate import migrate  # noqa: PLC0415  `run` must not wait for Alembic

    before, after = migrate(in_shell().database_parameters())
    print(
        f"schema mailticket: {before or 'nothing'} → {after}"
        if before != after
        else f"schema mailticket is at {after}"
    )
    return 0


def reseal_tokens(options: argparse.Namespace) -> int:
    """Encrypt what is kept with the first of Airflow's Fernet keys, or drop it."""
    access = in_shell()
    if options.forget:
        forget(access.database())
        print("what was kept is dropped: tokens are fetched with what the Connections hold")
        return 0
    count = reseal(access.database(), access.keys())
    print(f"{count} tokens are encrypted with the first key of core.fernet_key")
    return 0


def reset(options: argparse.Namespace) -> int:
    """Make messages new."""
    attempts, ids = _found(options)
    done = attempts.reset(ids)
    _say(done, ids, "is new: the next run of its inbox decides it", "is new already")
    return 0


def ignore(options: argparse.Namespace) -> int:
    """Set messages aside."""
    attempts, ids = _found(options)
    done = attempts.ignore(ids, options.reason)
    _say(done, ids, "is ignored", "has become a ticket: it stays processed")
    return 0


def _found(options: argparse.Namespace) -> tuple[Attempts, list[int]]:
    attempts, names = Attempts(in_shell().database()), options.messages
    if options.held:
        held = attempts.held(options.held)
        if not held:
            print(f"no message of inbox {options.held} is held")
        return attempts, held
    rows = attempts.find(names)
    known = {str(row["id"]) for row in rows} | {row["message_id"] for row in rows}
    unknown = [name for name in names if name.strip("<>") not in known]
    if unknown:
        raise NotFound(f"no message has the number or Message-ID {', '.join(unknown)}")
    return attempts, [row["id"] for row in rows]


def _say(done: list[int], ids: list[int], yes: str, no: str) -> None:
    for number in ids:
        print(f"message {number} {yes if number in done else no}")
