"""Hostile HTML cut down to known tags in bounded number and depth, before a parser sees it.

HTML parsers build trees whose size is not bounded by their input: unclosed formatting is repeated
in each later paragraph (48 KB become 240 MB), and a million nested ``<div>`` take minutes in
html5ever and lexbor alike. So the tags are read one by one as the HTML standard's tokenizer does
(WHATWG HTML 13.2.5), and written anew, each one closed in itself: comments, raw text, foreign
content and templates are gone, and with them what mutation attacks are made of.

What comes out is *not* safe yet; ``sanitise.py`` has the last word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mailticket.character_references import as_attribute, as_text, decoded_text
from mailticket.elements import (
    CONTAINERS,
    FORMATTING,
    KNOWN,
    SAME_AS,
    VOID,
    names,
)
from mailticket.tag_attributes import REMEMBERED, Attributes, attributes_of

MAX_DEPTH = 150
"""Open elements; deeper ones are flattened, their text stays. Browsers stop at 512."""
MAX_NESTED = 32
"""Of one name, for elements that indent: text made from them grows with their depth."""
MAX_FORMATTING = 24
"""Formatting elements open at once, within one table cell."""
MAX_NODES = 150_000
"""Estimated size of the tree; what comes after that keeps its text only."""
TOO_LARGE = "HTML too large: formatting of its end left out"
TOO_DEEP = "HTML nested too deep: flattened"

_MOST_REMEMBERED = 1000
"""Start tags of one reading."""

_INDENTING = frozenset({"blockquote", "ul", "ol", "dl", "table"})
_CELL_STARTS = frozenset({"td", "th", "caption"})
_TABLE_PARTS = _CELL_STARTS | {"tr", "thead", "tbody", "tfoot", "colgroup", "col"}

_DROPPED_WITH_CONTENT = names("script style title iframe noembed noframes")
_SHOWN_AS_TEXT = frozenset({"textarea", "xmp"})

_OPENING = re.compile(r"<(?=[a-zA-Z/!?])")
_ATTRIBUTE = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'>][^\s>]*+|(?=>)))?+"
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)>")
_COMMENT_END = re.compile(r"--!?>")
_END_TAG = re.compile(r"</[^<>]*>")
_ANY_TAG = re.compile(r"<[^<>]*>")

Rewrite = Callable[[str, Attributes], Attributes | None]
"""Given tag and attributes, says which attributes to write, or ``None`` to leave a void one out."""


class Dress(Protocol):
    """What style sheets say: told of each element, by the name that the mail gives it."""

    def start(self, tag: str, attributes: Attributes) -> None:
        """Change the attributes of an element that starts."""

    def end(self, tag: str) -> None:
        """Note that an element ends."""


def bounded(html: str, rewrite: Rewrite, dress: Dress | None = None) -> tuple[str, tuple[str, ...]]:
    """Write the known tags of ``html`` anew; gives them and what had to be left out."""
    writer = _Writer(html, rewrite, dress)
    writer.run()
    return "".join(writer.out), tuple(writer.defects)


@dataclass(slots=True)
class _Writer:
    """The state of one reading: what is open, what was left out, what it may still cost."""

    html: str
    rewrite: Rewrite
    dress: Dress | None
    at: int = 0
    out: list[str] = field(default_factory=list)
    defects: dict[str, None] = field(default_factory=dict)
    stack: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=lambda: [[]])
    """Formatting that is open, for each open table's cell, the outermost first."""
    flattened: Counter[str] = field(default_factory=Counter)
    unclosed: set[str] = field(default_factory=set)
    """Ends that occur no more: searching for them again would make the reading quadratic."""
    known: dict[tuple[object, ...], str] = field(default_factory=dict)
    """Start tags as the mail has them, and as they are written."""
    nodes: int = 0
    paragraphs: int = 0
    """Started and not ended yet: the end of one that was never started makes an empty one."""

    def run(self) -> None:
        """Read to the end."""
        while found := _OPENING.search(self.html, self.at):
            self.text(found.start())
            if self.nodes > MAX_NODES:
                self.defects[TOO_LARGE] = None
                rest = _END_TAG.sub("", self.html[self.at :])
                self.html, self.at = _ANY_TAG.sub(" ", rest), 0
                break
            if not self.markup():
                break
        self.text(len(self.html))

    def text(self, end: int) -> None:
        """Write what lies before ``end`` as text."""
        if end > self.at:
            self.out.append(as_text(decoded_text(self.html[self.at : end])))
            self.at = end

    def markup(self) -> bool:
        """Read what stands at ``<``; gives False when no tag ends any more."""
        tag = _TAG.match(self.html, self.at)
        if tag is None:
            return self.declaration()
        self.at = tag.end()
        closing, called, inside = tag.groups()
        written = called.lower()
        name = SAME_AS.get(written, written)
        if closing:
            self.end(name)
            if self.dress and name in KNOWN:
                self.dress.end(written)
        elif name in _DROPPED_WITH_CONTENT or name in _SHOWN_AS_TEXT:
            self.raw(name)
        elif name in KNOWN:
            self.start(name, written, inside)
        elif name == "plaintext":
            self.text(len(self.html))
        return True

    def declaration(self) -> bool:
        """Skip what is no tag; gives False when it is one that does not end."""
        following = self.html[self.at + 1]
        if following in "!?" or (
            following == "/" and not self.html[self.at + 2 : self.at + 3].isalpha()
        ):
            self.skip_declaration()
            return True
        return False

    def skip_declaration(self) -> None:
        """Skip a comment, doctype or conditional; one without end is only its first sign."""
        if not self.html.startswith("<!--", self.at):
            end = self.find(">", self.at + 1)
            self.at = end + 1 if end >= 0 else self.at + 2
            return
        for empty in ("<!-->", "<!--->"):
            if self.html.startswith(empty, self.at):
                self.at += len(empty)
                return
        found = None if "--" in self.unclosed else _COMMENT_END.search(self.html, self.at + 4)
        if found is None:
            self.unclosed.add("--")
        self.at = found.end() if found else self.at + 4

    def find(self, sign: str, start: int) -> int:
        """Find ``sign``, remembering that there is none."""
        if sign in self.unclosed:
            return -1
        found = self.html.find(sign, start)
        if found < 0:
            self.unclosed.add(sign)
        return found

    def raw(self, name: str) -> None:
        """Skip the content of a raw text element, or show it; without an end it has none."""
        self.nodes += 1
        if name in self.unclosed:
            return
        start = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(self.html, self.at)
        end = self.find(">", start.end()) if start else -1
        if start is None or end < 0:
            self.unclosed.add(name)
            return
        if name in _SHOWN_AS_TEXT:
            self.text(start.start())
        self.at = end + 1

    def start(self, name: str, written: str, inside: str) -> None:
        """Write a start tag, unless it would nest too deep; the mail called it ``written``."""
        if not self.opens(name):
            self.flattened[name] += 1
            self.defects[TOO_DEEP] = None
            return
        found = attributes_of(inside)
        if self.dress:
            self.dress.start(written, found)
        make = self.known_tag if len(inside) <= REMEMBERED else self.rewritten
        if not (tag := make(name, found)):
            return
        self.nodes += (8 if name == "img" else 1) + len(self.cells[-1])
        self.out.append(tag)
        if name == "pre":
            # A parser drops the first line end; the second would be the first of the next reading.
            while self.html[self.at : self.at + 1] in ("\n", "\r"):
                self.at += 1

    def known_tag(self, name: str, found: Attributes) -> str:
        """Give the start tag to write; most occur again and again in a mail."""
        key = (name, *found.items())
        tag = self.known.get(key)
        if tag is None:
            tag = self.rewritten(name, found)
            if len(self.known) < _MOST_REMEMBERED:
                self.known[key] = tag
        return tag

    def rewritten(self, name: str, found: Attributes) -> str:
        """Give the start tag to write, ``""`` for none."""
        attributes = self.rewrite(name, found)
        if attributes is None:
            return ""
        kept = "".join(f' {key}="{as_attribute(value)}"' for key, value in attributes.items())
        return f"<{name}{kept}>"

    def opens(self, name: str) -> bool:
        """Note that an element opens; gives False where there is no room for it."""
        if name in FORMATTING:
            if len(self.cells[-1]) >= MAX_FORMATTING:
                return False
            self.cells[-1].append(name)
        elif name == "p":
            self.paragraphs += 1
        elif name in _TABLE_PARTS:
            self.back_to_table(name)
        elif name in CONTAINERS:
            if len(self.stack) >= MAX_DEPTH:
                return False
            if name in _INDENTING and self.stack.count(name) >= MAX_NESTED:
                return False
            self.stack.append(name)
            if name == "table":
                self.cells.append([])
        return True

    def back_to_table(self, name: str) -> None:
        """Close whatever the cell before this cell or row left open."""
        if "table" not in self.stack:
            return
        while self.stack[-1] != "table":
            self.stack.pop()
        if name in _CELL_STARTS:
            self.cells[-1].clear()

    def end(self, name: str) -> None:
        """Write an end tag, if what it ends is open."""
        if name not in KNOWN:
            return
        if self.flattened[name]:
            self.flattened[name] -= 1
        elif self.closes(name):
            self.nodes += name == "br" or (name == "p" and self.paragraphs == 0)
            self.paragraphs -= name == "p" and self.paragraphs > 0
            self.out.append(f"</{name}>")

    def closes(self, name: str) -> bool:
        """Note that an element closes, with what is open in it."""
        if name in FORMATTING:
            return _remove_last(self.cells[-1], name)
        if name not in CONTAINERS:
            return name not in VOID or name == "br"
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] == name:
                del self.stack[index:]
                if name == "table":
                    self.cells.pop()
                return True
            if self.stack[index] == "table":
                return False
        return False


def _remove_last(names: list[str], name: str) -> bool:
    """Remove the last ``name``; gives False when there is none."""
    for index in range(len(names) - 1, -1, -1):
        if names[index] == name:
            del names[index]
            return True
    return False
