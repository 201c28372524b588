"""The one way into the outbox: under the inbox's caps, and what they hold is said."""

from __future__ import annotations

from mailticket.notices import Notice
from mailticket.steps.letterhead import Office
from mailticket.store.outbox import Posting


def post(  # noqa: PLR0917  the columns of a row
    office: Office,
    notice: Notice,
    message: int | None,
    rule: str,
    ticket_id: int | None = None,
    log_entry: int | None = None,
) -> bool:
    """Queue a mail, within a transaction or by itself; False when it was queued before."""
    inbox = office.inbox
    caps = inbox.cap_mails_per_recipient
    posting = Posting(notice, message, rule, inbox.smtp_conn_id, ticket_id, log_entry, caps)
    queued = office.outbox.queue(inbox.name, posting)
    if queued and queued["status"] == "held":
        about = f"message {message}" if message else f"log entry {log_entry}"
        office.log.error(
            f"{about}: {notice.kind} to {notice.recipient} is held: {queued['last_error']}; "
            f"to send it: bin/mailticket outbox --release {queued['id']}"
        )
    return queued is not None
