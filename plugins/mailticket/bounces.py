"""Delivery reports and automatic answers read for what they are about (RFC 3464, RFC 8098).

Reports from before the standard show only in the body: every mail server words its own, so a body
counts only together with a sender or a subject that fits, and never in somebody's answer to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mailticket.automatic import from_daemon, from_mailer_daemon
from mailticket.charsets import decode, one_line
from mailticket.fields import FieldSection, read_fields, section_size
from mailticket.headers import message_id
from mailticket.message import Automatic, HeaderSection
from mailticket.parts import Part

_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_NOTICES = frozenset({"message/disposition-notification", "message/feedback-report"})
_ORIGINALS = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822", "message/partial"}
)
_WHO = ("original-recipient", "final-recipient", "original-rcpt-to")
"""RFC 3464, 2.3.1 and 2.3.2; RFC 5965, 3.2."""
_BEGINNING = 3000
_LOOKED_THROUGH = 60_000
_RECIPIENTS = 50

_SUBJECT = re.compile(
    r"^\W*(?:(?:mail|message|e-?mail|messaging)\b.{0,30})?(?:undeliver|not\W+deliver|un\W?deliver"
    r"|deliver\w*.{0,30}(?:fail|error|problem|status|notif|report|delay|unsuccess)"
    r"|(?:fail\w*|error\w*|problem\w*).{0,20}deliver|return(?:ed|ing)\b.{0,30}(?:mail|message|sender)"
    r"|failure notice|could not (?:be )?(?:sent|deliver)|nondeliver|non.?deliver|loop alert"
    r"|bounced? (?:e?mail|message|action)|mail (?:system )?error|message status|unzustellbar"
    r"|(?:nicht|un).{0,10}zustell|non remis|échec de (?:la )?(?:remise|distribution)"
    r"|mancato recapito|no (?:se )?(?:pudo )?entrega|não entregue|niedostarczon"
    r"|(?:メール)?エラー通知|配信(?:できません|エラー|不能)|未送信|退信|系统退信|투고)"
    r"|^aws notification message",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"^\W*(?:re|aw|fwd?|wg|tr|sv|rv|antw)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_SYSTEM = re.compile(
    r"no-?reply|do-?not-?reply|mail.?admin|admin@|-admin@|exchange"
    r"|mail ?(?:delivery|gateway|system)|daemon|postmaster|bounce",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    r"(?:could|can|was|were|has|have|did|is|are)(?:n't|not| not)?(?: not)? (?:be(?:en)? )?"
    r"(?:un)?deliver(?:ed|able)?|undeliver(?:ed|able)|delivery (?:has )?(?:failed|failure|error)"
    r"|unable to deliver|failed to deliver|error (?:was )?(?:encountered|occurred)? ?(?:while )?"
    r"(?:deliver|send|transport)|(?:permanent|fatal|permanently).{0,20}(?:error|fail)"
    r"|returned (?:to (?:the )?sender|mail)|mail(?:box)? (?:is )?full|user unknown|unknown user"
    r"|no such user|does not exist|address(?:es)? rejected|recipient(?:s)? (?:address )?rejected"
    r"|following (?:recipient|address|destination|user)s?|out of storage|over quota"
    r"|could not be sent|duplicated message-id"
    r"|送信できません|配信できません|宛先|以下のメールアドレス"
    r"|(?:nicht|un).{0,10}zu(?:ge)?stell|n'a pas pu être|non può essere|no (?:se )?pudo"
    r"|\b[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b",
    re.IGNORECASE,
)
_SIGNED_BY_SOFTWARE = re.compile(
    r"\A\W{0,40}(?:hi\. this is the|this is the (?:mail system|postfix|qmail|dragonfly|machine"
    r"|mta|smtp|exim)|this (?:message|is an?).{0,30}(?:created|generated) automatically by"
    r"|this is an automatically generated delivery status|the original message was received"
    r"|i'm sorry to have to inform you|your message (?:did not reach|was not delivered)"
    r"|a message that you sent could not be|\W*the following (?:addresses|recipients) had)"
    r"|^\s*-{2,} ?(?:the following addresses had|transcript of session follows)"
    r"|\"notificationtype\\?\"\s*:\s*\\?\"(?:bounce|complaint)|\"eventtype\\?\"\s*:\s*\\?\"bounce",
    re.IGNORECASE | re.MULTILINE,
)
_ORIGINAL_BELOW = re.compile(
    r"^\s*-{2,}.{0,30}(?:original|copy of|returned|unsent|bounced|undelivered).{0,60}$"
    r"|^\W{0,5}(?:received|return-path): |^(?:original|message|returned) (?:message|mail|headers?)"
    r".{0,20}(?:follows?|below)",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(
    r"(?<![\w.+=@-])([\w.+=%&'*/!#$^~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63})(?![\w@])"
)
_ORIGINAL_ID = re.compile(
    r"^[ \t>|]*message-id:[ \t]*<([^<>\s]{1,900})>", re.IGNORECASE | re.MULTILINE
)
_JSON_ADDRESS = re.compile(r"emailAddress\\?\"\s*:\s*\\?\"([^\"\\\s]{3,320})\\?\"")


def by_content(header: HeaderSection, parts: Sequence[Part], text: str) -> Automatic | None:
    """Say why a mail is automatic: what its header section says, else what the body shows.

    ``parts`` are those that are no body; ``text`` is the body's.
    """
    found = header.automatic
    if (found is None or found.kind != "bounce") and (reason := _bounced(header, parts, text)):
        found = Automatic("bounce", reason)
    if found is None or found.kind not in ("bounce", "auto-reply"):
        return found
    about = _about(header, parts, text if found.kind == "bounce" else "")
    failed = _failed(header, parts, text) if found.kind == "bounce" else ()
    return replace(found, failed_recipients=failed, about=about)


def _bounced(header: HeaderSection, parts: Sequence[Part], text: str) -> str:
    """Give the reason why this is a delivery report, ``""`` when it is none."""
    if any(part.content_type in _REPORTS for part in parts):
        return "a part of type message/delivery-status"
    if _ANSWER.match(header.subject) or _answered_by_program(header):
        return ""
    beginning = text[:_BEGINNING]
    software = _SIGNED_BY_SOFTWARE.search(beginning)
    if software and (_fits_sender(header) or _SUBJECT.match(header.subject)):
        return f"body: {one_line(software[0])[:100]}"
    phrase = _PHRASE.search(beginning)
    if phrase is None or not _SUBJECT.match(header.subject):
        return ""
    if _fits_sender(header) or _ORIGINAL_BELOW.search(text[:_LOOKED_THROUGH]) or _carries(parts):
        return f"subject {header.subject[:80]!r}, body: {one_line(phrase[0])[:80]}"
    return ""


def _answered_by_program(header: HeaderSection) -> bool:
    """Tell an automatic answer; one from MAILER-DAEMON may be a report all the same."""
    found = header.automatic
    answer = found is not None and found.kind == "auto-reply"
    return answer and not from_mailer_daemon(header.first("from"))


def _fits_sender(header: HeaderSection) -> bool:
    if header.first("return-path") == "<>" or from_daemon(header.first("from")):
        return True
    return header.from_ is None or _SYSTEM.search(str(header.from_)) is not None


def _carries(parts: Sequence[Part]) -> bool:
    return any(part.content_type in _ORIGINALS for part in parts)


# --- who could not be reached ------------------------------------------------------------------


def _failed(header: HeaderSection, parts: Sequence[Part], text: str) -> tuple[str, ...]:
    """Name the recipients, by the best evidence: the report, Exim's field, the text."""
    found = list(_reported(parts)) or _ADDRESS.findall(header.first("x-failed-recipients")[:5000])
    if not found:
        found = _in_text(header, text)
    return tuple(dict.fromkeys(found))[:_RECIPIENTS]


def _reported(parts: Sequence[Part]) -> Iterator[str]:
    """RFC 3464, 2.3: one group of fields for each recipient, the first group for the message."""
    for part in parts:
        if part.content_type not in _REPORTS | _NOTICES:
            continue
        octets = part.payload().octets[:_LOOKED_THROUGH].replace(b"\r\n", b"\n")
        for group in re.split(rb"\n[ \t]*\n", octets):
            fields = read_fields(group.strip() + b"\n")
            action = fields.first("action").strip().lower()
            if action.startswith((b"deliver", b"relay", b"expand")):
                continue
            written = next(filter(None, map(fields.first, _WHO)), b"")
            yield from _ADDRESS.findall(decode(written[:1000]).text.replace(";", " "))[:1]


def _in_text(header: HeaderSection, text: str) -> list[str]:
    """Take the addresses above the original, but for those of the report itself."""
    if found := _JSON_ADDRESS.findall(text[:_LOOKED_THROUGH]):
        return found
    below = _ORIGINAL_BELOW.search(text, 1, _LOOKED_THROUGH)
    above = text[: below.start() if below else 2 * _BEGINNING]
    own = {each.address.lower() for each in (*header.to, *header.cc)}
    own.add(header.from_.address.lower() if header.from_ else "")
    found = [each for each in _ADDRESS.findall(above) if each.lower() not in own]
    people = [each for each in found if not _SYSTEM.search(each)]
    return (people or found)[:10]


# --- which mail it is about --------------------------------------------------------------------


def _about(header: HeaderSection, parts: Sequence[Part], text: str) -> tuple[str, ...]:
    """Name the mail that came back or was answered, then what the report refers to."""
    ids = [*_original_ids(parts), *_ORIGINAL_ID.findall(text[:_LOOKED_THROUGH])]
    ids += header.in_reply_to or header.references[-1:]
    return tuple(dict.fromkeys(ids))[:_RECIPIENTS]


def _original_ids(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if part.content_type not in _ORIGINALS | _NOTICES | _REPORTS:
            continue
        octets = part.payload().octets[:_LOOKED_THROUGH]
        fields = read_fields(octets[: section_size(octets, 0, len(octets))])
        if part.content_type in _ORIGINALS:
            yield from filter(None, [message_id(fields)])
        elif written := fields.first("original-message-id") or _x_original(fields):
            yield decode(written[:1000]).text.strip("<> ")


def _x_original(fields: FieldSection) -> bytes:
    return fields.first("x-original-message-id")
