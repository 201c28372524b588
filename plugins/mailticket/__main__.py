"""``bin/mailticket``: what can be done without the scheduler (SPEC 6.8)."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from mailticket.errors import ConfigurationError, MailticketError

Command = Callable[[argparse.Namespace], int]
FAILED, WRONG = 1, 2
"""Exit status: something was not done; the command line or configuration is wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status; an error is one line on standard error."""
    options = _parser().parse_args(arguments)
    _set_up_logging(options.verbose)
    try:
        return int(_command(options.command)(options))
    except ConfigurationError as error:
        for fault in error.faults:
            print(f"mailticket: {fault}", file=sys.stderr)
        return WRONG
    except MailticketError as error:
        print(f"mailticket: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Whoever read us has seen enough; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        print("mailticket: interrupted; what was committed stays", file=sys.stderr)
        return 130


def _command(name: str) -> Command:
    # Each is imported when it is asked for: `explain` must not wait for Airflow.
    if name == "explain":
        from mailticket.commands import explain  # noqa: PLC0415

        return explain.explain
    if name == "import":
        from mailticket.commands import importing  # noqa: PLC0415

        return importing.import_rows
    if name == "outbox":
        from mailticket.commands import outbox  # noqa: PLC0415

        return outbox.outbox
    if name == "check":
        from mailticket.commands import checking  # noqa: PLC0415

        return checking.check_inbox
    from mailticket.commands import operating  # noqa: PLC0415

    commands: dict[str, Command] = {
        "run": operating.run,
        "migrate": operating.migrate_database,
        "reseal": operating.reseal_tokens,
        "reset": operating.reset,
        "ignore": operating.ignore,
    }
    return commands[name]


def _set_up_logging(verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mailticket",
        description="Mail becomes tickets, from a shell. Connections and Variables are taken "
        "the way Airflow resolves them.",
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="say more on standard error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _inbox_commands(commands)
    _message_commands(commands)
    _outbox_command(commands)
    _explain_command(commands)
    rows = commands.add_parser("import", help="add or change rows from a CSV file")
    rows.add_argument("kind", choices=("organizations", "persons", "services", "teams"))
    rows.add_argument("file", help="CSV in UTF-8 with a header row of column names; - for stdin")
    commands.add_parser("migrate", help="bring the schema mailticket to this version")
    reseal = commands.add_parser("reseal", help="encrypt kept tokens with the first Fernet key")
    reseal.add_argument(
        "--forget",
        action="store_true",
        help="drop them instead: the key they were kept with is lost",
    )
    return parser


def _inbox_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="connect, sign in, open the folder; say what fails")
    check.add_argument("inbox")
    run = commands.add_parser("run", help="take all steps once, without the scheduler")
    run.add_argument("inbox")
    run.add_argument("--quiet", "-q", action="store_true", help="no progress bar, no log lines")


def _message_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reset = commands.add_parser("reset", help="make messages new: the next run decides them again")
    ignore = commands.add_parser("ignore", help="set messages aside for good")
    for command in (reset, ignore):
        which = command.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "messages",
            nargs="*",
            default=[],
            metavar="MESSAGE",
            help="number of a message, or Message-ID",
        )
        which.add_argument("--held", metavar="INBOX", help="all of an inbox that wait for a person")
    ignore.add_argument("--reason", default="set aside from the shell")


def _outbox_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    outbox = commands.add_parser("outbox", help="list the mail that was not sent, and release it")
    outbox.add_argument("--inbox", help="of this inbox only")
    outbox.add_argument(
        "--release",
        nargs="+",
        type=int,
        default=[],
        metavar="ID",
        help="send these after all, whatever the caps say; a refused or unanswered one once more",
    )


def _explain_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser("explain", help="say how a mail is read, and what it would do")
    explain.add_argument("files", nargs="*", metavar="FILE", help=".eml files")
    explain.add_argument("--files-from", metavar="FILE", help="names of files, one a line; - stdin")
    explain.add_argument("--jsonl", action="store_true", help="one JSON object for each file")
    explain.add_argument("--inbox", help="decide as this inbox would; nothing is written")
    kind = explain.add_mutually_exclusive_group()
    kind.add_argument("--body", action="store_true", help="the files are bare text bodies")
    kind.add_argument("--body-html", action="store_true", help="the files are bare HTML bodies")


if __name__ == "__main__":
    sys.exit(main())
