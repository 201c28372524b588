"""Files that hold a mail's content: winmail.dat and .msg, opened in their place (SPEC 4.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailticket import magic, outlook_msg, tnef
from mailticket.attachments import is_winmail
from mailticket.body import Source
from mailticket.charsets import one_line
from mailticket.choice import written_name
from mailticket.embedded import Embedded
from mailticket.media_types import type_of_name
from mailticket.message import Attachment
from mailticket.outlook import HeldFile, OutlookMessage, as_eml, eml_name, shown_in
from mailticket.parts import Part
from mailticket.sieve import excluded as exclusion
from mailticket.tnef_counts import Overdrawn

OPENED = "opened: what it holds is attached"
SHOWN = "opened: its text is the body"
_EML = "message/rfc822"


@dataclass(slots=True)
class Opening:
    """What comes to light when the containers of one mail are opened."""

    source: Source
    """The body; that of a container where the mail has no other."""
    excluded: tuple[str, ...]
    files: list[Embedded] = field(default_factory=list)
    kept: list[Part] = field(default_factory=list)
    """Parts that are attached as they are; a container that was opened stands in ``files``."""
    defects: list[str] = field(default_factory=list)


def opened(attached: Iterable[Part], source: Source, excluded: tuple[str, ...]) -> Opening:
    """Open each container among the attached parts; a .msg of an excluded type stays closed."""
    opening = Opening(source, excluded)
    for part in attached:
        if not _was_opened(part, opening):
            opening.kept.append(part)
    return opening


def _was_opened(part: Part, opening: Opening) -> bool:
    """Open a container; False for what is none, and for one that has to stay attached."""
    name = written_name(part)
    if is_winmail(part):
        return _open_winmail(part, opening)
    if outlook_msg.is_called_msg(part.content_type, name):
        return _open_msg(part, name, opening)
    return False


def _open_winmail(part: Part, opening: Opening) -> bool:
    octets = part.payload().octets
    try:
        message = tnef.opened(octets)
    except Overdrawn as error:
        opening.defects.append(f"winmail.dat not opened: {error}")
        return False
    if message is None:
        return False
    is_body = _becomes_body(message, opening)
    if not (message.files or is_body):
        return False
    replaced = _replaced(part, octets, "winmail.dat", message, opening)
    opening.files.extend(map(_embedded, message.files))
    return replaced


def _open_msg(part: Part, name: str, opening: Opening) -> bool:
    """Attach what a .msg says as an .eml, and beside it the files that it holds."""
    octets = part.payload().octets
    kind = part.content_type
    if exclusion(Attachment(name, kind, kind, octets), opening.excluded):
        return False
    message = outlook_msg.opened(octets)
    if message is None:
        return False
    is_body = _becomes_body(message, opening)
    shown = shown_in(message.html, message.files)
    eml = Embedded(_EML, "", as_eml(message, shown), eml_name(message))
    replaced = _replaced(part, octets, name or "message.msg", message, opening)
    opening.files.append(eml)
    for file in message.files:
        if is_body or file not in shown:
            opening.files.append(_embedded(file))
    return replaced


def _becomes_body(message: OutlookMessage, opening: Opening) -> bool:
    """Take the body of a container where the mail says nothing itself."""
    if opening.source.text.strip():
        return False
    for kind, text in (("text/html", message.html), ("text/plain", message.text)):
        if text.strip():
            opening.source = Source(kind, text.replace("\r\n", "\n").replace("\r", "\n"))
            return True
    return False


def _replaced(
    part: Part, octets: bytes, name: str, message: OutlookMessage, opening: Opening
) -> bool:
    """Leave a container out, unless it holds more than could be taken out of it."""
    if not message.complete:
        opening.defects.append(f"{one_line(name)} opened in part: it stays attached as well")
        return False
    said = OPENED if message.files or part.content_type not in tnef.TYPES else SHOWN
    opening.files.append(Embedded(part.content_type, "", octets, name, said))
    return True


def _embedded(file: HeldFile) -> Embedded:
    declared = file.content_type or "application/octet-stream"
    kind = magic.best_type(declared, magic.sniff(file.octets), type_of_name(file.filename))
    return Embedded(kind, file.content_id, file.octets, file.filename)
