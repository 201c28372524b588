"""What one field of an inbox means for another: errors, notices, and the Connection's TLS mode."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from mailticket.config_errors import nearest, shown
from mailticket.errors import Fault

if TYPE_CHECKING:
    from mailticket.config_inbox import Inbox

MAPPED = ("title", "description", "caller_id", "origin")
"""Fields of a ticket that the mail itself fills (SPEC 3.2); org_id is one too, and may have a
default for callers without an organisation."""

_CONTRADICTIONS = (
    ("ssl", "notls"),
    ("ssl", "tls"),
    ("tls", "notls"),
    ("validate-cert", "novalidate-cert"),
    ("validate-cert", "notls"),
)
# Which TLS modes of the Connection a flag word agrees with.
_AGREES = {
    "ssl": ("implicit",),
    "tls": ("starttls",),
    "notls": ("none",),
    "validate-cert": ("implicit", "starttls"),
}


def cross_faults(inbox: Inbox, known_classes: Collection[str] | None) -> Iterator[Fault]:
    """Find values that are right alone and wrong together."""
    yield from _moving(inbox)
    yield from _imap_words(inbox)
    yield from _mapped_fields(inbox)
    yield from _image_sizes(inbox)
    yield from _classes(inbox, known_classes)


def notices(inbox: Inbox) -> tuple[str, ...]:
    """Say which values have no effect."""
    return tuple(sentence for holds, sentence in _sayings(inbox) if holds)


def contradictions(inbox: Inbox, tls: str) -> tuple[Fault, ...]:
    """Find flag words that contradict the Connection's ``tls``: implicit, starttls or none."""
    if inbox.protocol == "pop3":
        return ()
    return tuple(
        _fault(
            inbox,
            "imap_options",
            list(inbox.imap_options),
            f"{word} contradicts tls = {tls} of the Connection {inbox.conn_id}; "
            f"take it out, or set tls to {' or '.join(_AGREES[word])} there",
        )
        for word in inbox.imap_options
        if tls not in _AGREES.get(word, (tls,))
    )


def _fault(inbox: Inbox, field: str, value: object, allowed: str) -> Fault:
    return Fault(inbox.name, field, shown(field, value), allowed)


def _moving(inbox: Inbox) -> Iterator[Fault]:
    if inbox.after_processing != "move":
        return
    if inbox.protocol == "pop3":
        yield _fault(inbox, "after_processing", "move", "POP3 has no folders; write keep or delete")
    elif inbox.move_to is None:
        yield _fault(inbox, "move_to", None, "write the folder to move to, as in Done")
    elif _folder(inbox.move_to) == _folder(inbox.mailbox):
        yield _fault(
            inbox, "move_to", inbox.move_to, "write another folder than the one that is read"
        )


def _folder(name: str) -> str:
    # INBOX, and only it, is the same in any case (RFC 3501, 5.1).
    return "INBOX" if name.upper() == "INBOX" else name


def _imap_words(inbox: Inbox) -> Iterator[Fault]:
    if inbox.protocol == "pop3":
        return
    for one, other in _CONTRADICTIONS:
        if one in inbox.imap_options and other in inbox.imap_options:
            yield _fault(
                inbox,
                "imap_options",
                list(inbox.imap_options),
                f"{one} and {other} contradict each other; write one of them",
            )


def _mapped_fields(inbox: Inbox) -> Iterator[Fault]:
    for field in MAPPED:
        if field in inbox.ticket_defaults:
            yield _fault(
                inbox,
                f"ticket_defaults.{field}",
                inbox.ticket_defaults[field],
                "the mail itself gives this field; leave it out",
            )
    if "email" in inbox.person_defaults:
        yield _fault(
            inbox,
            "person_defaults.email",
            inbox.person_defaults["email"],
            "the sender's address is taken; leave it out",
        )


def _image_sizes(inbox: Inbox) -> Iterator[Fault]:
    most, least = inbox.images_maximum_size, inbox.images_minimum_size
    if most and (most.width < max(1, least.width) or most.height < max(1, least.height)):
        yield _fault(
            inbox,
            "images_maximum_size",
            str(most),
            f"write a size that is not below images_minimum_size, which is {least}",
        )


def _classes(inbox: Inbox, known: Collection[str] | None) -> Iterator[Fault]:
    if known is None:
        return
    named = {"ticket_class": inbox.ticket_class}
    named |= {f"ticket_log.{ticket_class}": ticket_class for ticket_class in inbox.ticket_log}
    for field, ticket_class in named.items():
        if ticket_class not in known:
            near = nearest(ticket_class, known)
            meant = f"did you mean {near}?" if near else f"write one of {', '.join(sorted(known))}"
            yield _fault(inbox, field, ticket_class, f"there is no such class; {meant}")


def _sayings(inbox: Inbox) -> Iterator[tuple[bool, str]]:
    pop3 = inbox.protocol == "pop3"
    yield pop3 and inbox.mailbox != "INBOX", "mailbox is ignored: POP3 has no folders"
    yield pop3 and inbox.imap_options != ("imap",), "imap_options is ignored with POP3"
    yield pop3 and inbox.use_message_id_as_uid, "use_message_id_as_uid is ignored with POP3"
    moves = inbox.after_processing == "move"
    yield (
        inbox.move_to is not None and not moves,
        "move_to is ignored: after_processing is not move",
    )
    yield (
        inbox.forward_errors_from is not None and not inbox.forward_errors_to,
        "forward_errors_from is ignored: forward_errors_to names nobody",
    )
    creates = inbox.unknown_caller == "create_person"
    yield (
        bool(inbox.person_defaults) and not creates,
        "person_defaults is ignored: unknown_caller is not create_person",
    )
    yield (
        inbox.unknown_caller_reply is not None and creates,
        "unknown_caller_reply is ignored: unknown callers are not rejected",
    )
    yield (
        inbox.behavior == "create_only" and bool(inbox.status_on_update),
        "status_on_update is ignored: create_only updates no ticket",
    )
