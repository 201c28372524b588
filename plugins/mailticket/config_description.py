"""What an inbox does, said in Markdown for those who operate it (SPEC 6.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mailticket.config_errors import shown
from mailticket.errors import Fault
from mailticket.sizes import short_size

if TYPE_CHECKING:
    from mailticket.config_inbox import Inbox

_SPECIAL = re.compile(r"([\\`*_\[\]|~:@#]|(?<=www)\.)", re.IGNORECASE)
"""What makes emphasis, code, links, table cells; ``:``, ``@`` and ``www.`` become links unasked."""
_SIZES = ("maximum_email_size", "limit_header_bytes", "limit_html_bytes")

_BEHAVIOR = {
    "create_or_update": "A mail that belongs to a ticket updates it; any other creates one.",
    "create_only": "Every mail creates a ticket, replies too.",
    "update_only": "A mail updates the ticket that it belongs to; any other is rejected.",
}
_CLOSED = {
    "new_ticket": "A mail to a closed ticket creates a new one.",
    "reopen": "A mail to a closed ticket reopens it.",
    "append": "A mail to a closed ticket is added to its log; the ticket stays closed.",
    "reject": "A mail to a closed ticket is rejected.",
}
_AFTER = {
    "keep": "A mail stays in the mailbox until its ticket is closed or deleted, then goes.",
    "delete": "A mail is deleted from the mailbox as soon as its ticket is saved.",
    "move": "A mail is moved to the folder {move_to} as soon as its ticket is saved.",
}
_ERRORS = {
    "keep": "Mails in error stay in the mailbox and are not tried again until reset or cleared.",
    "delete": "Mails in error are deleted from the mailbox.",
}
_MATCH = {
    "related": "the ticket's caller, contacts, organisation, agent or team",
    "known": "any known person",
    "any": "anybody",
}


def describe(inbox: Inbox) -> str:
    """Say in sentences what the inbox does, then list every value that is not the default."""
    sections = [
        f"### Inbox {escaped(inbox.name)}",
        " ".join(_reading(inbox)),
        "\n".join(f"- {sentence}" for sentence in _treatment(inbox)),
    ]
    if inbox.notices:
        sections.append("**Please note**\n\n" + _bullets(map(escaped, inbox.notices)))
    sections.append(_table(inbox))
    return "\n\n".join(sections) + "\n"


def describe_faults(faults: Iterable[Fault]) -> str:
    """Write faults as a Markdown table: where, field, value, what is allowed."""
    rows = (
        (fault.inbox or "all inboxes", fault.field, fault.value, fault.allowed) for fault in faults
    )
    lines = (f"| {' | '.join(map(escaped, row))} |" for row in rows)
    return "\n".join(("| inbox | field | value | allowed |", "|---|---|---|---|", *lines)) + "\n"


def escaped(text: str) -> str:
    """Write any text so that Markdown shows it as it is, in one line, without a link or a tag."""
    single = " ".join(text.split())
    quoted = single.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", quoted)


def _reading(inbox: Inbox) -> Iterator[str]:
    where = f"the folder {escaped(inbox.mailbox)}" if inbox.protocol == "imap" else "the mailbox"
    address = f" of {escaped(inbox.address)}" if inbox.address else ""
    yield (
        f"Reads {where}{address} by {inbox.protocol.upper()} through the Connection "
        f"{escaped(inbox.conn_id)}, and makes tickets of the class {escaped(inbox.ticket_class)}."
    )
    if not inbox.active:
        yield "It is switched off (active is false): nothing is read."


def _treatment(inbox: Inbox) -> Iterator[str]:
    yield _BEHAVIOR[inbox.behavior]
    if inbox.behavior != "create_only":
        yield f"The reference in a subject counts for {_MATCH[inbox.subject_match]}."
        yield _CLOSED[inbox.closed_ticket] if inbox.behavior != "update_only" else _closed(inbox)
    yield from _statuses(inbox)
    yield _unknown(inbox)
    yield from _undesired(inbox)
    yield _AFTER[inbox.after_processing].format(move_to=escaped(inbox.move_to or ""))
    yield _errors(inbox)
    yield _too_big(inbox)


def _closed(inbox: Inbox) -> str:
    return _CLOSED["reject" if inbox.closed_ticket == "new_ticket" else inbox.closed_ticket]


def _statuses(inbox: Inbox) -> Iterator[str]:
    if inbox.status_on_update and inbox.behavior != "create_only":
        moves = (f"{escaped(a)} → {escaped(b)}" for a, b in inbox.status_on_update.items())
        yield f"A mail that updates a ticket changes its status: {', '.join(moves)}."


def _unknown(inbox: Inbox) -> str:
    if inbox.unknown_caller == "create_person":
        return "A sender who is not known becomes a new person."
    reply = " and answered, once a day at most" if inbox.unknown_caller_reply else ""
    return f"Mail from a sender who is not known is rejected{reply}."


def _undesired(inbox: Inbox) -> Iterator[str]:
    generated = "is rejected too" if inbox.automatic_mail == "reject" else "makes tickets"
    yield (
        "Automatic replies, delivery reports and loops never make a ticket; "
        f"other mail that machines generate {generated}."
    )
    purge = f"Undesired mails are kept for {inbox.undesired_purge_delay} days, then deleted."
    yield purge if inbox.undesired_behavior == "purge" else "Undesired mails are treated as errors."


def _errors(inbox: Inbox) -> str:
    if not inbox.forward_errors_to:
        return _ERRORS[inbox.error_behavior]
    to = ", ".join(map(escaped, inbox.forward_errors_to))
    when = ", once they were taken" if inbox.error_behavior == "delete" else ""
    return f"{_ERRORS[inbox.error_behavior][:-1]}{when}. They are forwarded to {to}."


def _too_big(inbox: Inbox) -> str:
    size = short_size(inbox.maximum_email_size)
    if inbox.big_files_dir is None:
        return f"A mail over {size} is rejected and stays in the mailbox."
    return f"A mail over {size} is rejected and saved to {escaped(inbox.big_files_dir)}."


def _table(inbox: Inbox) -> str:
    plain = type(inbox)(name=inbox.name).document()
    changed = {k: v for k, v in inbox.document().items() if v != plain[k]}
    if not changed:
        return "Every value is the default."
    rows = (f"| {escaped(k)} | {escaped(_cell(k, changed[k]))} |" for k in sorted(changed))
    return "\n".join(
        ("Values that are not the default:\n", "| field | value |", "|---|---|", *rows)
    )


def _cell(field: str, value: object) -> str:
    if field in _SIZES and isinstance(value, int):
        return short_size(value)
    if isinstance(value, str):
        return shown(field, value).strip('"')
    return shown(field, value)


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
