"""forward_errors: messages in error are told about, once, and what waits in the outbox is sent."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from mailticket.addresses import read_addresses
from mailticket.errors import ConfigurationError, Fault, LimitExceeded
from mailticket.message import Address
from mailticket.notices import Enclosure, ErrorCause, Notice, forwarded_error, rejection_reply
from mailticket.outgoing import Heading, Thread, mailable, wire_address
from mailticket.parsing import read_header
from mailticket.passage import Counts, Passage
from mailticket.reference import NO_TICKET, domain_of, sign
from mailticket.steps.deliver import deliver
from mailticket.store.outbox import Posting
from mailticket.store.postgres import Row
from mailticket.wording import Phrasebook


def forward_errors(p: Passage) -> Counts:
    """Queue what is to be told, then send what is due; a mail server that is down delays only."""
    queued = sum(_forward_to(p, recipient) for recipient in recipients(p))
    queued += _answer_unknown_callers(p)
    p.outbox.mark_told(p.inbox.name)
    sent = deliver(p, recomposed)
    return {"queued": queued, **sent, "waiting": p.outbox.waiting(p.inbox.name)}


# -- to whom --------------------------------------------------------------------------------------


def told_addresses(p: Passage) -> tuple[str, ...]:
    """Give every address of ``forward_errors_to``, as the outbox knows those that it can mail to.

    Where one cannot be mailed to, nobody ever took the mail: its errors stay in the mailbox.
    """
    bare = (_address(written).address for written in p.inbox.forward_errors_to)
    return tuple(dict.fromkeys(wire_address(one) if mailable(one) else one for one in bare))


def recipients(p: Passage) -> tuple[str, ...]:
    """Give those of them that mail can be sent to."""
    told = told_addresses(p)
    for address in told:
        if not mailable(address):
            p.log.error(f"forward_errors_to: no mail can be sent to {address}")
    return tuple(address for address in told if mailable(address))


def _address(written: str) -> Address:
    """Read ``name@example.org`` or ``Name <name@example.org>``."""
    found = read_addresses([written], 1).addresses
    return found[0] if found else Address("", written)


def _forwarded_verdicts(p: Passage) -> tuple[str, ...]:
    """Say which verdicts are told about (SPEC 3.12)."""
    undesired = p.inbox.undesired_behavior == "as_error"
    return ("rejected", "failed", "undesired") if undesired else ("rejected", "failed")


# -- what -----------------------------------------------------------------------------------------


def _forward_to(p: Passage, recipient: str) -> int:
    queued, after = 0, 0
    # One at a time: a message may be as large as maximum_email_size.
    while row := p.outbox.errors_to_forward(p.run, _forwarded_verdicts(p), recipient, after):
        after = row["message"]
        notice = _notice(p, recipient, row, _new_id(p), _enclosure(row))
        queued += _queue(p, notice, row["message"], row["decided_by"])
        p.keep_lease()
    return queued


def _notice(p: Passage, recipient: str, row: Row, message_id: str, enclosure: Enclosure) -> Notice:
    heading = _heading(p, recipient, message_id, _forwarder(p))
    return forwarded_error(Phrasebook(), heading, _cause(p, row), enclosure)


def recomposed(p: Passage, mail: Row) -> bytes | None:
    """Write a mail that is too big for the mail server anew, without the original in it."""
    if mail["kind"] != "forwarded_error" or mail["message"] is None:
        return None
    row = p.outbox.forwarded(mail)
    header = bytes(row["raw"] or b"")[: row["header_size"]]
    saved = row["saved_to"] or f"the database of mailticket, as message {row['message']}"
    smaller = Enclosure(header=header, saved_at=saved)
    raw = _notice(p, mail["recipient"], row, mail["message_id"], smaller).raw
    return raw if len(raw) < len(mail["raw"]) else None


def _queue(p: Passage, notice: Notice, message: int, rule: str) -> bool:
    return p.outbox.queue(p.inbox.name, Posting(notice, message, rule, p.inbox.smtp_conn_id))


def _new_id(p: Passage) -> str:
    domain = domain_of(_forwarder(p).address)
    return sign(p.keyring, NO_TICKET, secrets.token_bytes(10), domain)


def _forwarder(p: Passage) -> Address:
    """Give ``forward_errors_from``, else the inbox's own address."""
    author = _address(p.inbox.forward_errors_from or p.own_address)
    if mailable(author.address):
        return author
    field = "forward_errors_from" if p.inbox.forward_errors_from else "address"
    told = "mail from this address cannot be sent; write name@example.org"
    raise ConfigurationError(Fault(p.inbox.name, field, author.address, told))


def _heading(p: Passage, recipient: str, message_id: str, author: Address) -> Heading:
    own = p.own_address
    return Heading(
        message_id=message_id,
        date=datetime.now(UTC),
        author=author,
        recipient=recipient,
        reply_to=own if mailable(own) and own != author.address else "",
    )


def _cause(p: Passage, row: Row) -> ErrorCause:
    return ErrorCause(
        inbox=p.inbox.name,
        verdict=row["verdict"] or "failed",
        rule=row["decided_by"],
        reason=row["reason"] or "",
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


# -- unknown callers ------------------------------------------------------------------------------


def _answer_unknown_callers(p: Passage) -> int:
    """Send ``unknown_caller_reply``: once per sender and day, to no machine (SPEC 7.4)."""
    text = p.inbox.unknown_caller_reply
    if not text:
        return 0
    return sum(_answer(p, text, row) for row in p.outbox.callers_to_answer(p.run))


def _answer(p: Passage, text: str, row: Row) -> bool:
    try:
        header = read_header(bytes(row["raw"] or b""), p.inbox.parse_options().limits)
    except LimitExceeded:
        return False
    if header.automatic or not mailable(row["sender"]):
        return False
    recipient = wire_address(row["sender"])
    own = _address(p.own_address)
    if recipient.lower() == own.address.lower() or p.outbox.was_answered_today(recipient):
        return False
    if not mailable(own.address):
        told = "mail from this address cannot be sent; write name@example.org"
        raise ConfigurationError(Fault(p.inbox.name, "address", own.address, told))
    message_id = sign(p.keyring, NO_TICKET, secrets.token_bytes(10), domain_of(own.address))
    heading = _heading(p, recipient, message_id, own)
    thread = Thread(header.message_id, header.references[-20:])
    notice = rejection_reply(heading, text, header.subject, thread)
    return _queue(p, notice, row["message"], "unknown_caller")
