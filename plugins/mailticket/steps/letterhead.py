"""Who our mails about messages come from, and what stands above them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, Protocol

from mailticket.addresses import read_addresses
from mailticket.config import Inbox
from mailticket.errors import ConfigurationError, Fault
from mailticket.message import Address
from mailticket.outgoing import Heading, mailable
from mailticket.reference import NO_TICKET, Keyring, domain_of, sign
from mailticket.store.outbox import Outbox


class Office(Protocol):
    """What a mail of ours is written with: a pass over an inbox, or a page, has it."""

    @property
    def inbox(self) -> Inbox:
        """Whose mail it is."""

    @property
    def own_address(self) -> str:
        """The inbox's own address."""

    @property
    def keyring(self) -> Keyring:
        """What signs its Message-ID."""

    @property
    def outbox(self) -> Outbox:
        """Where it waits."""

    @property
    def log(self) -> Any:
        """Where it is told."""


def read_address(written: str) -> Address:
    """Read ``name@example.org`` or ``Name <name@example.org>``."""
    found = read_addresses([written], 1).addresses
    return found[0] if found else Address("", written)


def author(p: Office, written: str, field: str) -> Address:
    """Read the address that mail is to come from; raises ``ConfigurationError``."""
    found = read_address(written)
    if mailable(found.address):
        return found
    told = "mail from this address cannot be sent; write name@example.org"
    raise ConfigurationError(Fault(p.inbox.name, field, found.address, told))


def forwarder(p: Office) -> Address:
    """Give ``forward_errors_from``, else the inbox's own address."""
    if p.inbox.forward_errors_from:
        return author(p, p.inbox.forward_errors_from, "forward_errors_from")
    return author(p, p.own_address, "address")


def new_id(p: Office, from_: Address) -> str:
    """Sign the Message-ID of a mail that is about no ticket."""
    return sign(p.keyring, NO_TICKET, secrets.token_bytes(10), domain_of(from_.address))


def heading(p: Office, recipient: str, message_id: str, from_: Address) -> Heading:
    """Say who writes to whom, now; answers go to the inbox."""
    own = p.own_address
    return Heading(
        message_id=message_id,
        date=datetime.now(UTC),
        author=from_,
        recipient=recipient,
        reply_to=own if mailable(own) and own != from_.address else "",
    )
