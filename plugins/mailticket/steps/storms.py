"""What a storm cap holds is told once for each storm: by one log line and one mail (SPEC 3.12)."""

from __future__ import annotations

from collections.abc import Sequence

from mailticket.notices import ErrorCause, storm_notice
from mailticket.outgoing import one_line
from mailticket.passage import REASON_SHOWN, Passage
from mailticket.steps.letterhead import forwarder, heading, new_id
from mailticket.steps.posting import post
from mailticket.store.postgres import Row
from mailticket.wording import Phrasebook


def tell_storms(p: Passage, recipients: Sequence[str]) -> int:
    """Log each storm that nobody was told of, and queue a mail about it; give how many mails."""
    storms = p.outbox.storms_to_tell(p.inbox.name)
    queued = 0
    for row in storms:
        p.log.error(
            f"{row['held']} messages are held by {row['decided_by']}, the first is message "
            f"{row['message']}: {one_line(row['reason'] or '', REASON_SHOWN)}"
        )
        queued += sum(_queued(p, recipient, row) for recipient in recipients)
    # After a kill before this line the first message is the same one: it is told of once.
    p.outbox.mark_storms_told(p.inbox.name)
    return queued


def _queued(p: Passage, recipient: str, row: Row) -> bool:
    from_ = forwarder(p)
    top = heading(p, recipient, new_id(p, from_), from_)
    header = bytes(row["header"] or b"")
    notice = storm_notice(Phrasebook(), top, _cause(p, row), row["held"], header)
    return post(p, notice, row["message"], row["decided_by"])


def _cause(p: Passage, row: Row) -> ErrorCause:
    return ErrorCause(
        inbox=p.inbox.name,
        verdict=row["verdict"],
        rule=row["decided_by"],
        reason=row["reason"] or "",
        subject=row["subject"],
        sender=row["sender"],
        received_at=row["received_at"],
        size=row["size"],
        reset_command=f"bin/mailticket reset --held {p.inbox.name}",
    )
