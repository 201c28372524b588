"""Who our mails about messages come from, and what stands above them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from mailticket.addresses import read_addresses
from mailticket.errors import ConfigurationError, Fault
from mailticket.message import Address
from mailticket.outgoing import Heading, mailable
from mailticket.passage import Passage
from mailticket.reference import NO_TICKET, domain_of, sign


def read_address(written: str) -> Address:
    """Read ``name@example.org`` or ``Name <name@example.org>``."""
    found = read_addresses([written], 1).addresses
    return found[0] if found else Address("", written)


def author(p: Passage, written: str, field: str) -> Address:
    """Read the address that mail is to come from; raises ``ConfigurationError``."""
    found = read_address(written)
    if mailable(found.address):
        return found
    told = "mail from this address cannot be sent; write name@example.org"
    raise ConfigurationError(Fault(p.inbox.name, field, found.address, told))


def forwarder(p: Passage) -> Address:
    """Give ``forward_errors_from``, else the inbox's own address."""
    if p.inbox.forward_errors_from:
        return author(p, p.inbox.forward_errors_from, "forward_errors_from")
    return author(p, p.own_address, "address")


def new_id(p: Passage, from_: Address) -> str:
    """Sign the Message-ID of a mail that is about no ticket."""
    return sign(p.keyring, NO_TICKET, secrets.token_bytes(10), domain_of(from_.address))


def heading(p: Passage, recipient: str, message_id: str, from_: Address) -> Heading:
    """Say who writes to whom, now; answers go to the inbox."""
    own = p.own_address
    return Heading(
        message_id=message_id,
        date=datetime.now(UTC),
        author=from_,
        recipient=recipient,
        reply_to=own if mailable(own) and own != from_.address else "",
    )
