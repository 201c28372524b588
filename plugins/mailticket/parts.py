"""The MIME tree (RFC 2045, 2046), cut by our own bounded walk over the bytes.

The email package builds the whole tree by recursion and a line at a time; here a part is a range
of the original, so that depth, number and memory are bounded before anything is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mailticket.charsets import one_line
from mailticket.fields import (
    FieldSection,
    Parameters,
    charset_named,
    is_utf_8,
    read_fields,
    read_parameters,
    section_size,
)
from mailticket.message import Limits
from mailticket.transfer import Payload, undo

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+*-]{1,150}")
_LONE_TYPES = {"text": "text/plain", "html": "text/html", "plain": "text/plain"}
_PART_HEADER_BYTES = 64 * 1024
_FIRST_BOUNDARY = re.compile(
    rb"(?<![^\r\n])--(?=[^\r\n]{0,200}?[0-9A-Za-z])([^\r\n]{1,200}?)[ \t]*"
    rb"(?:\r?\n|\r)(?=[A-Za-z][0-9A-Za-z-]{1,60}[ \t]*:|[\r\n])"
)
"""A line that fields or an empty line follow: no rule below a text, nor a signature's mark."""
_LONGEST_BOUNDARY = 1000
_TAIL = re.compile(
    rb"[ \t]*+(--(?:[^0-9A-Za-z'()+_,./:=?\s-][^\r\n]{0,1000})?)?[ \t]*+(?:\r?\n|\r|\Z)"
)
"""What may follow a boundary; after a closing one, anything that no boundary can hold."""


@dataclass(frozen=True, slots=True)
class Part:
    """One entity: its fields, and its body as a range of the original."""

    section: FieldSection
    content_type: str
    """Lower-case ``type/subtype``; the default of its container where none is declared."""
    type_parameters: Parameters
    disposition: Parameters
    original: bytes = field(repr=False)
    start: int
    end: int
    children: tuple[Part, ...] = ()

    @property
    def encoded(self) -> bytes:
        """The body as it stands in the original."""
        return self.original[self.start : self.end]

    @property
    def is_text(self) -> bool:
        """Tell whether the declared type is text."""
        return self.content_type.startswith("text/")

    @property
    def is_multipart(self) -> bool:
        """Tell whether it was cut into children."""
        return bool(self.children)

    def payload(self) -> Payload:
        """Undo the transfer encoding."""
        encoding = one_line(self.section.first("content-transfer-encoding").decode("latin-1"))
        return undo(self.encoded, encoding, is_text=self.is_text)

    def likely_charset(self, octets: bytes) -> str:
        """Give the charset of 8-bit text that declares none: the one that the mail names elsewhere.

        ``""`` for ASCII and UTF-8, which need no name.
        """
        if octets.isascii() or is_utf_8(octets):
            return ""
        return charset_named(self.original[: section_size(self.original, 0, len(self.original))])

    def walk(self) -> Iterator[Part]:
        """Yield this part and all below it, in order."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


@dataclass(frozen=True, slots=True)
class Tree:
    """The parts of one original; ``complete`` is false where a limit left something uncut."""

    root: Part
    complete: bool
    defects: tuple[str, ...]


def read_tree(original: bytes, section: FieldSection, limits: Limits) -> Tree:
    """Cut an original whose header section was read already."""
    cutter = _Cutter(original, limits, original[: section.size])
    start = min(section.size, len(original))
    root = cutter.part(section, start, len(original), "text/plain", 0)
    return Tree(root, cutter.complete, tuple(dict.fromkeys(cutter.defects)))


class _Cutter:
    """Counts parts and depth while it cuts."""

    def __init__(self, original: bytes, limits: Limits, header: bytes) -> None:
        self.original = original
        self.header = header
        self.limits = limits
        self.left = limits.parts
        self.complete = True
        self.defects: list[str] = []

    def part(self, section: FieldSection, start: int, end: int, default: str, depth: int) -> Part:
        declared = self._parameters(section, "content-type")
        content_type = _content_type(declared.value, default)
        disposition = self._parameters(section, "content-disposition")
        children: tuple[Part, ...] = ()
        if content_type.startswith("multipart/"):
            children = self._children(declared, content_type, start, end, depth)
            children = children or self._encoded_children(section, start, end, depth)
            if not children:
                content_type = "text/plain" if depth == 0 else content_type
        return Part(
            section, content_type, declared, disposition, self.original, start, end, children
        )

    def _parameters(self, section: FieldSection, name: str) -> Parameters:
        value = section.first(name)[:_PART_HEADER_BYTES]
        return read_parameters(value, lambda: charset_named(self.header))

    def _children(
        self, declared: Parameters, content_type: str, start: int, end: int, depth: int
    ) -> tuple[Part, ...]:
        if depth >= self.limits.depth:
            self._give_up(f"limit_depth: parts nested deeper than {self.limits.depth}")
            return ()
        boundary = self._boundary(declared, start, end)
        default = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
        children = []
        for child_start, child_end in self._ranges(boundary, start, end) if boundary else ():
            if self.left <= 0:
                self._give_up(f"limit_parts: more than {self.limits.parts} parts")
                break
            self.left -= 1
            children.append(self._child(child_start, child_end, default, depth + 1))
        if not children:
            self.defects.append("a multipart without parts")
        return tuple(children)

    def _encoded_children(
        self, section: FieldSection, start: int, end: int, depth: int
    ) -> tuple[Part, ...]:
        """Cut a multipart that is itself encoded, which RFC 2045, 6.4 forbids."""
        encoding = one_line(section.first("content-transfer-encoding").decode("latin-1")).lower()
        if not encoding.startswith(("base64", "quoted-printable")):
            return ()
        octets = undo(self.original[start:end], encoding, is_text=False).octets
        inner = _Cutter(octets, replace(self.limits, parts=self.left), self.header)
        bare = FieldSection(
            tuple(each for each in section.fields if each[0] != "content-transfer-encoding"), 0
        )
        found = inner.part(bare, 0, len(octets), "text/plain", depth).children
        self.left, self.complete = inner.left, self.complete and inner.complete
        self.defects += inner.defects
        return found

    def _child(self, start: int, end: int, default: str, depth: int) -> Part:
        size = section_size(self.original, start, end)
        header = self.original[start : start + min(size, _PART_HEADER_BYTES)]
        if size > _PART_HEADER_BYTES:
            self.defects.append("the header section of a part is longer than 64 KB")
        section = read_fields(header)
        body = start + (size if size > _PART_HEADER_BYTES else section.size)
        return self.part(section, min(body, end), end, default, depth)

    def _boundary(self, declared: Parameters, start: int, end: int) -> bytes:
        """Give the declared boundary, or the one that the body shows when that occurs nowhere."""
        boundary = declared.get("boundary").rstrip().encode("utf-8", "replace")
        if boundary and len(boundary) <= _LONGEST_BOUNDARY:
            if self.original.find(b"--" + boundary, start, end) >= 0:
                return boundary
            latin = declared.get("boundary").rstrip().encode("latin-1", "replace")
            if self.original.find(b"--" + latin, start, end) >= 0:
                return latin
        guess = _FIRST_BOUNDARY.search(self.original, start, min(end, start + 100_000))
        self.defects.append("the boundary of a multipart is missing or wrong")
        return guess[1] if guess and b" " not in guess[1] else b""

    def _ranges(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where each part begins and ends (RFC 2046, 5.1.1); a missing end is the end."""
        opened = -1
        for line_start, line_end, closing in self._delimiters(boundary, start, end):
            if opened >= 0:
                yield opened, max(opened, line_start)
            opened = -1 if closing else line_end
        if opened >= 0:
            self.defects.append("the closing boundary of a multipart is missing")
            if self.original[opened:end].strip():
                yield opened, end

    def _delimiters(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Yield start (line end before it included), end, and whether it closes."""
        mark = b"--" + boundary
        found = self.original.find(mark, start, end)
        while found >= 0:
            after = _TAIL.match(self.original, found + len(mark), end)
            begins = found == start or self.original[found - 1] in b"\r\n"
            if after and (begins or (after[1] and after.end() == end)):
                line_start = self._line_start(found, start) if begins else found
                yield line_start, after.end(), after[1] is not None
            found = self.original.find(mark, found + len(mark), end)

    def _line_start(self, found: int, start: int) -> int:
        if self.original.startswith(b"\r\n", found - 2) and found - 2 >= start:
            return found - 2
        return max(found - 1, start)

    def _give_up(self, defect: str) -> None:
        self.complete = False
        self.defects.append(defect)


def _content_type(declared: str, default: str) -> str:
    if match := _TYPE.match(declared):
        return match[0]
    return _LONE_TYPES.get(declared.strip("/"), default)
