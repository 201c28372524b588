"""Ticket references that we sign: the Message-IDs of our own mail (SPEC 3.4).

``<key id>.<ticket number>.<nonce>.<HMAC>@domain``, lower case throughout, since some relays
lower-case what they pass on. Bound to an instance id, so that a cloned database does not answer
for the original. The domain is not signed: relays may rewrite it, and it says nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

NO_TICKET = 0
"""The ticket number of our own mail that is about no ticket (forwards, rejections)."""

_MAC_BYTES = 20
"""160 bits: above the 128 that SPEC asks for, and 32 characters of base32 without padding."""
_SECRET_BYTES = 16
_NONCE_BYTES = range(8, 33)
_LONGEST = 400
"""Characters of a Message-ID that are looked at: 139 before the ``@``, 253 of a domain."""
_TICKET_LIMIT = 10**18
_KEY_ID = re.compile(r"[a-z0-9]{1,16}")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_OURS = re.compile(
    r"(?P<key>[a-z0-9]{1,16})\.(?P<ticket>0|[1-9][0-9]{0,17})"
    r"\.(?P<nonce>[a-z2-7]{13,52})\.(?P<mac>[a-z2-7]{32})@[^@\s<>]+"
)


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key: its public name, and at least 16 secret bytes."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise ValueError(f"key id {self.id!r}: 1 to 16 of a-z, 0-9")
        if len(self.secret) < _SECRET_BYTES:
            raise ValueError(f"key {self.id}: a secret has at least {_SECRET_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one installation: ``current`` signs, ``old`` ones still verify."""

    instance: str
    current: Key
    old: tuple[Key, ...] = ()


def sign(keyring: Keyring, ticket: int, nonce: bytes, domain: str) -> str:
    """Make a Message-ID, without ``<>``, that names a ticket; 8 to 32 bytes of nonce."""
    if not 0 <= ticket < _TICKET_LIMIT:
        raise ValueError(f"ticket number {ticket} is out of range")
    if len(nonce) not in _NONCE_BYTES:
        raise ValueError(f"a nonce has 8 to 32 bytes, not {len(nonce)}")
    if not _DOMAIN.fullmatch(domain):
        raise ValueError(f"{domain!r} is no lower-case ASCII domain")
    word = _base32(nonce)
    mac = _mac(keyring.instance, keyring.current, ticket, word)
    return f"{keyring.current.id}.{ticket}.{word}.{mac}@{domain}"


def verify(keyring: Keyring, message_id: str) -> int | None:
    """Read the ticket number out of a Message-ID that we signed; ``None``: it is not ours.

    0 means our own mail about no ticket. Case and surrounding ``<>`` do not matter.
    """
    if len(message_id) > _LONGEST or not message_id.isascii():
        return None
    found = _OURS.fullmatch(message_id.strip().removeprefix("<").removesuffix(">").lower())
    if found is None:
        return None
    ticket = int(found["ticket"])
    for key in (keyring.current, *keyring.old):
        if key.id != found["key"]:
            continue
        expected = _mac(keyring.instance, key, ticket, found["nonce"])
        if hmac.compare_digest(expected.encode(), found["mac"].encode()):
            return ticket
    return None


def domain_of(address: str) -> str:
    """Give the domain of a mail address as ``sign`` takes it; a stand-in where it has none."""
    _, at, domain = address[-_LONGEST:].rpartition("@")
    try:
        ascii_domain = domain.strip().encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_domain = ""
    # RFC 6761, 6.4: .invalid belongs to nobody, so no mail can ever go there.
    return ascii_domain if at and _DOMAIN.fullmatch(ascii_domain) else "mailticket.invalid"


def _mac(instance: str, key: Key, ticket: int, nonce: str) -> str:
    # Lengths before the fields: no two different quadruples give the same bytes.
    fields = (b"mailticket reference 1", *(f.encode() for f in (instance, key.id, nonce)))
    signed = b"".join(len(f).to_bytes(4, "big") + f for f in (*fields, b"%d" % ticket))
    return _base32(hmac.digest(key.secret, signed, hashlib.sha256)[:_MAC_BYTES])


def _base32(octets: bytes) -> str:
    return base64.b32encode(octets).decode("ascii").rstrip("=").lower()
