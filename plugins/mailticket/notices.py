"""What mailticket mails, composed: each kind as a ``Notice`` for the outbox (SPEC 7).

Pure composition; the outbox is the store's, sending is ``smtp.py``'s. Two kinds of envelope:

- ``forwarded_error``, ``storm`` and ``rejection_reply`` have the null sender ``<>`` (RFC 3834,
  3.3): when they bounce nobody is told. A bounce of a forward would otherwise arrive in the inbox,
  be an error there, be forwarded, and bounce again.
- mails of a ticket have the inbox's address, so that a delivery report comes back and is noted on
  the ticket (SPEC 3.1). The inbox never answers automatic mail, which ends any loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mailticket.enclosure import header_part, multipart, original_part
from mailticket.outgoing import (
    Heading,
    Marks,
    Thread,
    header_section,
    many_lines,
    one_line,
    text_part,
    wire_address,
)
from mailticket.wording import Phrasebook

Kind = Literal[
    "forwarded_error", "storm", "rejection_reply", "acknowledgement", "agent_reply", "team"
]

_TICKET_NAMES = frozenset({"reference", "title", "ticket_class", "status", "caller", "inbox"})
TEMPLATE_VALUES = {
    "forwarded_error": frozenset(
        {"inbox", "verdict", "rule", "reason", "subject", "sender", "received_at", "size"}
        | {"run", "dag_id", "reset_command", "enclosed", "saved_at"}
    ),
    "storm": frozenset(
        {"inbox", "rule", "reason", "subject", "sender", "received_at", "held", "release_command"}
    ),
    "acknowledgement": _TICKET_NAMES,
    "agent_reply": _TICKET_NAMES | {"author", "entry"},
    "team": _TICKET_NAMES | {"author", "entry", "change", "url"},
}
"""Kind → the values that its template may name: for ``Phrasebook.faults``."""

# All: neither an answer nor a report is wanted, the envelope has no sender to get one.
_NULL_SENDER_SUPPRESS = "All"
# Of a ticket's mail, Exchange's non-delivery reports (NDR) are wanted: all but those.
_TICKET_SUPPRESS = "DR, RN, NRN, OOF, AutoReply"
# Precedence is no standard (RFC 3834, 3.1.8), but vacation programs of old know only it. Not on
# what an agent wrote: filters rank bulk mail down.
_MARKS: dict[Kind, Marks] = {
    "forwarded_error": Marks("auto-generated", _NULL_SENDER_SUPPRESS, "bulk"),
    "storm": Marks("auto-generated", _NULL_SENDER_SUPPRESS, "bulk"),
    "rejection_reply": Marks("auto-replied", _NULL_SENDER_SUPPRESS, "bulk"),
    "acknowledgement": Marks("auto-replied", _TICKET_SUPPRESS, "bulk"),
    "agent_reply": Marks("auto-generated", _TICKET_SUPPRESS),
    "team": Marks("auto-generated", _TICKET_SUPPRESS, "bulk"),
}
_NULL_SENDER: frozenset[Kind] = frozenset({"forwarded_error", "storm", "rejection_reply"})


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail for one recipient, ready for the outbox."""

    kind: Kind
    recipient: str
    """Envelope recipient, as SMTP carries it."""
    sender: str
    """Envelope sender; ``""`` is the null sender ``<>``."""
    message_id: str
    """Without ``<>``."""
    raw: bytes = field(repr=False)
    """The whole mail, CRLF line ends, no line over 998 octets."""


@dataclass(frozen=True, slots=True)
class ErrorCause:
    """Why a message did not become a ticket, and how to try it again."""

    inbox: str
    verdict: str
    rule: str
    reason: str
    subject: str
    sender: str
    received_at: datetime | None
    size: int
    """Bytes of the original."""
    dag_id: str = ""
    run: str = ""
    """``""``: it was no DAG run (``bin/mailticket run``)."""
    reset_command: str = "bin/mailticket reset"
    """The whole command line for this very message."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """What is attached to a forward: the original or, where it is too big, its header section."""

    original: bytes | None = field(default=None, repr=False)
    header: bytes = field(default=b"", repr=False)
    """Read only where there is no ``original``."""
    saved_at: str = ""
    """Path or URL under ``big_files_dir``; ``""``: it lies in the mailbox only."""
    purged: bool = False
    """There is nothing to attach any more."""

    @property
    def kind(self) -> str:
        """Say it as the template asks for it."""
        if self.purged:
            return "nothing"
        return "header" if self.original is None else "original"

    @property
    def parts(self) -> tuple[bytes, ...]:
        """Give the MIME entities, none of what was purged."""
        if self.purged:
            return ()
        return (
            header_part(self.header) if self.original is None else original_part(self.original),
        )


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What the mails of a ticket say about it."""

    reference: str
    """``R-000123``; goes into the subject in brackets, where ``title_pattern`` finds it."""
    title: str
    ticket_class: str
    status: str
    caller: str
    """The caller's name, ``""`` where unknown."""
    inbox: str
    url: str = ""
    """Of the ticket's page, for the team."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was written, and what that did to the ticket."""

    text: str
    author: str
    change: Literal["created", "updated"] = "updated"


def forwarded_error(
    phrasebook: Phrasebook, heading: Heading, cause: ErrorCause, enclosure: Enclosure
) -> Notice:
    """Tell an operator why a message is in error, with the original (SPEC 7.2)."""
    values = {
        "inbox": one_line(cause.inbox),
        "verdict": one_line(cause.verdict),
        "rule": one_line(cause.rule),
        "reason": one_line(cause.reason, 2000),
        "subject": one_line(cause.subject),
        "sender": one_line(cause.sender),
        "received_at": _minute(cause.received_at),
        "size": cause.size,
        "dag_id": one_line(cause.dag_id),
        "run": one_line(cause.run, 300),
        "reset_command": one_line(cause.reset_command, 1000),
        "enclosed": enclosure.kind,
        "saved_at": one_line(enclosure.saved_at, 2000),
    }
    wording = phrasebook.write("forwarded_error", heading.language, values)
    # MIME-Version belongs to the whole; in a part it is noise (RFC 2045, 4).
    explanation = text_part(wording.text).replace(b"MIME-Version: 1.0\r\n", b"", 1)
    content = multipart(heading.message_id, (explanation, *enclosure.parts))
    return _notice("forwarded_error", heading, wording.subject, Thread(), content)


def storm_notice(
    phrasebook: Phrasebook, heading: Heading, cause: ErrorCause, held: int, header: bytes
) -> Notice:
    """Tell an operator that messages are held by a storm cap, once for the storm (SPEC 3.12).

    ``cause`` and ``header`` are of the first one, ``held`` is how many there are so far.
    """
    values = {
        "inbox": one_line(cause.inbox),
        "rule": one_line(cause.rule),
        "reason": one_line(cause.reason, 2000),
        "subject": one_line(cause.subject),
        "sender": one_line(cause.sender),
        "received_at": _minute(cause.received_at),
        "held": held,
        "release_command": one_line(cause.reset_command, 1000),
    }
    wording = phrasebook.write("storm", heading.language, values)
    explanation = text_part(wording.text).replace(b"MIME-Version: 1.0\r\n", b"", 1)
    content = multipart(heading.message_id, (explanation, header_part(header)))
    return _notice("storm", heading, wording.subject, Thread(), content)


def rejection_reply(heading: Heading, text: str, subject: str, thread: Thread) -> Notice:
    """Answer an unknown caller with the operator's text (SPEC 7.4)."""
    content = text_part(text)
    return _notice("rejection_reply", heading, _answered(subject), thread, content)


def acknowledgement(
    phrasebook: Phrasebook, heading: Heading, ticket: TicketFacts, thread: Thread
) -> Notice:
    """Tell the caller that a ticket was made.

    Nothing of the mail but its subject goes back: From may be forged, and we are no relay.
    """
    values = _ticket_values(ticket)
    wording = phrasebook.write("acknowledgement", heading.language, values)
    content = text_part(wording.text)
    return _notice("acknowledgement", heading, wording.subject, thread, content)


def agent_reply(
    phrasebook: Phrasebook, heading: Heading, ticket: TicketFacts, entry: Entry, thread: Thread
) -> Notice:
    """Mail a public log entry that was added on the page to the caller or a contact."""
    values = _ticket_values(ticket) | _entry_values(entry)
    wording = phrasebook.write("agent_reply", heading.language, values)
    content = text_part(wording.text)
    return _notice("agent_reply", heading, wording.subject, thread, content)


def team_notice(
    phrasebook: Phrasebook, heading: Heading, ticket: TicketFacts, entry: Entry, thread: Thread
) -> Notice:
    """Tell an agent or a team that a mail created or updated a ticket."""
    more = {"change": entry.change, "url": one_line(ticket.url, 2000)}
    values = _ticket_values(ticket) | _entry_values(entry) | more
    wording = phrasebook.write("team", heading.language, values)
    content = text_part(wording.text)
    return _notice("team", heading, wording.subject, thread, content)


def _notice(kind: Kind, heading: Heading, subject: str, thread: Thread, content: bytes) -> Notice:
    sender = "" if kind in _NULL_SENDER else wire_address(heading.author.address)
    header = header_section(heading, subject, thread, _MARKS[kind])
    recipient = wire_address(heading.recipient)
    return Notice(kind, recipient, sender, heading.message_id, header + content)


def _answered(subject: str) -> str:
    line = one_line(subject)
    return line if line[:3].lower() == "re:" else f"Re: {line}"


def _ticket_values(ticket: TicketFacts) -> dict[str, str]:
    names = ("reference", "title", "ticket_class", "status", "caller", "inbox")
    return {name: one_line(getattr(ticket, name)) for name in names}


def _entry_values(entry: Entry) -> dict[str, str]:
    return {"entry": many_lines(entry.text).strip("\n"), "author": one_line(entry.author)}


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}".rstrip() if moment else ""
