"""What a mail holds: the source of its body, and what is attached, containers opened (SPEC 4.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailticket import containers, invitation, magic, signed, uuencode
from mailticket.attachments import FORWARDED
from mailticket.body import Source, source_of
from mailticket.choice import Choice, choose, written_name
from mailticket.embedded import Embedded, extracted
from mailticket.fields import FieldSection, read_fields
from mailticket.media_types import type_of_name
from mailticket.options import ParseOptions
from mailticket.parts import Part, Tree, read_tree


@dataclass(frozen=True, slots=True)
class Content:
    """A mail taken apart, nothing rendered yet."""

    source: Source
    attached: tuple[Part, ...]
    files: tuple[Embedded, ...]
    """What was found inside other things: ``data:`` images, the contents of containers."""
    encrypted: bool
    complete: bool
    defects: tuple[str, ...]


def read_content(raw: bytes, section: FieldSection, options: ParseOptions) -> Content:
    """Take a mail apart whose header section was read already."""
    tree = read_tree(raw, section, options.limits)
    choice = choose(tree.root, options.body_parts_order)
    inner = _inside_signature(tree.root, options)
    if inner is not None:
        tree, choice = inner
    found = _Found([], [])
    source = _source(tree, choice, found, options)
    inside = extracted(source.text if source.content_type == "text/html" else "")
    return Content(
        source=replace(source, text=inside.html) if inside.html else source,
        attached=tuple(choice.attached),
        files=(*inside.files, *found.files),
        encrypted=choice.encrypted or signed.is_encrypted(source.text),
        complete=tree.complete,
        defects=(*tree.defects, *inside.defects, *found.defects),
    )


def _inside_signature(root: Part, options: ParseOptions) -> tuple[Tree, Choice] | None:
    """Read the mail inside an opaque S/MIME signature; the signed file stays attached."""
    if root.content_type not in signed.TYPES:
        return None
    entity = signed.content_of(root.payload().octets)
    if entity is None:
        return None
    tree = read_tree(entity, read_fields(entity), options.limits)
    choice = choose(tree.root, options.body_parts_order)
    choice.attached.append(root)
    return tree, choice


@dataclass(frozen=True, slots=True)
class _Found:
    """What comes to light on the way to the body."""

    files: list[Embedded]
    defects: list[str]


def _source(tree: Tree, choice: Choice, found: _Found, options: ParseOptions) -> Source:
    """Give the body, or what takes its place where there is none."""
    source = source_of(choice.body)
    opening = containers.opened(choice.attached, source, options.exclude_attachment_types)
    source = _emptied(choice, found, opening)
    if not source.text.strip():
        source = _invitation(choice) or _forwarded(tree.root, choice, options) or source
    if source.content_type == "text/plain":
        text = _without_files(source.text, found)
        return replace(source, text=signed.without_armour(text))
    return source


def _without_files(text: str, found: _Found) -> str:
    """Make attachments of the files that stand in a text."""
    decoded = uuencode.taken_out(text)
    found.files.extend(
        Embedded(magic.best_type("", magic.sniff(octets), type_of_name(name)), "", octets, name)
        for name, octets in decoded.files
    )
    return decoded.text


def _emptied(choice: Choice, found: _Found, opening: containers.Opening) -> Source:
    """Put what winmail.dat and .msg hold in their place; gives the body, which may be theirs."""
    choice.attached[:] = opening.kept
    found.files.extend(opening.files)
    found.defects.extend(opening.defects)
    return opening.source


def _invitation(choice: Choice) -> Source | None:
    for part in choice.attached:
        if not invitation.is_called_calendar(part.content_type, written_name(part)):
            continue
        charset = part.type_parameters.get("charset")
        if text := invitation.as_text(part.payload().octets, charset):
            return Source(part.content_type, text)
    return None


def _forwarded(root: Part, choice: Choice, options: ParseOptions) -> Source | None:
    """Read the text of the message that a mail is, and nothing beside it (RFC 2046, 5.2.1)."""
    if root.content_type not in FORWARDED or choice.attached != [root]:
        return None
    octets = root.payload().octets
    section = read_fields(octets[: options.limits.header_bytes])
    inner = choose(read_tree(octets, section, options.limits).root, options.body_parts_order)
    return replace(source_of(inner.body), defects=()) if inner.body else None
