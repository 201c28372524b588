"""forward_errors: messages in error are told about, once, and what waits in the outbox is sent."""

from __future__ import annotations

from collections.abc import Callable

from mailticket.errors import MailticketError, RowRefused
from mailticket.notices import Enclosure, ErrorCause, Notice, forwarded_error
from mailticket.outgoing import mailable, wire_address
from mailticket.passage import Counts, Passage
from mailticket.steps.answering import answer_unknown_callers
from mailticket.steps.deliver import deliver
from mailticket.steps.letterhead import forwarder, heading, new_id, read_address
from mailticket.steps.posting import post
from mailticket.steps.storms import tell_storms
from mailticket.steps.tries import survived
from mailticket.store.postgres import Row
from mailticket.wording import Phrasebook


def forward_errors(p: Passage) -> Counts:
    """Queue what is to be told, then send what is due; a mail server that is down delays only."""
    told = recipients(p)
    with survived(p, "forward_errors") as caution:
        queued = sum(_forward_to(p, recipient, caution.may_begin) for recipient in told)
    queued += tell_storms(p, told) + answer_unknown_callers(p)
    p.outbox.mark_told(p.inbox.name)
    sent = deliver(p, recomposed)
    return {"queued": queued, **sent, **p.outbox.waiting(p.inbox.name)}


# -- to whom --------------------------------------------------------------------------------------


def told_addresses(p: Passage) -> tuple[str, ...]:
    """Give every address of ``forward_errors_to``, as the outbox knows those that it can mail to.

    Where one cannot be mailed to, nobody ever took the mail: its errors stay in the mailbox.
    """
    bare = (read_address(written).address for written in p.inbox.forward_errors_to)
    return tuple(dict.fromkeys(wire_address(one) if mailable(one) else one for one in bare))


def recipients(p: Passage) -> tuple[str, ...]:
    """Give those of them that mail can be sent to."""
    told = told_addresses(p)
    for address in told:
        if not mailable(address):
            p.log.error(f"forward_errors_to: no mail can be sent to {address}")
    return tuple(address for address in told if mailable(address))


def _forwarded_verdicts(p: Passage) -> tuple[str, ...]:
    """Say which verdicts are told about (SPEC 3.12)."""
    undesired = p.inbox.undesired_behavior == "as_error"
    return ("rejected", "failed", "undesired") if undesired else ("rejected", "failed")


# -- what -----------------------------------------------------------------------------------------


def _forward_to(p: Passage, recipient: str, may_enclose: Callable[[int], bool]) -> int:
    queued, after, from_ = 0, 0, forwarder(p)
    # One at a time: a message may be as large as maximum_email_size.
    while row := p.outbox.errors_to_forward(p.run, _forwarded_verdicts(p), recipient, after):
        after = row["message"]
        # Where that takes more memory than there is, its header section goes alone.
        whole = row["whole"] and may_enclose(row["attempt"])
        raw = p.outbox.original(row["message"], whole=whole)
        row = {**row, "whole": whole, "raw": raw, "saved_to": row["saved_to"] or _kept_at(row)}
        queued += _forwarded(p, recipient, row, new_id(p, from_))
        p.keep_lease()
    return queued


def _forwarded(p: Passage, recipient: str, row: Row, message_id: str) -> bool:
    """Queue the mail that tells of one error; one that cannot be written stops no other."""
    which = f"message {row['message']}: it cannot be forwarded to {recipient}"
    try:
        notice = _notice(p, recipient, row, message_id, _enclosure(row))
        return post(p, notice, row["message"], row["decided_by"])
    except RowRefused as error:
        p.log.warning(f"{which}: the database refuses it: {error}")
    except MailticketError:  # a matter of the configuration or of a server, not of this mail
        raise
    except Exception:
        p.log.exception(which)
    return False


def _notice(p: Passage, recipient: str, row: Row, message_id: str, enclosure: Enclosure) -> Notice:
    top = heading(p, recipient, message_id, forwarder(p))
    return forwarded_error(Phrasebook(), top, _cause(p, row), enclosure)


def recomposed(p: Passage, mail: Row) -> bytes | None:
    """Write a mail that is too big for the mail server anew, without the original in it."""
    if mail["kind"] != "forwarded_error" or mail["message"] is None:
        return None
    row = p.outbox.forwarded(mail)
    header = bytes(row["raw"] or b"")[: row["header_size"]]
    smaller = Enclosure(header=header, saved_at=row["saved_to"] or _kept_at(row))
    raw = _notice(p, mail["recipient"], row, mail["message_id"], smaller).raw
    return raw if len(raw) < len(mail["raw"]) else None


def _kept_at(row: Row) -> str:
    if not row["whole"]:
        return ""
    return f"the database of mailticket, as message {row['message']}"


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
    if row["whole"] is None:  # there is no row of it
        return Enclosure(purged=True)
    raw = bytes(row["raw"] or b"")
    if row["whole"]:
        return Enclosure(original=raw)
    return Enclosure(header=raw[: row["header_size"]], saved_at=row["saved_to"] or "")
