"""The demo's result, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.outcome import Outcome

_TICKETS = ("Ticket", "Class", "Title", "Caller", "Status", "Log", "Files")
_SHORT = {"Ticket", "Class", "Status", "Log", "Files", "Inbox", "Verdict"}
_REFUSED = ("Inbox", "Sender", "Subject", "Verdict", "Rule", "Reason", "Told")


def show(console: Console, outcome: Outcome) -> None:
    """Print the tickets and the messages that became none."""
    console.print()
    console.print(_table("Tickets", _TICKETS, outcome.ticket_rows()))
    console.print()
    console.print(_table("Messages without a ticket", _REFUSED, outcome.refused_rows()))


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for head in heads:
        # The long ones share what the short ones leave.
        table.add_column(head, overflow="fold", no_wrap=head in _SHORT)
    for row in rows:
        # What a mail says is text, never markup.
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table
