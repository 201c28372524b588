"""Mails of a ticket: queued with what they tell of, so that both come true or none (SPEC 7.1)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mailticket.config import Inbox
from mailticket.config_inbox import DEFAULT_LOG
from mailticket.decision import Case, Verdict
from mailticket.message import Address
from mailticket.notices import (
    Entry,
    Kind,
    Notice,
    TicketFacts,
    acknowledgement,
    agent_reply,
    team_notice,
)
from mailticket.outgoing import Heading, Thread, mailable
from mailticket.passage import Passage
from mailticket.readership import Audience, Reader, kinds, recipients
from mailticket.reference import Keyring, domain_of, sign
from mailticket.steps.letterhead import Office, heading
from mailticket.steps.posting import post
from mailticket.store.outbox import Outbox
from mailticket.store.postgres import Row
from mailticket.wording import Phrasebook

_ANCESTORS = 30
RULE = "notify"
"""What the outbox knows these by: one mail of a kind for each message and recipient."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What writing about a ticket takes outside of a pass: for the pages."""

    inbox: Inbox
    """Of the ticket: its address is the sender, its caps and its Connection count."""
    own_address: str
    keyring: Keyring
    outbox: Outbox
    log: Any


@dataclass(frozen=True, slots=True)
class _Cause:
    """What is told: by whom, in which words, and the mail that ours answer."""

    ticket: int
    writer: str
    entry: Entry
    thread: Thread
    apart: Sequence[str] = ()
    message: int | None = None
    log_entry: int | None = None


def notify(p: Passage, case: Case, verdict: Verdict, ticket: int, message: int) -> int:
    """Queue what a message's change of its ticket calls for, inside the change's transaction."""
    asked = kinds(case, verdict, public=p.ground.log_field == DEFAULT_LOG)
    if not asked:
        return 0
    header = case.header
    # Whoever had the agent's own mail needs no second one from us.
    copied = (a.address for a in (*header.to, *header.cc)) if "agent_reply" in asked else ()
    cause = _Cause(
        ticket,
        header.from_.address if header.from_ else "",
        _entry(case, verdict),
        Thread(header.message_id, header.references[-_ANCESTORS:]),
        tuple(copied),
        message,
    )
    return _queued(p, asked, cause)


def mail_entry(desk: Desk, log_entry: int) -> int:
    """Queue the mails that a person's new public log entry calls for; give how many.

    To be called in the transaction that adds the entry: caller and contacts are told, the author
    is not, and nobody is told of one entry twice.
    """
    row = desk.outbox.log_entry(log_entry)
    if row is None or row["field"] != DEFAULT_LOG or "agent_reply" not in desk.inbox.notify:
        return 0
    entry = Entry(row["text"], row["author_name"])
    cause = _Cause(row["ticket_id"], row["email"] or "", entry, Thread(), (), None, log_entry)
    return _queued(desk, ("agent_reply",), cause)


def _entry(case: Case, verdict: Verdict) -> Entry:
    assert case.draft is not None
    callers = case.ticket_facts.callers
    author = callers[0].full_name if callers else str(case.draft.sender or "")
    if verdict is Verdict.CREATE:
        return Entry(case.draft.body.text, author, "created")
    return Entry(case.draft.new_part.text, author, "updated")


def _queued(office: Office, asked: Sequence[Kind], cause: _Cause) -> int:
    own = office.own_address
    if not mailable(own):
        office.log.warning(f"nobody is told of a change: no mail can be sent from {own}")
        return 0
    about = office.outbox.audience(cause.ticket)
    if about is None:
        return 0
    letters = _Letters(office, cause, about)
    chosen = recipients(asked, _audience(about["readers"]), cause.writer, (own, *cause.apart))
    # In one order, whoever they are: two transactions never wait for each other.
    return sum(letters.post(kind, reader) for kind, reader in sorted(chosen, key=_by_address))


def _by_address(chosen: tuple[Kind, Reader]) -> tuple[str, str]:
    return chosen[1].address.casefold(), chosen[0]


def _audience(rows: Sequence[Row]) -> Audience:
    def those(*parts: str) -> tuple[Reader, ...]:
        found = (row for row in rows if row["part"] in parts)
        return tuple(Reader(r["address"], r["language"] or "", r["ours"]) for r in found)

    return Audience(
        those("caller"), those("contact"), those("agent"), those("team") or those("member")
    )


class _Letters:
    """The mails of one cause."""

    def __init__(self, office: Office, cause: _Cause, about: Row) -> None:
        self.office, self.cause = office, cause
        self.ticket = TicketFacts(
            reference=about["ref"],
            title=about["title"],
            ticket_class=about["class"],
            status=about["status"],
            caller=about["caller"],
            inbox=office.inbox.name,
        )
        on_ticket = (one for one in about["thread"] if one != cause.thread.parent)
        ancestors = tuple(dict.fromkeys((*on_ticket, *cause.thread.ancestors)))
        parent = cause.thread.parent or (ancestors[-1] if ancestors else "")
        self.thread = Thread(parent, tuple(one for one in ancestors if one != parent))

    def post(self, kind: Kind, reader: Reader) -> bool:
        """Queue one of them; False when it was queued before, or cannot be written."""
        try:
            notice = self._written(kind, self._heading(reader))
        except Exception:  # what cannot be told is no reason to lose what it would tell of
            self.office.log.exception(f"{self.ticket.reference}: {kind} cannot be written")
            return False
        cause = self.cause
        return post(self.office, notice, cause.message, RULE, cause.ticket, cause.log_entry)

    def _heading(self, reader: Reader) -> Heading:
        own = self.office.own_address
        nonce = secrets.token_bytes(10)
        message_id = sign(self.office.keyring, self.cause.ticket, nonce, domain_of(own))
        top = heading(self.office, reader.address, message_id, Address("", own))
        return replace(top, language=reader.language or top.language)

    def _written(self, kind: Kind, top: Heading) -> Notice:
        if kind == "acknowledgement":
            return acknowledgement(Phrasebook(), top, self.ticket, self.thread)
        write = agent_reply if kind == "agent_reply" else team_notice
        return write(Phrasebook(), top, self.ticket, self.cause.entry, self.thread)
