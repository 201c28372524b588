"""What a mail holds: the source of its body, and what is attached, containers opened (SPEC 4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailticket import invitation, magic, signed, tnef
from mailticket.attachments import is_winmail
from mailticket.body import EMPTY, Source, source_of
from mailticket.choice import Choice, choose
from mailticket.embedded import Embedded, extracted
from mailticket.fields import FieldSection, read_fields
from mailticket.options import ParseOptions
from mailticket.parts import Part, Tree, read_tree
from mailticket.tnef_counts import Overdrawn

_CALENDARS = frozenset({"text/calendar", "application/ics"})


@dataclass(frozen=True, slots=True)
class Content:
    """A mail taken apart, nothing rendered yet."""

    source: Source
    attached: tuple[Part, ...]
    files: tuple[Embedded, ...]
    """What was found inside other things: ``data:`` images, the contents of winmail.dat."""
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
    source = _source(choice, found)
    html, images = extracted(source.text) if source.content_type == "text/html" else ("", ())
    return Content(
        source=replace(source, text=html) if images else source,
        attached=tuple(choice.attached),
        files=(*images, *found.files),
        encrypted=choice.encrypted or signed.is_encrypted(source.text),
        complete=tree.complete,
        defects=(*tree.defects, *found.defects),
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


def _source(choice: Choice, found: _Found) -> Source:
    """Give the body, or what takes its place where there is none."""
    source = source_of(choice.body)
    for inside in _winmail(choice, found):
        if not source.text.strip():
            source = _outlook_body(inside)
    if not source.text.strip():
        source = _invitation(choice) or source
    if source.content_type == "text/plain":
        return replace(source, text=signed.without_armour(source.text))
    return source


def _winmail(choice: Choice, found: _Found) -> Iterator[tnef.Opened]:
    """Put the contents of winmail.dat in its place, and yield each one for its body."""
    for part in filter(is_winmail, tuple(choice.attached)):
        octets = part.payload().octets
        if (inside := _opened(octets, found.defects)) is None:
            continue
        yield inside
        if inside.files:
            choice.attached.remove(part)
            said = "opened: what it holds is attached"
            found.files.append(Embedded(part.content_type, "", octets, "winmail.dat", said))
            found.files.extend(_embedded(name, held) for name, held in inside.files)


def _opened(octets: bytes, defects: list[str]) -> tnef.Opened | None:
    try:
        return tnef.opened(octets)
    except Overdrawn as error:
        defects.append(f"winmail.dat not opened: {error}")
        return None


def _embedded(name: str, octets: bytes) -> Embedded:
    return Embedded(_type(name, octets), "", octets, name)


def _outlook_body(inside: tnef.Opened) -> Source:
    if inside.html.strip():
        return Source("text/html", inside.html)
    return Source("text/plain", inside.text) if inside.text.strip() else EMPTY


def _type(name: str, octets: bytes) -> str:
    return magic.best_type(
        "application/octet-stream", magic.sniff(octets), magic.type_of_name(name)
    )


def _invitation(choice: Choice) -> Source | None:
    for part in choice.attached:
        if part.content_type not in _CALENDARS:
            continue
        charset = part.type_parameters.get("charset")
        if text := invitation.as_text(part.payload().octets, charset):
            return Source(part.content_type, text)
    return None
