"""What a mail says: the frozen nouns that flow through the pure core.

``HeaderSection`` is all that the rules of the first phase may read; ``Message`` adds what was
decoded from the body. Both are made by ``parsing.py`` and never raise on content.
"""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

_SMALL_LETTERS = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
AutomaticKind = Literal["auto-reply", "bounce", "generated", "list", "own"]


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of RFC 5322, 3.4: decoded display name and addr-spec, case as written."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


def folded(address: str) -> str:
    """Give an address as it is compared: ASCII letters in lower case, as ``COLLATE "C"`` does.

    Nothing else is folded: some letters of other scripts have an ASCII letter as their small one,
    and a stranger's address would become somebody else's.
    """
    return address.translate(_SMALL_LETTERS)


@dataclass(frozen=True, slots=True)
class Automatic:
    """Why a mail is not from a person's hand (RFC 3834 and kin)."""

    kind: AutomaticKind
    reason: str
    """A sentence naming the header or part and its value."""
    failed_recipients: tuple[str, ...] = ()
    """Of a delivery report: the addresses that it says could not be reached."""
    about: tuple[str, ...] = ()
    """Message-IDs without ``<>`` of the mails that a report or an automatic reply is about."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attached or embedded file, decoded."""

    filename: str
    """Safe to show and to save: no path, no control or bidi characters, never empty."""
    content_type: str
    """Lower-case ``type/subtype``: declared, or what the magic bytes say where that is generic."""
    declared_type: str
    data: bytes = field(repr=False)
    content_id: str = ""
    """Without ``<>``."""
    content_location: str = ""
    inline: bool = False
    """Referenced by the HTML body (cid:, Content-Location) and to be shown in it."""
    left_out: str | None = None
    """The reason why it does not go on the ticket; ``None``: it does."""

    @property
    def size(self) -> int:
        """Bytes, decoded."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """Hex digest of the decoded bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Body:
    """A body in both forms; ``content_type`` is the chosen part's (``""``: there was none)."""

    content_type: str
    html: str
    """Sanitised, whatever the part was; embedded images as ``cid:`` references."""
    text: str


@dataclass(frozen=True, slots=True)
class NewPart:
    """What the sender wrote, and what was cut from below or above it (SPEC 3.6)."""

    html: str
    text: str
    cut_html: str = ""
    cut_text: str = ""


@dataclass(frozen=True, slots=True)
class HeaderSection:
    """The decoded header section (RFC 5322, 2.2). Ids without ``<>``."""

    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    """In header order, all of them; who needs a bound takes the last 32."""
    date: datetime | None
    """Aware; the offset is the header's."""
    from_: Address | None
    """The first usable address of From, else of Sender."""
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    automatic: Automatic | None
    """By the header section alone (bounces of old show only in the body)."""
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Every field, in order: lower-case name, raw value unfolded, as text that is safe to store."""
    defects: tuple[str, ...] = ()

    def first(self, name: str) -> str:
        """Give the first value of a field, ``""`` when it is absent."""
        return next((value for key, value in self.fields if key == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Message:
    """One decoded mail."""

    header: HeaderSection
    body: Body
    new_part: NewPart
    automatic: Automatic | None
    """By header and content: what the header section says, else what the body shows."""
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...] = ()
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one message (SPEC 1.3); sizes in bytes, ``seconds`` of wall clock."""

    header_bytes: int = 1024**2
    addresses: int = 2000
    parts: int = 1000
    depth: int = 50
    html_bytes: int = 5 * 1024**2
    image_pixels: int = 50_000_000
    seconds: float = 20
