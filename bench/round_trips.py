"""How often a pass asks PostgreSQL, counted on the wire: each question with its answer is one."""

from __future__ import annotations

import logging
from pathlib import Path

import structlog

from mailticket.ingest import run_once
from services.arena import Arena
from services.database import DatabaseServer
from services.dovecot import Dovecot
from services.gate import Gate

_FEW, _MANY = 100, 1000


def round_trips(dovecot: Dovecot, server: DatabaseServer, folder: Path) -> float:
    """Count those of a mail: what more mails make more of."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    mails = sorted(folder.glob("mails/**/*.eml"))
    few, many = (_asked(dovecot, server, mails[:n]) for n in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW)


def _asked(dovecot: Dovecot, server: DatabaseServer, mails: list[Path]) -> int:
    database = server.migrated()
    database.rows("INSERT INTO mailticket.organization (name) VALUES ('Bench')")
    fields = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Bench"}}
    arena = Arena(dovecot, database, fields=fields)
    arena.deliver(*(mail.read_bytes() for mail in mails))
    with Gate({"postgres": server.server.port}) as gate:
        access = arena.access()
        db = arena.store(**{**access.database_parameters(), "port": gate.ports["postgres"]})
        try:
            run_once(db, access.inbox(arena.name), "counted", access.outside())
        finally:
            db.close()
        return sum(turn.asks for turn in gate.turns)
