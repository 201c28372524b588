"""What a test sets up beside the mail, and what it asks afterwards."""

from __future__ import annotations

import secrets
from typing import Any

from mailticket.reference import Keyring, sign
from mailticket.store.outbox import Outbox
from services.arena import Arena, mail


def with_parts(
    *parts: tuple[str, bytes],
    subtype: str = "mixed",
    encoding: str = "8bit",
    **options: Any,
) -> bytes:
    """Write a mail of several parts: (Content-Type, further fields after CRLF; content)."""
    top = mail(**options)
    head, _, _ = top.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Type")]
    kept.append(f'Content-Type: multipart/{subtype}; boundary="=_parts"'.encode())
    body = b"".join(
        b"\r\n--=_parts\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s"
        % (kind.encode(), encoding.encode(), content)
        for kind, content in parts
    )
    return b"\r\n".join(kept) + b"\r\n" + body + b"\r\n--=_parts--\r\n"


def person(
    arena: Arena, email: str, name: str = "Lovelace", first_name: str = "Ada", org: str = "Acme"
) -> int:
    """Make a person, and the organisation where it is missing; give the number."""
    arena.rows("INSERT INTO mailticket.organization (name) VALUES (%s) ON CONFLICT DO NOTHING", org)
    [(number,)] = arena.rows(
        "INSERT INTO mailticket.person (first_name, name, email, org_id) SELECT %s, %s, %s, id"
        " FROM mailticket.organization WHERE name = %s RETURNING id",
        first_name,
        name,
        email,
        org,
    )
    return int(number)


def close(arena: Arena, ref: str = "R-000001", status: str = "closed") -> None:
    """Close a ticket as a person with SQL does."""
    arena.rows("UPDATE mailticket.ticket SET status = %s WHERE ref = %s", status, ref)


def status_of(arena: Arena, ref: str = "R-000001") -> str:
    """Give a ticket's status."""
    [(status,)] = arena.rows("SELECT status FROM mailticket.ticket WHERE ref = %s", ref)
    return str(status)


def entries(arena: Arena) -> list[tuple[str, str]]:
    """Give (ticket, text) of each log entry, in order."""
    return arena.rows(
        "SELECT t.ref, e.text FROM mailticket.log_entry e"
        " JOIN mailticket.ticket t ON t.id = e.ticket_id ORDER BY e.id"
    )


def refs(arena: Arena) -> list[str]:
    """Give the references of all tickets, in order."""
    return [ref for (ref,) in arena.rows("SELECT ref FROM mailticket.ticket ORDER BY id")]


def last(arena: Arena) -> tuple[str | None, str | None, str | None, str | None]:
    """Give (verdict, decided_by, ticket, reason) of the newest message."""
    [row] = arena.rows(
        "SELECT verdict::text, decided_by, ticket, reason FROM mailticket.message_status"
        " ORDER BY id DESC LIMIT 1"
    )
    return row  # type: ignore[return-value]


def steps(arena: Arena) -> dict[str, tuple[str, str]]:
    """Give rule → (outcome, detail) of the newest message; of a rule asked twice, the last."""
    [(found,)] = arena.rows(
        "SELECT a.steps FROM mailticket.message m JOIN mailticket.attempt a ON a.id = m.attempt"
        " ORDER BY m.id DESC LIMIT 1"
    )
    return {step["rule"]: (step["outcome"], step["detail"]) for step in found}


def changes(arena: Arena) -> list[dict[str, Any]]:
    """Give what the newest message changed."""
    [(found,)] = arena.rows(
        "SELECT a.changes FROM mailticket.message m JOIN mailticket.attempt a ON a.id = m.attempt"
        " ORDER BY m.id DESC LIMIT 1"
    )
    return list(found)


def keyring(arena: Arena) -> Keyring:
    """Give the keys of this installation."""
    db = arena.access().database()
    try:
        return Outbox(db).keyring()
    finally:
        db.close()


def signed_id(arena: Arena, ticket: int = 1) -> str:
    """Give a Message-ID that this installation would sign for a ticket, with ``<>``."""
    return f"<{sign(keyring(arena), ticket, secrets.token_bytes(10), 'example.com')}>"
