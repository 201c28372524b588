"""Tickets and the changes that a message makes to them, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TITLE_CHARACTERS = 255
DESCRIPTION_CHARACTERS = 1_000_000
"""Of HTML; a longer body is cut, and attached whole."""

MAPPED_FIELDS = ("title", "description", "caller_id", "origin", "org_id")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in ``person``."""

    id: int
    first_name: str
    name: str
    email: str
    org_id: int

    @property
    def full_name(self) -> str:
        """First name and name, for log entries."""
        return f"{self.first_name} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a ticket class, as the catalogue describes it."""

    name: str
    type: str
    mandatory: bool
    values: tuple[str, ...] = ()
    """Of an enum, or the statuses."""
    refers_to: str = ""
    """The table that it is a key to, with its schema, quoted where needed."""
    own: bool = False
    """A column of the class's own table, not of ``ticket``."""
    max_characters: int | None = None
    refers_column: str = "id"
    """The column of that table."""


@dataclass(frozen=True, slots=True)
class TicketClass:
    """A row of ``ticket_class`` with its fields and statuses."""

    name: str
    table: str
    prefix: str
    log_field: str
    log_fields: tuple[str, ...]
    fields: Mapping[str, Field]
    statuses: tuple[str, ...]
    closed: frozenset[str]
    initial: str
    reopened: str
    """The status that a closed ticket takes when it is reopened."""


@dataclass(frozen=True, slots=True)
class TicketBrief:
    """A ticket as matching needs it."""

    id: int
    ref: str
    ticket_class: str
    status: str
    closed: bool
    related: bool
    """The sender is its caller, a contact, its agent, in its team or its organisation."""
    by_agent: bool = False
    """The sender is its agent or in its team."""
    reopens: tuple[int, ...] = ()
    """How often mail reopened it, in the window of each cap."""


@dataclass(frozen=True, slots=True)
class Threaded:
    """A message that this one refers to and that is on a ticket."""

    message_id: str
    ticket: TicketBrief
    took_part: bool
    """The sender is in that message's From, To or Cc."""


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What the database knows that the rules of the ticket phase may ask."""

    callers: tuple[Person, ...] = ()
    signed: tuple[TicketBrief, ...] = ()
    threaded: tuple[Threaded, ...] = ()
    titled: tuple[TicketBrief, ...] = ()
    contacts: tuple[Person, ...] = ()
    """Whom the addresses in To and Cc name, the first of several."""
    attached: frozenset[tuple[int, str]] = frozenset()
    """(ticket, SHA-256 in hex) of files of this message that a found ticket has already."""
    earlier: TicketBrief | None = None
    """The ticket that an earlier attempt on this same message made or updated."""
    awaited: str = ""
    """Message-ID of a referenced message of this inbox that is not decided yet."""
    made_by_sender: tuple[int, ...] = ()
    """Tickets that this inbox made of the sender's mail, in the window of each cap."""
    made_in_inbox: tuple[int, ...] = ()
    released: bool = False
    """It was held before: a person saw that, and had it decided anew."""
    waits: int | None = None
    """How often the message waited; None where the run may not decide it."""


@dataclass(frozen=True, slots=True)
class Match:
    """The ticket that a message belongs to, and how that is known."""

    ticket: TicketBrief
    by: str
    detail: str


@dataclass(frozen=True, slots=True)
class CreatePerson:
    """Make the sender known."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateTicket:
    """Make a ticket; ``own`` are the fields of the class's table. No caller: the created person."""

    ticket_class: str
    table: str
    fields: Mapping[str, Any]
    own: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AppendLogEntry:
    """Add to a ticket's log. No author: the created person, or somebody unknown by name."""

    ticket_id: int
    field: str
    author_id: int | None
    author_name: str
    html: str
    text: str
    cut_html: str = ""
    cut_text: str = ""


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Move a ticket to another status."""

    ticket_id: int
    status: str
    reopens: bool = False


@dataclass(frozen=True, slots=True)
class AddContact:
    """Link a person to the ticket."""

    person_id: int


@dataclass(frozen=True, slots=True)
class AttachFile:
    """Put a stored blob on the ticket; content that the ticket has already is left out."""

    filename: str
    content_type: str
    sha256: str
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Keep a file off the ticket, and say why: what was left out is said (SPEC 4.3)."""

    filename: str
    content_type: str
    why: str


TicketChange = (
    CreatePerson | CreateTicket | AppendLogEntry | ChangeStatus | AddContact | AttachFile | LeaveOut
)
