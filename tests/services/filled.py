"""A database that mailticket has worked in for years: many messages, and what goes with them."""

from __future__ import annotations

from pathlib import Path

from services.database import Database

BIG = frozenset(
    (
        *(
            "message",
            "original",
            "location",
            "attempt",
            "log_entry",
            "attachment",
            "blob",
            "outbox",
        ),
        *("ticket", "user_request", "ticket_contact", "ticket_event", "person", "run", "run_step"),
    )
)
"""Tables that grow for ever."""
_SQL = Path(__file__).with_suffix(".sql")


def fill(database: Database, messages: int) -> None:
    """Put in so many messages, half as many tickets, and what they bring."""
    database.rows(_SQL.read_text("utf-8").replace(":n", str(messages)))
    database.rows("ANALYZE")
