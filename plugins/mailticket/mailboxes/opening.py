"""Open an inbox's mailbox, whatever its protocol: the one place that knows which there are."""

from __future__ import annotations

from contextlib import AbstractContextManager

from mailticket.mailboxes.base import Mailbox
from mailticket.mailboxes.imap import open_imap
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.pop3 import open_pop3


def open_mailbox(login: MailboxLogin, folder: str | None = None) -> AbstractContextManager[Mailbox]:
    """Give a mailbox to be entered by ``with``; POP3 has no folders."""
    return open_pop3(login) if login.protocol == "pop3" else open_imap(login, folder)
