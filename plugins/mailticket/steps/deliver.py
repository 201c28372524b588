"""Sends what waits in the outbox: claimed one by one, each outcome written down (SPEC 7.3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from mailticket.errors import (
    ConfigurationError,
    ConnectionMissing,
    MailRefused,
    MailServerUnavailable,
)
from mailticket.passage import Counts, Passage
from mailticket.smtp import MailServer
from mailticket.store.outbox import RETRY_SECONDS
from mailticket.store.postgres import Row

MOST_PER_RUN = 500
"""Mails sent by one task: what is left goes with the next run."""

GIVE_UP_DAYS = 5
"""How long a server may say "later" to one mail (RFC 5321, 4.5.4.1: at least 4 to 5 days)."""

Recompose = Callable[[Passage, Row], bytes | None]
"""Gives a smaller form of a mail that is too big for the mail server, if there is one."""


def deliver(p: Passage, recompose: Recompose) -> Counts:
    """Send what is due; a server that is down is asked once and delays its mails."""
    counts: Counts = {"sent": 0, "delayed": 0, "refused": 0}
    for mail in p.outbox.give_up_doubtful(p.inbox.name):
        p.log.error(f"{_which(mail)}: sent twice and never answered; it is not sent again")
    with ExitStack() as sessions:
        post = _Post(p, sessions, recompose)
        for _ in range(MOST_PER_RUN):
            claimed = p.outbox.claim(p.inbox.name, post.down)
            if claimed is None:
                break
            counts[post.send(claimed)] += 1
            p.keep_lease()
    return counts


def _which(mail: Row) -> str:
    return f"message {mail['message']}: {mail['kind']} to {mail['recipient']}"


def _is_too_old(mail: Row) -> bool:
    """Tell whether a mail was put off long enough, and not just because its server was down."""
    return bool(mail["age"] > GIVE_UP_DAYS * 86400 and mail["tries"] > len(RETRY_SECONDS))


@dataclass(slots=True)
class _Post:
    """The sessions with mail servers of one task, and which of them are out of reach."""

    p: Passage
    sessions: ExitStack
    recompose: Recompose
    down: set[str] = field(default_factory=set)
    servers: dict[str, MailServer] = field(default_factory=dict)

    def send(self, mail: Row) -> str:
        """Send one mail; say under which count it goes."""
        try:
            self._hand_in(mail, bytes(mail["raw"]))
        except MailRefused as error:
            return self._smaller(mail, error)
        except MailServerUnavailable as error:
            if error.only_this_mail and _is_too_old(mail):
                return self._given_up(mail, error)
            if not error.only_this_mail:
                self.down.add(mail["smtp_conn_id"])
            return self._delayed(mail, error, maybe_taken=error.maybe_taken)
        except (ConnectionMissing, ConfigurationError) as error:
            self.down.add(mail["smtp_conn_id"])
            return self._delayed(mail, error)
        except Exception as error:  # one mail never stops the others
            self.p.log.exception(f"{_which(mail)} failed")
            return self._delayed(mail, error, maybe_taken=True)
        return self._sent(mail)

    def _hand_in(self, mail: Row, raw: bytes) -> None:
        connection = mail["smtp_conn_id"]
        if connection not in self.servers:
            session = self.p.outside.mail_server(connection)
            self.servers[connection] = self.sessions.enter_context(session)
        self.servers[connection].send(mail["sender"], mail["recipient"], raw)

    def _smaller(self, mail: Row, refusal: MailRefused) -> str:
        raw = self.recompose(self.p, mail) if refusal.too_big else None
        if raw is None:
            self.p.outbox.refused(mail, str(refusal))
            self.p.log.error(f"{_which(mail)} was refused for good: {refusal}")
            return "refused"
        self.p.outbox.recomposed(mail, raw)
        self.p.log.warning(f"{_which(mail)} goes without the original: {refusal}")
        return self.send({**mail, "raw": raw})

    def _given_up(self, mail: Row, refusal: Exception) -> str:
        why = f"given up after {GIVE_UP_DAYS} days, at last: {refusal}"
        self.p.outbox.refused(mail, why)
        self.p.log.error(f"{_which(mail)} was {why}")
        return "refused"

    def _delayed(self, mail: Row, error: Exception, *, maybe_taken: bool = False) -> str:
        self.p.outbox.delayed(mail, str(error), maybe_taken=maybe_taken)
        self.p.log.warning(f"{_which(mail)} waits in the outbox: {error}")
        return "delayed"

    def _sent(self, mail: Row) -> str:
        self.p.outbox.sent(mail)
        self.p.log.info(f"{_which(mail)} was sent")
        return "sent"
