"""Delivery reports and automatic answers, told by what a mail holds where its fields do not say.

Reports from before RFC 3464 show only in the body: every mail server words its own, so a body
counts only together with a sender or a subject that fits, and never in somebody's answer to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailticket import bounce_wording as wording
from mailticket.automatic import from_daemon, from_mailer_daemon, looks_automatic
from mailticket.bounce_recipients import ORIGINALS, REPORTS, about, failed
from mailticket.charsets import one_line
from mailticket.message import Automatic, HeaderSection
from mailticket.parts import Part

_BEGINNING = 3000
_LOOKED_THROUGH = 60_000


def by_content(header: HeaderSection, parts: Sequence[Part], text: str) -> Automatic | None:
    """Say why a mail is automatic: what its header section says, else what the body shows.

    ``parts`` are those that are no body; ``text`` is the body's.
    """
    found = header.automatic
    if (found is None or found.kind != "bounce") and (reason := _bounced(header, parts, text)):
        found = Automatic("bounce", reason)
    if (found is None or found.kind == "generated") and (reason := _answered(header, text)):
        found = Automatic("auto-reply", reason)
    if found is None or found.kind not in ("bounce", "auto-reply"):
        return found
    if found.kind == "auto-reply":
        return replace(found, failed_recipients=(), about=about(header, parts, ""))
    return replace(
        found,
        failed_recipients=failed(header, parts, text),
        about=about(header, parts, text),
    )


def _answered(header: HeaderSection, text: str) -> str:
    """Tell an absence note by its subject together with the words of the program that sent it."""
    said = looks_automatic(header.subject) and wording.AUTOMATIC_ANSWER.search(text[:_BEGINNING])
    return f"subject {header.subject[:80]!r}, body: {one_line(said[0])[:80]}" if said else ""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for a delivery report."""

    daemon: bool
    """The sender is a mail system by name, or nobody."""
    system: bool
    """The sender is no person by name, or nobody."""
    subject: bool
    opening: str
    phrase: str
    original: bool
    """The mail that came back is attached or quoted."""
    about_mail: bool


def _bounced(header: HeaderSection, parts: Sequence[Part], text: str) -> str:
    """Give the reason why this is a delivery report, ``""`` when it is none."""
    if any(part.content_type in REPORTS for part in parts):
        return "a part of type message/delivery-status"
    evidence = _evidence(header, parts, text)
    if _answered_by_program(header) and not (evidence.daemon and evidence.subject):
        return ""
    if wording.ANSWER.match(header.subject):
        named = bool(wording.SUBJECT.search(header.subject)) and evidence.opening
        return f"body: {named[:100]}" if named and not header.in_reply_to else ""
    return _weighed(header, evidence)


def _weighed(header: HeaderSection, evidence: _Evidence) -> str:
    if evidence.opening and (evidence.system or evidence.subject):
        return f"body: {evidence.opening[:100]}"
    if not evidence.subject:
        return ""
    if evidence.daemon:
        return f"subject {header.subject[:80]!r}, from a mail system"
    if evidence.phrase and (evidence.original or (evidence.system and evidence.about_mail)):
        return f"subject {header.subject[:80]!r}, body: {evidence.phrase[:80]}"
    return ""


def _evidence(header: HeaderSection, parts: Sequence[Part], text: str) -> _Evidence:
    beginning = text[:_BEGINNING]
    opening, phrase = wording.SOFTWARE.search(beginning), wording.PHRASE.search(beginning)
    below = wording.ORIGINAL_BELOW.search(text[:_LOOKED_THROUGH])
    daemon = header.first("return-path") == "<>" or from_daemon(header.first("from"))
    return _Evidence(
        daemon=daemon,
        system=daemon or header.from_ is None or _is_system(header),
        subject=_says_so(header.subject),
        opening=one_line(opening[0]) if opening else "",
        phrase=one_line(phrase[0]) if phrase else "",
        original=below is not None or any(part.content_type in ORIGINALS for part in parts),
        about_mail=wording.ABOUT_MAIL.search(beginning) is not None,
    )


def _says_so(subject: str) -> bool:
    plain = wording.TAG.sub("", subject).lstrip("[(*\"'<!:-~ ")
    return bool(wording.SUBJECT.match(plain) or wording.AWS_SUBJECT.match(plain))


def _is_system(header: HeaderSection) -> bool:
    return wording.SYSTEM.search(str(header.from_)) is not None


def _answered_by_program(header: HeaderSection) -> bool:
    """Tell an automatic answer; one from MAILER-DAEMON may be a report all the same."""
    found = header.automatic
    answer = found is not None and found.kind == "auto-reply"
    return answer and not from_mailer_daemon(header.first("from"))
