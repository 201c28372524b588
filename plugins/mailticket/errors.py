"""Every error that mailticket raises, in one tree.

A verdict is never an error (see ``decision.Verdict``); an error means that machinery failed.
``transient`` says whether trying again soon may help: only ``airflow_task.py`` makes a retry of it.

::

    MailticketError
    ├─ ConfigurationError      a value that a person typed is wrong (carries Faults)
    ├─ FileRefused             a file that a person hands in is wrong (carries its faults)
    ├─ NotFound                a name that a person typed does not exist (inbox, class, run)
    ├─ NeverBegan              a later step of a run whose first one could not begin
    ├─ MessageGone             the message vanished from the mailbox (somebody removed it)
    ├─ LimitExceeded           a message passes one of the limits of SPEC 1.3
    ├─ RowRefused              PostgreSQL refuses this row (a constraint, a value)
    ├─ Lapsed                  this pass lost its lease: another one works on the inbox
    └─ ServiceError            a server is in the way
       ├─ MailboxError
       │  ├─ MailboxUnavailable      transient: name, network, timeout, throttled, BYE
       │  ├─ SignInRefused           login refused, or no common method
       │  │  └─ SignInPutOff            it was refused lately, and is not tried again yet
       │  ├─ InsecureConnection      certificate not trusted, STARTTLS not offered
       │  ├─ FolderMissing           the folder does not exist, or cannot be opened
       │  └─ ReadOnlyFolder          the folder may not be changed
       ├─ StoreUnavailable           transient: PostgreSQL cannot be reached, or dropped us
       ├─ StoreOutdated              the schema is missing or older than the code: migrate
       ├─ ConnectionMissing          the Airflow Connection does not exist or lacks a field
       ├─ VaultClosed                a secret cannot be kept or read: Fernet key missing or wrong
       ├─ MailServerUnavailable      transient: SMTP out of reach, or 4xx
       │  └─ MailServerRefusedSignIn    the login, not this mail; transient for the outbox alone
       └─ MailRefused                SMTP said 5xx: this mail will never be taken
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong value: where it stands, what it is, and what would be right."""

    inbox: str
    """Inbox name, or ``""`` for the settings of all inboxes."""
    field: str
    value: str
    allowed: str

    def __str__(self) -> str:
        where = f"inbox {self.inbox}" if self.inbox else "settings"
        return f"{where}: {self.field} = {self.value}: {self.allowed}"


class MailticketError(Exception):
    """The root: catch it to catch all of ours."""

    transient = False


class ConfigurationError(MailticketError):
    """One or more values are wrong."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))


class FileRefused(MailticketError):
    """A file has faults, each of which says its place; nothing of it was taken."""

    def __init__(self, *faults: object) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))


class NotFound(MailticketError):
    """A name that a person gave does not exist."""


class NeverBegan(MailticketError):
    """The run has no configuration: its first step said why, the others have nothing to do."""


class MessageGone(MailticketError):
    """The message is no longer in the mailbox."""


class LimitExceeded(MailticketError):
    """A message passes a limit; ``limit`` names it as SPEC 1.3 does."""

    def __init__(self, limit: str, reason: str) -> None:
        self.limit = limit
        super().__init__(f"{limit}: {reason}")


class Lapsed(MailticketError):
    """Another pass holds the lease of this inbox."""

    transient = True


class RowRefused(MailticketError):
    """The database does not take a row: the message that made it fails, the others go on."""

    def __init__(self, reason: str, constraint: str = "") -> None:
        self.constraint = constraint
        super().__init__(reason)


class ServiceError(MailticketError):
    """A server that is needed does not do what is asked."""


class MailboxError(ServiceError):
    """The mailbox, or the way to it, is at fault."""


class MailboxUnavailable(MailboxError):
    """Not reachable now; trying again may help.

    ``retry_after`` is the number of seconds that the server asked for, if it did.
    ``crowded``: too many sessions are open there; one of them may end any moment.
    ``suspect``: the UID of the message at which the session broke, if another was not to be had.
    """

    transient = True
    suspect = ""

    def __init__(
        self, reason: str, retry_after: float | None = None, *, crowded: bool = False
    ) -> None:
        self.retry_after = retry_after
        self.crowded = crowded
        super().__init__(reason)


class SignInRefused(MailboxError):
    """Never repeated quickly: accounts get locked."""


class SignInPutOff(SignInRefused):
    """It was refused lately: nothing was sent, and the reason says when it is tried again."""


class InsecureConnection(MailboxError):
    """The connection cannot be made safe; it is never used in clear instead."""


class FolderMissing(MailboxError):
    """The folder does not exist or cannot be opened."""


class ReadOnlyFolder(MailboxError):
    """The server opened the folder for reading only."""


class StoreUnavailable(ServiceError):
    """PostgreSQL is out of reach."""

    transient = True


class StoreOutdated(ServiceError):
    """``bin/mailticket migrate`` has to be run."""


class ConnectionMissing(ServiceError):
    """An Airflow Connection does not exist or lacks what is needed."""


class VaultClosed(ServiceError):
    """Airflow's Fernet key is missing, is none, or is not the one that a secret was kept with."""


class MailServerUnavailable(ServiceError):
    """The mail waits in the outbox.

    ``maybe_taken``: all of it was sent and no answer came, so that sending it again may double it.
    ``only_this_mail``: a 4xx for this mail or recipient; others may be taken meanwhile.
    """

    transient = True

    def __init__(
        self, reason: str, *, maybe_taken: bool = False, only_this_mail: bool = False
    ) -> None:
        self.maybe_taken = maybe_taken
        self.only_this_mail = only_this_mail
        super().__init__(reason)


class MailServerRefusedSignIn(MailServerUnavailable):
    """The server takes no mail from this login; not repeated quickly: accounts get locked."""


class MailRefused(ServiceError):
    """The server will never take this mail.

    ``too_big``: it might take it without the original. ``sender_refused``: it might take it from
    another envelope sender.
    """

    def __init__(self, reason: str, *, too_big: bool = False, sender_refused: bool = False) -> None:
        self.too_big = too_big
        self.sender_refused = sender_refused
        super().__init__(reason)
