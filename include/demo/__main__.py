"""``python -m demo``: what bin/demo runs once everything is installed."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from demo.airflow import AirflowFailed
from demo.home import CLONE, Home, HomeInUse
from demo.outcome import Outcome
from demo.program import ProgramDied
from demo.progress import Progress
from demo.reference import SAMPLES, CommandFailed
from demo.samples import read_samples
from demo.show import SamplesMissing, Show
from demo.stack import Stack

_FAILURES = (
    AirflowFailed,
    CommandFailed,
    HomeInUse,
    OSError,
    ProgramDied,
    RuntimeError,
    SamplesMissing,
)
_STOPPED_BY_SIGNAL = 130


def main() -> int:
    """Run the demo; return its exit status."""
    options = _options()
    progress = Progress()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        with Home(options.home.resolve()).open() as _lock:
            return _perform(Home(options.home.resolve()), progress, once=options.once)
    except HomeInUse as failure:
        return _fail(progress, failure)


def _perform(home: Home, progress: Progress, *, once: bool) -> int:
    stack = Stack.on(home)
    show = Show(stack, Outcome(stack.tickets, read_samples(SAMPLES)), progress)
    status = _STOPPED_BY_SIGNAL
    try:
        status = _run(show, once=once)
    except KeyboardInterrupt:
        progress.done_waiting()
    except _FAILURES as failure:
        status = _fail(progress, failure)
    finally:
        _stop(stack, progress)
    return status


def _run(show: Show, *, once: bool) -> int:
    """Return 0 when all went as expected; staying, a surprise is told and can be looked at."""
    status = 0
    try:
        show.run()
    except SamplesMissing as failure:
        status = _fail(show.progress, failure)
    show.tell_how_to_look()
    if once:
        return status
    try:
        show.stay()
    except KeyboardInterrupt:
        return status
    return status


def _fail(progress: Progress, failure: Exception) -> int:
    progress.done_waiting()
    progress.console.print(f"\ndemo: {failure}", style="bold red", markup=False, soft_wrap=True)
    return 1


def _stop(stack: Stack, progress: Progress) -> None:
    """Stop all servers; whoever presses Ctrl-C once more has to wait these seconds too."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    progress.console.print()
    with progress.step("Stopping"):
        stack.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/demo",
        description="Mail becomes tickets, on servers of this demo's own, on this machine only.",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="stop when the sample mails are decided; exit status 1 if one is not as expected",
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=CLONE / ".demo",
        metavar="FOLDER",
        help="where everything is kept from one start to the next (default: .demo)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
