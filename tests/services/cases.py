"""Cases for rules, matching and planning, without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailticket.config import Inbox
from mailticket.decision import Case, Facts
from mailticket.draft import Draft
from mailticket.message import Address, Automatic, Body, HeaderSection, NewPart
from mailticket.planning import Ground
from mailticket.ticket import Field, Person, TicketBrief, TicketClass

ADA = Person(1, "Ada", "Lovelace", "ada@acme.example", 5)
SENDER = Address("Ada Lovelace", "ada@acme.example")


def inbox(**fields: Any) -> Inbox:
    """Read an inbox as the Variable would give it."""
    return Inbox.model_validate({"name": "support", **fields})


def header(**fields: Any) -> HeaderSection:
    """Write a header section."""
    return replace(
        HeaderSection("m@x", (), (), None, SENDER, (), (), (), "Printer", None), **fields
    )


def draft(**fields: Any) -> Draft:
    """Write what ``parse`` hands on."""
    body = Body("text/plain", "<p>It is broken.</p>", "It is broken.")
    new = NewPart("<p>New.</p>", "New.", "<p>Old.</p>", "Old.")
    plain = Draft(SENDER, (), (), "Printer", None, body, new, None, (), ())
    return replace(plain, **fields)


def automatic(kind: Any, **fields: Any) -> Automatic:
    """Say why a mail is automatic."""
    return Automatic(kind, "Auto-Submitted: yes", **fields)


def ticket_class(**fields: Any) -> TicketClass:
    """Describe a class with a mandatory field of its own."""
    known = (
        Field("title", "character varying", True, max_characters=20),
        Field("description", "text", False),
        Field("org_id", "bigint", True, refers_to="mailticket.organization"),
        Field("caller_id", "bigint", True, refers_to="mailticket.person"),
        Field("category", "text", True, own=True),
        Field("origin", "mailticket.origin", False, ("mail", "phone"), own=True),
    )
    plain = TicketClass(
        "UserRequest",
        "user_request",
        "R-",
        "public_log",
        ("public_log", "private_log"),
        {field.name: field for field in known},
        ("new", "assigned", "closed"),
        frozenset({"closed"}),
        "new",
        "assigned",
    )
    return replace(plain, **fields)


def ground(**fields: Any) -> Ground:
    """Give what planning stands on."""
    plain = Ground(ticket_class(), "public_log", {"category": "normal"}, {"org_id": 5})
    return replace(plain, **fields)


def ticket(number: int = 1, **fields: Any) -> TicketBrief:
    """Give a ticket as matching sees it."""
    plain = TicketBrief(number, f"R-{number:06d}", "UserRequest", "new", False, False)
    return replace(plain, **fields)


def case(**fields: Any) -> Case:
    """Give a mail of Ada's, whom the database knows; inbox fields under ``inbox``."""
    settings = fields.pop("inbox", {})
    plain = Case(inbox(**settings), 1000, header(), Facts(callers=(ADA,)), draft=draft())
    plain = replace(plain, ticket_class=ticket_class())
    return replace(plain, **fields)
