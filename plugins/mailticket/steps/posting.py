"""The one way into the outbox: under the inbox's caps, and what they hold is said."""

from __future__ import annotations

from mailticket.notices import Notice
from mailticket.passage import Passage
from mailticket.store.outbox import Posting


def post(p: Passage, notice: Notice, message: int, rule: str, ticket_id: int | None = None) -> bool:
    """Queue a mail, within a transaction or by itself; False when it was queued before."""
    caps = p.inbox.cap_mails_per_recipient
    posting = Posting(notice, message, rule, p.inbox.smtp_conn_id, ticket_id, caps=caps)
    queued = p.outbox.queue(p.inbox.name, posting)
    if queued and queued["status"] == "held":
        p.log.error(
            f"message {message}: {notice.kind} to {notice.recipient} is held: "
            f"{queued['last_error']}; to send it: bin/mailticket outbox --release {queued['id']}"
        )
    return queued is not None
