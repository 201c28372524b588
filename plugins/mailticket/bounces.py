"""Delivery reports and automatic answers, told by what a mail holds where its fields do not say.

Reports from before RFC 3464 show only in the body: every mail server words its own, so a body
counts only together with a sender or a subject that fits, and never in somebody's answer to one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

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
    if header.first("content-type").lower().startswith("message/"):
        text = ""  # it is not this mail's own, but that of the one which it passes on
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


def _bounced(header: HeaderSection, parts: Sequence[Part], text: str) -> str:
    """Give the reason why this is a delivery report, ``""`` when it is none."""
    if any(part.content_type in REPORTS for part in parts):
        return "a part of type message/delivery-status"
    said = _says_so(header.subject)
    if _answered_by_program(header) and not (said and _is_daemon(header)):
        return ""
    if wording.ANSWER.match(header.subject):
        rewritten = not header.in_reply_to and wording.SUBJECT.search(header.subject)
        return _opening(text) if rewritten else ""
    if (said or _is_system(header)) and (reason := _opening(text)):
        return reason
    return _by_subject(header, parts, text) if said else ""


def _by_subject(header: HeaderSection, parts: Sequence[Part], text: str) -> str:
    """Weigh what a mail holds whose subject is that of a report: people use such, too."""
    reason = f"subject {header.subject[:80]!r}, "
    if _is_daemon(header):
        return reason + "from a mail system"
    beginning = text[:_BEGINNING]
    phrase = wording.PHRASE.search(beginning)
    if phrase is None:
        return ""
    about_mail = _is_system(header) and wording.ABOUT_MAIL.search(beginning)
    if about_mail and wording.GOODS.search(f"{header.subject} {beginning}"):
        about_mail = None
    return reason + _body_says(phrase) if about_mail or _brings_original(parts, text) else ""


def _brings_original(parts: Sequence[Part], text: str) -> bool:
    if any(part.content_type in ORIGINALS for part in parts):
        return True
    return wording.ORIGINAL_BELOW.search(text[:_LOOKED_THROUGH]) is not None


def _opening(text: str) -> str:
    """Give the words with which a mail server begins a report, ``""`` where none stand."""
    found = wording.SOFTWARE.search(text[:_BEGINNING])
    return _body_says(found) if found else ""


def _body_says(found: re.Match[str]) -> str:
    return f"body: {one_line(found[0])[:100]}"


def _is_daemon(header: HeaderSection) -> bool:
    """Tell a sender who is a mail system by name, or nobody."""
    return header.first("return-path") == "<>" or from_daemon(header.first("from"))


def _is_system(header: HeaderSection) -> bool:
    """Tell a sender who is no person by name."""
    if header.from_ is None or _is_daemon(header):
        return True
    return wording.SYSTEM.search(str(header.from_)) is not None


def _says_so(subject: str) -> bool:
    plain = wording.TAG.sub("", subject).lstrip("[(*\"'<!:-~ ")
    return bool(wording.SUBJECT.match(plain) or wording.AWS_SUBJECT.match(plain))


def _answered_by_program(header: HeaderSection) -> bool:
    """Tell an automatic answer; one from MAILER-DAEMON may be a report all the same."""
    found = header.automatic
    answer = found is not None and found.kind == "auto-reply"
    return answer and not from_mailer_daemon(header.first("from"))
