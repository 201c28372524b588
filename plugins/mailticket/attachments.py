"""What is attached to a mail: named, typed by its bytes, and sorted out (SPEC 4.3, 4.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

from mailticket import magic, tnef
from mailticket.charsets import scrub
from mailticket.choice import written_name
from mailticket.embedded import Embedded, comparable
from mailticket.encoded_words import decode_words, header_text
from mailticket.fields import read_fields, section_size
from mailticket.filenames import made_up, safe_name, shortened
from mailticket.headers import subject
from mailticket.media_types import extension, type_of_name
from mailticket.message import Attachment
from mailticket.options import ParseOptions
from mailticket.parts import Part
from mailticket.sieve import Sieve

FORWARDED = frozenset({"message/rfc822", "message/global"})
_HEADER_AT_MOST = 64 * 1024
_MOST_NOTES = 100


@dataclass(frozen=True, slots=True)
class Attached:
    """The attachments of one mail, and what was wrong with them."""

    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...] = ()


@dataclass(slots=True)
class _Namer:
    """Numbers the parts that have no name."""

    counts: Counter[str] = field(default_factory=Counter)

    def name(self, written: str, content_type: str) -> str:
        if name := safe_name(written):
            return name
        self.counts[content_type] += 1
        return made_up(content_type, self.counts[content_type])


def collected(
    parts: Iterable[Part],
    embedded: Iterable[Embedded],
    references: frozenset[str],
    options: ParseOptions,
) -> Attached:
    """Decode attached parts and embedded images; ``references`` are the Content-IDs shown."""
    namer = _Namer()
    defects: list[str] = []
    found = [*_from_parts(parts, namer, defects), *_from_inside(embedded, namer)]
    shown = _with_inline(found, references)
    sieve = Sieve(options)
    judged = [sieve.judged(attachment) for attachment in shown]
    said = dict.fromkeys((*defects, *sieve.notes[:_MOST_NOTES]))
    return Attached(tuple(_without_repeats(judged)), tuple(said))


def _from_parts(parts: Iterable[Part], namer: _Namer, defects: list[str]) -> Iterator[Attachment]:
    for part in parts:
        octets, defect = part.payload()
        if defect:
            defects.append(defect)
        if octets or written_name(part):
            yield _attachment(part, octets, namer)


def _attachment(part: Part, octets: bytes, namer: _Namer) -> Attachment:
    declared = part.content_type
    written = written_name(part)
    actual = magic.sniff(octets)
    content_type = magic.best_type(declared, actual, type_of_name(safe_name(written)))
    name = forwarded_name(octets, safe_name(written)) if declared in FORWARDED else ""
    name = name or namer.name(written, content_type)
    return Attachment(
        filename=_with_extension(name, content_type),
        content_type=content_type,
        declared_type=declared,
        data=octets,
        content_id=identity(part),
        content_location=location(part),
    )


def is_winmail(part: Part) -> bool:
    """Tell Outlook's container by its type or by its name."""
    return part.content_type in tnef.TYPES or written_name(part).lower() == "winmail.dat"


def _from_inside(embedded: Iterable[Embedded], namer: _Namer) -> Iterator[Attachment]:
    for image in embedded:
        content_type = magic.best_type(image.content_type, magic.sniff(image.octets), "")
        yield Attachment(
            filename=_with_extension(namer.name(image.filename, content_type), content_type),
            content_type=content_type,
            declared_type=image.content_type,
            data=image.octets,
            content_id=image.content_id,
            left_out=image.left_out,
        )


def identity(part: Part) -> str:
    """Give a part's Content-ID without ``<>``; one made of its Content-Location if it has none."""
    written = "".join(scrub(header_text(part.section.first("content-id"))).split()).strip("<>")
    if written or not (where := location(part)):
        return written[:998]
    return f"{sha256(where.encode()).hexdigest()[:32]}@content-location"


def location(part: Part) -> str:
    """Give a part's Content-Location (RFC 2557), folds and blanks taken out."""
    return "".join(decode_words(header_text(part.section.first("content-location"))).split())[:2000]


def forwarded_name(octets: bytes, written: str) -> str:
    """Name a forwarded message by its subject, ``""`` when it has neither that nor a name."""
    octets = octets[: _HEADER_AT_MOST * 2].lstrip(b"\r\n")
    header = octets[: min(section_size(octets, 0, len(octets)), _HEADER_AT_MOST)]
    title = safe_name(subject(read_fields(header)).replace("/", "-").replace("\\", "-"))
    stem = title or written
    if not stem:
        return ""
    return shortened(stem if stem.lower().endswith(".eml") else stem + ".eml")


def _with_extension(name: str, content_type: str) -> str:
    """Give a name without any extension the one of its type."""
    stem, dot, tail = name.rpartition(".")
    if (dot and stem and 0 < len(tail) <= 10) or content_type in magic.GENERIC:  # noqa: PLR2004
        return name
    return shortened(name + extension(content_type))


def _with_inline(found: list[Attachment], references: frozenset[str]) -> list[Attachment]:
    """Mark what the HTML shows: of two parts with one Content-ID, the first."""
    seen: set[str] = set()
    named = references.difference(comparable(each.content_id) for each in found)
    out = []
    for attachment in found:
        key = comparable(attachment.content_id)
        if not key and comparable(attachment.filename) in named:
            # Some programs refer to a file by its name, and give it no Content-ID.
            key = comparable(attachment.filename)
            attachment = replace(attachment, content_id=key)  # noqa: PLW2901
        inline = key in references and key not in seen and _can_be_shown(attachment)
        seen.add(key)
        out.append(replace(attachment, inline=True) if inline else attachment)
    return out


def _can_be_shown(attachment: Attachment) -> bool:
    """Tell whether a page may show it: an image, but SVG is a document that runs."""
    kind = attachment.content_type
    return kind.startswith("image/") and not kind.startswith("image/svg")


def _without_repeats(found: list[Attachment]) -> list[Attachment]:
    """Leave out a file that the mail carries twice; the one that is shown stays."""
    keepers: dict[str, Attachment] = {}
    for attachment in sorted(found, key=lambda each: not each.inline):
        if attachment.left_out is None:
            keepers.setdefault(attachment.sha256, attachment)
    out = []
    for attachment in found:
        keeper = keepers.get(attachment.sha256, attachment)
        if attachment.left_out is None and keeper is not attachment:
            reason = f"same content as {keeper.filename}"
            attachment = replace(attachment, left_out=reason)  # noqa: PLW2901
        out.append(attachment)
    return out


def aliases(attachments: Iterable[Attachment]) -> dict[str, str]:
    """Say which Content-ID shows the same as one that was left out as a repetition."""
    kept: dict[str, str] = {}
    for each in attachments:
        if each.left_out is None and each.inline:
            kept.setdefault(each.sha256, each.content_id)
    return {
        comparable(each.content_id): kept[each.sha256]
        for each in attachments
        if each.inline and each.left_out is not None and each.sha256 in kept
    }
