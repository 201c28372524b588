"""From an accepted message to the changes of its ticket (SPEC 3.2, 3.3, 3.6, 3.8, 3.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailticket.decision import Case, Ruling, Verdict
from mailticket.draft import AttachedFile, Draft
from mailticket.message import folded
from mailticket.ticket import (
    DESCRIPTION_CHARACTERS,
    TITLE_CHARACTERS,
    AddContact,
    AppendLogEntry,
    AttachFile,
    ChangeStatus,
    CreatePerson,
    CreateTicket,
    LeaveOut,
    TicketBrief,
    TicketChange,
    TicketClass,
)

ORIGIN = "mail"
NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """The ruling that ends the decision, the rule that it is put down to, and what to do."""

    ruling: Ruling
    decided_by: str
    changes: tuple[TicketChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What planning stands on, the same for all messages of a pass."""

    ticket_class: TicketClass
    log_field: str
    ticket_defaults: Mapping[str, Any]
    """Resolved: keys as numbers."""
    person_defaults: Mapping[str, Any]
    person_mandatory: tuple[str, ...] = ("name", "org_id")


class _MissingError(Exception):
    """A mandatory field has no value; the message says which and how to mend it."""


def plan(case: Case, ground: Ground) -> Plan:
    """Plan what a message that passed every rule does."""
    assert case.draft is not None
    try:
        ticket = ticket_to_update(case)
        if ticket:
            return _update(case, case.draft, ground, ticket)
        return _create(case, case.draft, ground)
    except _MissingError as missing:
        return Plan(Ruling(Verdict.FAILED, str(missing)), "mandatory_fields")


def ticket_to_update(case: Case) -> TicketBrief | None:
    """Give the ticket that the message adds to; None: it makes one."""
    if case.match is None:
        return None
    ticket = case.match.ticket
    return None if ticket.closed and case.inbox.closed_ticket == "new_ticket" else ticket


def _create(case: Case, draft: Draft, ground: Ground) -> Plan:
    person = _person(case, draft, ground)
    given = {
        "title": title(draft.subject, case.inbox.default_title, ground.ticket_class),
        "description": draft.body.html,
        "description_text": draft.body.text[:DESCRIPTION_CHARACTERS],
        "org_id": _org_id(case, ground, person),
    }
    if case.ticket_facts.callers:
        given["caller_id"] = case.ticket_facts.callers[0].id
    fields = {**ground.ticket_defaults, **{k: v for k, v in given.items() if v is not None}}
    fields |= _origin(ground.ticket_class)
    _check_mandatory(case, ground.ticket_class, fields, bool(person))
    created = _creation(ground.ticket_class, fields)
    contacts = _contacts(case, on=("on_create", "always"))
    changes: tuple[TicketChange, ...] = (
        *person,
        created,
        *_files(case, draft, draft.whole_body),
        *contacts,
    )
    why = f"a new {ground.ticket_class.name}"
    if case.match:
        why += f", since {case.match.ticket.ref} is {case.match.ticket.status}"
    return Plan(Ruling(Verdict.CREATE, why), "create_ticket", changes)


def _creation(ticket_class: TicketClass, fields: Mapping[str, Any]) -> CreateTicket:
    known = ticket_class.fields
    own = {name: value for name, value in fields.items() if name in known and known[name].own}
    base = {name: value for name, value in fields.items() if name not in own}
    return CreateTicket(ticket_class.name, ticket_class.table, base, own)


def _origin(ticket_class: TicketClass) -> dict[str, str]:
    """Say that the ticket came by mail, where the class has a field that can say so."""
    field = ticket_class.fields.get("origin")
    knows = field is not None and (not field.values or ORIGIN in field.values)
    return {"origin": ORIGIN} if knows else {}


def title(subject: str, default_title: str, ticket_class: TicketClass) -> str:
    """Make a title of a subject: as many characters as the field has, or the inbox's default."""
    field = ticket_class.fields.get("title")
    most = field.max_characters if field and field.max_characters else TITLE_CHARACTERS
    return (subject.strip() or default_title)[:most].rstrip()


def _org_id(case: Case, ground: Ground, person: tuple[CreatePerson, ...]) -> int | None:
    default: int | None = ground.ticket_defaults.get("org_id")
    if case.ticket_facts.callers:
        return case.ticket_facts.callers[0].org_id or default
    return person[0].fields["org_id"] if person else default


def _check_mandatory(
    case: Case, ticket_class: TicketClass, fields: Mapping[str, Any], creates_person: bool
) -> None:
    missing = [
        field.name
        for field in ticket_class.fields.values()
        if field.mandatory
        and fields.get(field.name) in (None, "")
        and not (field.name == "caller_id" and creates_person)
    ]
    if missing:
        raise _MissingError(
            f"{ticket_class.name} needs {', '.join(missing)}: "
            f"set ticket_defaults of inbox {case.inbox.name}"
        )


def _person(case: Case, draft: Draft, ground: Ground) -> tuple[CreatePerson, ...]:
    if case.ticket_facts.callers or draft.sender is None:
        return ()
    if case.inbox.unknown_caller != "create_person":
        return ()
    fields = {**ground.person_defaults, **_name(draft.sender.name)}
    fields["email"] = draft.sender.address
    missing = [name for name in ground.person_mandatory if fields.get(name) in (None, "")]
    if missing:
        raise _MissingError(
            f"the person {draft.sender.address} cannot be created without {', '.join(missing)}: "
            f"set person_defaults of inbox {case.inbox.name}"
        )
    return (CreatePerson(fields),)


def _name(display_name: str) -> dict[str, str]:
    """Split a display name: "Ada Lovelace", "Lovelace, Ada"; one word is the name alone."""
    written = " ".join(display_name.split()).strip("\"' ")
    last, comma, first = (part.strip() for part in written.partition(","))
    if not (comma and first and last):
        first, _, last = written.strip(", ").rpartition(" ")
    parts = {"first_name": first[:NAME_CHARACTERS], "name": last[:NAME_CHARACTERS]}
    return {key: part for key, part in parts.items() if part}


def _update(case: Case, draft: Draft, ground: Ground, ticket: TicketBrief) -> Plan:
    assert case.match is not None
    new, callers = draft.new_part, case.ticket_facts.callers
    entry = AppendLogEntry(
        ticket.id,
        ground.log_field,
        callers[0].id if callers else None,
        callers[0].full_name if callers else str(draft.sender or ""),
        new.html,
        new.text[:DESCRIPTION_CHARACTERS],
        new.cut_html,
        new.cut_text[:DESCRIPTION_CHARACTERS],
    )
    status = tuple(_status_change(case, ground.ticket_class, ticket))
    contacts = _contacts(case, on=("on_update", "always"))
    changes: tuple[TicketChange, ...] = (
        *_person(case, draft, ground),
        entry,
        *status,
        *_files(case, draft, draft.whole_new_part, ticket),
        *contacts,
    )
    return Plan(
        Ruling(Verdict.UPDATE, f"belongs to {ticket.ref}: {case.match.detail}"),
        case.match.by,
        changes,
    )


def reopens(case: Case, ticket: TicketBrief) -> bool:
    """Tell whether the message reopens a ticket; automatic mail never does (SPEC 3.9)."""
    assert case.draft is not None
    asked = ticket.closed and case.inbox.closed_ticket == "reopen"
    return asked and case.draft.automatic is None


def _status_change(
    case: Case, ticket_class: TicketClass, ticket: TicketBrief
) -> Iterator[ChangeStatus]:
    if ticket.closed:
        if reopens(case, ticket):
            yield ChangeStatus(ticket.id, ticket_class.reopened, reopens=True)
        return
    to = case.inbox.status_on_update.get(ticket.status)
    if to and to != ticket.status:
        yield ChangeStatus(ticket.id, to)


def _files(
    case: Case, draft: Draft, whole: AttachedFile | None, ticket: TicketBrief | None = None
) -> Iterator[AttachFile | LeaveOut]:
    if whole:
        yield AttachFile(whole.filename, whole.content_type, whole.sha256)
    for file in draft.files:
        there = ticket is not None and (ticket.id, file.sha256) in case.ticket_facts.attached
        if file.left_out or there:
            why = file.left_out or "the ticket has a file with the same content"
            yield LeaveOut(file.filename, file.content_type, why)
        else:
            yield AttachFile(
                file.filename, file.content_type, file.sha256, file.content_id, file.inline
            )


def contact_addresses(case: Case, own_address: str) -> tuple[str, ...]:
    """Give whom ``additional_contacts`` may link, in lower case: never the inbox itself."""
    if case.inbox.additional_contacts == "never":
        return ()
    written = (folded(one.address) for one in (*case.header.to, *case.header.cc))
    return tuple(dict.fromkeys(one for one in written if one != folded(own_address)))


def _contacts(case: Case, on: tuple[str, ...]) -> Iterator[AddContact]:
    if case.inbox.additional_contacts not in on:
        return
    callers = {person.id for person in case.ticket_facts.callers[:1]}
    for person in case.ticket_facts.contacts:
        if person.id not in callers:
            yield AddContact(person.id)
