"""forward_errors: messages in error are told about, once, and what waits in the outbox is sent."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from datetime import UTC, datetime

from mailticket.errors import (
    ConfigurationError,
    ConnectionMissing,
    LimitExceeded,
    MailRefused,
    MailServerUnavailable,
)
from mailticket.message import Address
from mailticket.notices import Enclosure, ErrorCause, Notice, forwarded_error, rejection_reply
from mailticket.outgoing import Heading, Thread, mailable, wire_address
from mailticket.parsing import read_header
from mailticket.passage import Counts, Passage
from mailticket.reference import NO_TICKET, domain_of, sign
from mailticket.smtp import MailServer
from mailticket.store.outbox import Posting
from mailticket.store.postgres import Row
from mailticket.wording import Phrasebook

MOST_PER_RUN = 500
"""Mails sent by one task: what is left goes with the next run."""


def forward_errors(p: Passage) -> Counts:
    """Queue what is to be told of this run, then send what is due. Never reddens a run."""
    queued = sum(_forward_to(p, recipient) for recipient in recipients(p))
    queued += _answer_unknown_callers(p)
    return {"queued": queued, **_deliver(p), "waiting": p.outbox.waiting(p.inbox.name)}


def recipients(p: Passage) -> tuple[str, ...]:
    """Give where errors are forwarded to, as the outbox knows it."""
    return tuple(wire_address(one) for one in p.inbox.forward_errors_to if mailable(one))


def forwarded_verdicts(p: Passage) -> tuple[str, ...]:
    """Say which verdicts are told about (SPEC 3.12)."""
    undesired = p.inbox.undesired_behavior == "as_error"
    return ("rejected", "failed", "undesired") if undesired else ("rejected", "failed")


def _forward_to(p: Passage, recipient: str) -> int:
    phrasebook, queued, after = Phrasebook(), 0, 0
    # One at a time: a message may be as large as maximum_email_size.
    while row := p.outbox.errors_to_forward(p.run, forwarded_verdicts(p), recipient, after):
        after = row["message"]
        notice = forwarded_error(
            phrasebook,
            _heading(p, recipient, p.inbox.forward_errors_from),
            _cause(p, row),
            _enclosure(row),
        )
        queued += _queue(p, notice, row["message"], row["decided_by"])
        p.renew_lease()
    return queued


def _queue(p: Passage, notice: Notice, message: int, rule: str) -> bool:
    return p.outbox.queue(p.inbox.name, Posting(notice, message, rule, p.inbox.smtp_conn_id))


def _heading(p: Passage, recipient: str, author: str | None) -> Heading:
    own = p.outside.address(p.inbox)
    sender = author or own
    return Heading(
        message_id=sign(p.keyring, NO_TICKET, secrets.token_bytes(10), domain_of(sender)),
        date=datetime.now(UTC),
        author=Address("", sender),
        recipient=recipient,
        reply_to="" if sender == own else own,
    )


def _cause(p: Passage, row: Row) -> ErrorCause:
    return ErrorCause(
        inbox=p.inbox.name,
        verdict=row["verdict"],
        rule=row["decided_by"],
        reason=row["reason"],
        subject=row["subject"],
        sender=row["sender"],
        received_at=row["received_at"],
        size=row["size"],
        dag_id=p.outside.dag_id,
        run=p.run.name if p.outside.dag_id else "",
        reset_command=f"bin/mailticket reset {row['message']}",
    )


def _enclosure(row: Row) -> Enclosure:
    raw = bytes(row["raw"] or b"")
    if row["whole"]:
        return Enclosure(original=raw)
    return Enclosure(header=raw[: row["header_size"]], saved_at=row["saved_to"] or "")


def _answer_unknown_callers(p: Passage) -> int:
    """Send ``unknown_caller_reply``: once per sender and day, to no machine (SPEC 7.4)."""
    text = p.inbox.unknown_caller_reply
    if not text:
        return 0
    return sum(_answer(p, text, row) for row in p.outbox.callers_to_answer(p.run))


def _answer(p: Passage, text: str, row: Row) -> bool:
    try:
        header = read_header(bytes(row["raw"] or b""))
    except LimitExceeded:
        return False
    if header.automatic or not mailable(row["sender"]):
        return False
    if p.outbox.was_answered_today(wire_address(row["sender"])):
        return False
    thread = Thread(header.message_id, header.references[-20:])
    heading = _heading(p, wire_address(row["sender"]), None)
    notice = rejection_reply(heading, text, header.subject, thread)
    return _queue(p, notice, row["message"], "unknown_caller")


def _deliver(p: Passage) -> Counts:
    """Send what is due; a server that is down is asked once and delays its mails."""
    counts: Counts = {"sent": 0, "delayed": 0, "refused": 0}
    down: dict[str, str] = {}
    with ExitStack() as sessions:
        servers: dict[str, MailServer] = {}
        for _ in range(MOST_PER_RUN):
            mail = p.outbox.claim(p.inbox.name)
            if mail is None:
                break
            counts[_send(p, mail, sessions, servers, down)] += 1
            p.renew_lease()
    return counts


def _send(
    p: Passage,
    mail: Row,
    sessions: ExitStack,
    servers: dict[str, MailServer],
    down: dict[str, str],
) -> str:
    connection = mail["smtp_conn_id"]
    try:
        if connection in down:
            raise MailServerUnavailable(down[connection])
        if connection not in servers:
            servers[connection] = sessions.enter_context(p.outside.mail_server(connection))
        servers[connection].send(mail["sender"], mail["recipient"], bytes(mail["raw"]))
    except MailRefused as error:
        p.outbox.refused(mail, str(error))
        p.log.error(f"{mail['kind']} to {mail['recipient']} was refused for good: {error}")
        return "refused"
    except (MailServerUnavailable, ConnectionMissing, ConfigurationError) as error:
        down[connection] = str(error)
        p.outbox.delayed(mail, str(error))
        p.log.warning(f"{mail['kind']} to {mail['recipient']} waits in the outbox: {error}")
        return "delayed"
    p.outbox.sent(mail)
    p.log.info(f"message {mail['message']}: {mail['kind']} sent to {mail['recipient']}")
    return "sent"
