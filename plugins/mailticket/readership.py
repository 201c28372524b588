"""Who is mailed about a ticket, each once for one cause, and never a machine (SPEC 7.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailticket.decision import Case, Verdict
from mailticket.notices import Kind
from mailticket.outgoing import mailable
from mailticket.storm import person_behind

# Nobody reads what is sent there: at best it bounces.
_NOBODY = re.compile(
    r"(?:no|do[-_.]?not|ne[-_.]?pas|nicht|non)[-_.]?(?:reply|repondre|antworten|rispondere)"
    r"|mailer[-_.]?daemon|postmaster|bounces?|null",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whom a ticket concerns."""

    address: str
    language: str = ""
    ours: bool = False
    """It is the address of an inbox of this installation: mail to it would go round."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Everybody whom a ticket concerns."""

    caller: tuple[Reader, ...] = ()
    contacts: tuple[Reader, ...] = ()
    agent: tuple[Reader, ...] = ()
    team: tuple[Reader, ...] = ()
    """The team's address; its members where it has none."""


def kinds(case: Case, verdict: Verdict, *, public: bool) -> tuple[Kind, ...]:
    """Say which kinds of mail a message calls for; ``public``: its log entry is in the public log.

    What an agent writes is passed on only if it answers a mail that we sent: From is easily forged,
    a signed reference is not, and what we pass on bears our name.
    """
    if verdict not in (Verdict.CREATE, Verdict.UPDATE):
        return ()
    assert case.draft is not None
    by_person, made = case.draft.automatic is None, verdict is Verdict.CREATE
    wanted: dict[Kind, bool] = {
        "acknowledgement": made and by_person,
        "agent_reply": not made and by_person and public and _answers_as_agent(case),
        "team": True,
    }
    return tuple(kind for kind, called in wanted.items() if called and kind in case.inbox.notify)


def _answers_as_agent(case: Case) -> bool:
    match = case.match
    return match is not None and match.ticket.by_agent and match.by == "signed_reference"


def recipients(
    asked: Sequence[Kind], audience: Audience, writer: str, apart: Iterable[str]
) -> tuple[tuple[Kind, Reader], ...]:
    """Give whom each kind goes to, nobody twice.

    ``writer`` wrote what is told: only the acknowledgement goes there. ``apart`` are our own
    address, and those that had the mail itself.
    """
    seen = {person_behind(address) for address in apart}
    chosen: list[tuple[Kind, Reader]] = []
    for kind in asked:
        if kind != "acknowledgement":
            seen.add(person_behind(writer))
        for reader in _concerned(kind, audience):
            if person_behind(reader.address) not in seen and _may_be_mailed(reader):
                seen.add(person_behind(reader.address))
                chosen.append((kind, reader))
    return tuple(chosen)


def _concerned(kind: Kind, audience: Audience) -> tuple[Reader, ...]:
    if kind == "acknowledgement":
        return audience.caller
    if kind == "agent_reply":
        return (*audience.caller, *audience.contacts)
    return audience.agent or audience.team


def _may_be_mailed(reader: Reader) -> bool:
    return not (reader.ours or nobody_reads(reader.address)) and mailable(reader.address)


def nobody_reads(address: str) -> bool:
    """Tell whether an address is one behind which no person reads: noreply, postmaster and kin."""
    return bool(_NOBODY.fullmatch(address.rpartition("@")[0].partition("+")[0]))
