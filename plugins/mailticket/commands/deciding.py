"""What ``explain`` decides with: an inbox's configuration, and its database read-only."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailticket.airflow_access import Access, in_shell
from mailticket.config import Inbox
from mailticket.decision import Rule
from mailticket.errors import LimitExceeded, MailticketError
from mailticket.explaining import Document
from mailticket.message import Message
from mailticket.rehearsal import Original, Rehearsal, decision_document
from mailticket.rules import check_rules_off, site_rules, table
from mailticket.store.catalogue import Catalogue
from mailticket.store.facts import FactFinder
from mailticket.store.outbox import Outbox
from mailticket.store.postgres import Database


@dataclass(slots=True)
class Judge:
    """An inbox that decides about mails in hand; connects when it is first asked."""

    inbox: Inbox
    rules: tuple[Rule, ...]
    database: Database | MailticketError
    """Or why it cannot be reached at all."""
    own_address: str = ""
    _rehearsal: Rehearsal | None = field(default=None)

    def decide(self, raw: bytes, size: int, read: Message | LimitExceeded) -> Document:
        """Give the decision under one snapshot of the database, which is left as it is."""
        if isinstance(self.database, MailticketError):
            raise self.database
        rehearsal = self._ready(self.database)
        with self.database.transaction():
            self.database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return decision_document(rehearsal.decide(Original(raw, size, read)))

    def close(self) -> None:
        """Give the connection back."""
        if isinstance(self.database, Database):
            self.database.close()

    def _ready(self, database: Database) -> Rehearsal:
        if self._rehearsal is None:
            ground = Catalogue(database).ground(self.inbox)
            facts = FactFinder(database, Outbox(database).read_keyring())
            self._rehearsal = Rehearsal(self.inbox, self.rules, ground, facts, self.own_address)
        return self._rehearsal


def judge_for(name: str, access: Access | None = None) -> Judge:
    """Read the configuration of an inbox; raises ``ConfigurationError`` or ``NotFound``."""
    access = access or in_shell()
    inbox = access.inbox(name)
    rules = table(site_rules())
    check_rules_off(inbox, rules)
    try:
        database: Database | MailticketError = access.database()
    except MailticketError as error:
        database = error
    return Judge(inbox, rules, database, _own_address(access, inbox))


def _own_address(access: Access, inbox: Inbox) -> str:
    try:
        return access.outside().address(inbox)
    except MailticketError:
        return ""  # without the inbox's Connection nothing can be read, yet files can be explained
