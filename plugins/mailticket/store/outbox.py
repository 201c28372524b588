"""The outbox: what is to be mailed, kept until a mail server has taken it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailticket.notices import Notice
from mailticket.reference import Key, Keyring
from mailticket.sizes import Rate
from mailticket.store.attempts import storable
from mailticket.store.postgres import Database, Row, binary
from mailticket.store.runs import Run
from mailticket.storm import person_behind

RETRY_SECONDS = (60, 300, 900, 1800, 3600)
"""After each failed try; the last one goes on."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A notice with what it is about; ``rule`` is part of what makes a second one impossible."""

    notice: Notice
    message: int | None
    rule: str
    smtp_conn_id: str
    ticket_id: int | None = None
    log_entry: int | None = None
    """The entry that it brings, where no message made it."""
    caps: tuple[Rate, ...] = ()
    """``cap_mails_per_recipient``."""


class Outbox:
    """Queues, claims and settles mails."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keyring(self) -> Keyring:
        """Load the keys that sign our Message-IDs; the first call makes one."""
        rows = self._db.rows("reference_keys")
        if rows[0]["id"] is None:
            self.add_key(always=False)
            rows = self._db.rows("reference_keys")
        return _keyring(rows)

    def read_keyring(self) -> Keyring:
        """Load the keys and write nothing; before the first one was made, nothing was signed."""
        rows = self._db.rows("reference_keys")
        if rows[0]["id"] is None:
            rows = [{**rows[0], "id": "none", "secret": secrets.token_bytes(32)}]
        return _keyring(rows)

    def add_key(self, *, always: bool = True) -> None:
        """Begin to sign with a new key; old ones go on verifying."""
        name = "k" + secrets.token_hex(4)
        self._db.rows("add_reference_key", id=name, secret=secrets.token_bytes(32), always=always)

    def errors_to_forward(
        self, run: Run, verdicts: tuple[str, ...], recipient: str, after: int
    ) -> Row | None:
        """Give the next message above ``after`` that this run has to forward."""
        return self._db.row(
            "errors_to_forward",
            inbox=run.inbox,
            run=run.id,
            verdicts=list(verdicts),
            recipient=recipient,
            after=after,
        )

    def original(self, message: int, *, whole: bool) -> bytes:
        """Load an original, or its header section alone; nothing of one that was purged."""
        found = self._db.value("original_to_forward", message=message, whole=whole)
        return bytes(found or b"")

    def callers_to_answer(self, run: Run) -> list[Row]:
        """Give rejected unknown callers: message, sender."""
        return self._db.rows("callers_to_answer", inbox=run.inbox, run=run.id)

    def header_of(self, message: int) -> bytes:
        """Give the header section of a message whose original is kept, else nothing."""
        return bytes(self._db.value("caller_header", message=message) or b"")

    def mark_told(self, inbox: str) -> None:
        """Remember that every error up to now was taken up: a later address gets later ones."""
        self._db.rows("mark_told", inbox=inbox)

    def storms_to_tell(self, inbox: str) -> list[Row]:
        """Give the first held message of each storm that nobody was told of, and how many are."""
        return self._db.rows("storms_to_tell", inbox=inbox)

    def mark_storms_told(self, inbox: str) -> None:
        """Remember that every held message up to now was taken up."""
        self._db.rows("mark_storms_told", inbox=inbox)

    def audience(self, ticket: int) -> Row | None:
        """Give what a ticket's mails say of it, its ``thread``, and whom it concerns.

        ``readers``: part (caller, contact, agent, team, member), address, language, ours.
        """
        return self._db.row("audience", ticket_id=ticket)

    def log_entry(self, number: int) -> Row | None:
        """Give a log entry: ticket_id, field, text, author_name, and its author's email."""
        return self._db.row("entry_to_mail", log_entry=number)

    def forwarded(self, mail: Row) -> Row:
        """Give again what a forwarded error is about."""
        row = self._db.row("forwarded_error", id=mail["id"])
        assert row is not None
        return row

    def answered_today(self, inbox: str) -> list[Row]:
        """Give the unknown callers who had their answer within a day: recipient, of_this_hour.

        Those of all inboxes; ``of_this_hour`` is true of those that this one answered.
        """
        return self._db.rows("answered_today", inbox=inbox)

    def queue(self, inbox: str, posting: Posting) -> Row | None:
        """Put a mail into the outbox: its id, status, last_error; None when it was there already.

        One that would pass a cap is ``held``, and ``last_error`` says by which.
        """
        notice = posting.notice
        return self._db.row(
            "queue_mail",
            inbox=inbox,
            kind=notice.kind,
            message=posting.message,
            rule=posting.rule,
            ticket_id=posting.ticket_id,
            smtp_conn_id=posting.smtp_conn_id,
            sender=notice.sender,
            recipient=notice.recipient,
            message_id=notice.message_id,
            raw=binary(notice.raw),
            log_entry=posting.log_entry,
            counts_for=person_behind(notice.recipient),
            most=[cap.number for cap in posting.caps],
            minutes=[cap.minutes for cap in posting.caps],
        )

    def claim(self, inbox: str, down: Collection[str]) -> Row | None:
        """Take the next mail that is due, for this sender alone; ``down``: Connections to avoid."""
        return self._db.row("claim_mail", inbox=inbox, down=list(down))

    def give_up_doubtful(self, inbox: str) -> list[Row]:
        """Give up what may have been sent twice: kind, message, recipient."""
        return self._db.rows("give_up_doubtful", inbox=inbox)

    def recomposed(self, mail: Row, raw: bytes) -> None:
        """Send this instead, under the same Message-ID."""
        self._db.rows("mail_recomposed", id=mail["id"], raw=binary(raw))

    def sent(self, mail: Row) -> None:
        """Remember that the server took it."""
        self._db.rows("mail_sent", id=mail["id"])

    def delayed(self, mail: Row, error: str, *, maybe_taken: bool = False) -> None:
        """Try again later: the server did not take it now, or did not say so."""
        seconds = RETRY_SECONDS[min(mail["tries"], len(RETRY_SECONDS)) - 1]
        self._db.rows(
            "mail_delayed",
            id=mail["id"],
            error=storable(error),
            seconds=seconds,
            sure=not maybe_taken,
        )

    def refused(self, mail: Row, error: str) -> None:
        """Give up: the server will never take it."""
        self._db.rows("mail_refused", id=mail["id"], error=storable(error))

    def waiting(self, inbox: str) -> Row:
        """Count what waits for its mail server (``waiting``) or for a person (``held``)."""
        row = self._db.row("mail_waiting", inbox=inbox)
        assert row is not None
        return row

    def unsent(self, inbox: str | None) -> list[Row]:
        """Give every mail that no server took, the oldest first; of one inbox, or of all."""
        return self._db.rows("unsent_mails", inbox=inbox)

    def release(self, ids: Sequence[int]) -> list[int]:
        """Let mails go after all; give those that could be released."""
        return [row["id"] for row in self._db.rows("release_mails", ids=list(ids))]


def _keyring(rows: Sequence[Row]) -> Keyring:
    keys = tuple(Key(row["id"], bytes(row["secret"])) for row in rows)
    return Keyring(rows[0]["instance"], keys[0], keys[1:])
