"""What the rules may know, looked up in one round trip for a batch or a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailticket.decision import Earlier, Facts, Status
from mailticket.message import HeaderSection, folded
from mailticket.reference import Keyring, verify
from mailticket.store.intake import message_key
from mailticket.store.postgres import Database
from mailticket.storm import NO_CAPS, Caps, person_behind
from mailticket.ticket import Person, Threaded, TicketBrief, TicketFacts

_MOST_IDS = 32
"""Looked up of each field that names mails."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the facts of one message depend on."""

    header: HeaderSection
    content_hash: bytes | None
    message: int | None = None
    """Its number; None for a file that is only explained."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An attempt that nobody else may decide until the transaction ends."""

    attempt: int
    run: int
    clear_number: int


@dataclass(frozen=True, slots=True)
class TicketQuestion:
    """What the ticket facts of one message depend on."""

    inbox: str
    header: HeaderSection
    content_hash: bytes | None
    message: int | None
    thread_ids: Sequence[str]
    title_references: Sequence[str]
    contact_addresses: Sequence[str] = ()
    """Lower case."""
    digests: Sequence[str] = ()
    """SHA-256, in hex, of the files that it carries."""
    caps: Caps = NO_CAPS
    hold: Hold | None = None
    """None for what is only explained."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What our mails are about that a message refers to."""

    about_ref: str
    rejections_only: bool


class FactFinder:
    """Asks the database on behalf of the rules."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring

    def header_facts(self, inbox: str, questions: Sequence[Question]) -> list[Facts]:
        """Answer what the rules on header section and content may ask, one for each question."""
        rows = self._db.many("header_facts", _numbered(questions), inbox=inbox)
        sent = self._sent([_reported(question.header) for question in questions])
        return [
            Facts(
                tuple(Person(**one) for one in row["callers"]),
                _earlier(row["earlier"]),
                own=self._is_own(question.header),
                about_ref=sent[n].about_ref if n in sent else "",
                answers_us=n in sent,
                answers_rejection=n in sent and sent[n].rejections_only,
            )
            for n, (row, question) in enumerate(zip(rows, questions, strict=True))
        ]

    def _is_own(self, header: HeaderSection) -> bool:
        return verify(self._keyring, header.message_id) is not None

    def _sent(self, lists: Sequence[Sequence[str]]) -> dict[int, _Sent]:
        """For each list of ids with a mail of ours: what our mails among them are about."""
        ids = [one for ids in lists for one in ids]
        if not ids:
            return {}
        rows = self._db.rows("sent_ids", message_ids=ids)
        stored = {row["message_id"]: row["ticket_id"] for row in rows}
        rejections = {row["message_id"] for row in rows if row["kind"] == "rejection_reply"}
        tickets = {one: stored.get(one) or verify(self._keyring, one) for one in ids}
        ours = {one for one in ids if one in stored or tickets[one] is not None}
        wanted = [number for number in tickets.values() if number]
        refs = (
            {r["id"]: r["ref"] for r in self._db.rows("ticket_refs", ids=wanted)} if wanted else {}
        )
        return {
            n: _Sent(
                next((refs[t] for one in ids if (t := tickets[one]) in refs), ""),
                rejections_only=rejections.issuperset(ours.intersection(ids)),
            )
            for n, ids in enumerate(lists)
            if ours.intersection(ids)
        }

    def ticket_facts(self, question: TicketQuestion) -> tuple[TicketFacts, Earlier | None]:
        """Answer what the rules on the ticket may ask, and which copy came before."""
        header = question.header
        threads = list(question.thread_ids)
        signed = [number for one in threads if (number := verify(self._keyring, one))]
        hold = question.hold
        if hold:
            self._db.later("hold", attempt=hold.attempt)
        row = self._db.row(
            "ticket_facts",
            inbox=question.inbox,
            sender=folded(header.from_.address) if header.from_ else "",
            message=question.message,
            message_id=message_key(header.message_id),
            content_hash=question.content_hash,
            threads=[message_key(one) for one in threads],
            signed=signed,
            titled=list(question.title_references),
            addresses=list(question.contact_addresses),
            digests=[bytes.fromhex(one) for one in question.digests],
            attempt=hold.attempt if hold else None,
            run=hold.run if hold else None,
            clear_number=hold.clear_number if hold else None,
            **_windows(question),
        )
        assert row is not None
        return _ticket_facts(row, signed, question), _earlier(row["earlier"])


def _windows(question: TicketQuestion) -> dict[str, Any]:
    """Give the windows to count in, in minutes, and how far counting goes."""
    caps, from_ = question.caps, question.header.from_
    return {
        "counts_for": person_behind(from_.address) if from_ else "",
        "sender_minutes": [cap.minutes for cap in caps.tickets_per_sender],
        "sender_most": [cap.number for cap in caps.tickets_per_sender],
        "inbox_minutes": [cap.minutes for cap in caps.tickets_per_inbox],
        "inbox_most": [cap.number for cap in caps.tickets_per_inbox],
        "reopen_minutes": [cap.minutes for cap in caps.reopens_per_ticket],
        "reopen_most": [cap.number for cap in caps.reopens_per_ticket],
    }


def _ticket_facts(
    row: Mapping[str, Any], signed: Sequence[int], question: TicketQuestion
) -> TicketFacts:
    rows = ({**one, "reopens": tuple(one["reopens"])} for one in row["briefs"])
    briefs = {one["id"]: TicketBrief(**one) for one in rows}
    order = {message_key(one): n for n, one in enumerate(question.thread_ids)}
    # Of one id the oldest message first: who repeats the id of another's mail may be forging.
    threads = sorted(
        row["threads"], key=lambda one: (order[one["message_id"]], one["id"], one["ticket_id"])
    )
    refs = {brief.ref: brief for brief in briefs.values()}
    return TicketFacts(
        callers=tuple(Person(**one) for one in row["callers"]),
        signed=tuple(briefs[number] for number in signed if number in briefs),
        threaded=tuple(
            Threaded(one["message_id"], briefs[one["ticket_id"]], one["took_part"])
            for one in threads
            if one["ticket_id"] in briefs
        ),
        titled=tuple(refs[ref] for ref in question.title_references if ref in refs),
        contacts=tuple(Person(**one) for one in row["contacts"]),
        attached=frozenset((one["ticket_id"], one["sha256"]) for one in row["attached"]),
        earlier=briefs.get(row["mine"]),
        awaited=row["awaited"] or "",
        made_by_sender=tuple(row["made_by_sender"]),
        made_in_inbox=tuple(row["made_in_inbox"]),
        released=row["released"],
        waits=row["waits"],
    )


def _numbered(questions: Sequence[Question]) -> list[tuple[Any, ...]]:
    return [
        (
            n,
            folded(question.header.from_.address) if question.header.from_ else "",
            message_key(question.header.message_id),
            question.content_hash,
            question.message,
        )
        for n, question in enumerate(questions)
    ]


def _reported(header: HeaderSection) -> list[str]:
    """Give the ids of the mails that a message answers or reports on."""
    about = header.automatic.about if header.automatic else ()
    ids = (*about[:_MOST_IDS], *header.in_reply_to[:_MOST_IDS], *header.references[-_MOST_IDS:])
    return list(dict.fromkeys(message_key(one) for one in ids))


def _earlier(value: Mapping[str, Any] | None) -> Earlier | None:
    if not value:
        return None
    return Earlier(value["id"], Status(value["status"]), value["ref"] or "", value["ticket_id"])
