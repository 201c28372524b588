"""An HTML body as a tree that is walked by number, and as the lines that a reader sees.

lexbor keeps the tree; here its nodes are numbered in document order, so that ancestors and
descendants are ranges of numbers, no walk recurses, and nothing is removed while it is looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

_BLOCKS = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "title",
        "tr",
        "ul",
    )
)
_MEDIA = frozenset(
    ("audio", "canvas", "embed", "iframe", "img", "input", "object", "picture", "svg", "video")
)
_UNSEEN = frozenset(
    ("base", "head", "link", "meta", "noscript", "script", "style", "template", "title")
)
MOST_ROWS = 20_000
"""Rows that are looked at; what comes after shares their lot or stays."""
_PREFORMATTED = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)


@dataclass(slots=True)
class Slice:
    """A stretch of one node's text; for images the node alone."""

    node: int
    text: str


@dataclass(slots=True)
class Row:
    """One line that a reader sees, and the nodes that it is made of."""

    slices: list[Slice] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    """The ``br`` that ends it."""
    media: bool = False
    preformatted: bool = False

    @property
    def text(self) -> str:
        """All that it says, white space as in the source."""
        return "".join(part.text for part in self.slices)

    @property
    def first(self) -> int:
        """The number of its first node that shows something, else of its first one."""
        shown = (part.node for part in self.slices if part.text.strip() or not part.text)
        other = self.slices[0].node if self.slices else self.breaks[0]
        return next(shown, other)


class Tree:
    """One HTML body."""

    def __init__(self, html: str) -> None:
        self._parser = LexborHTMLParser(html)
        body = self._parser.body
        self.nodes: list[LexborNode] = list(body.traverse(include_text=True)) if body else []
        self.tags = [str(node.tag) for node in self.nodes]
        self.parents = self._numbered_parents()
        self.ends = self._ends()
        """For each node the number after its last descendant."""
        self.rows = list(islice(_Rows(self), MOST_ROWS))
        self.anchors = [row.first for row in self.rows]

    def _numbered_parents(self) -> list[int]:
        numbers = {node.mem_id: at for at, node in enumerate(self.nodes)}
        parents = (node.parent for node in self.nodes)
        return [numbers.get(parent.mem_id, -1) if parent else -1 for parent in parents]

    def _ends(self) -> list[int]:
        ends = list(range(1, len(self.nodes) + 1))
        for at in range(len(self.nodes) - 1, 0, -1):
            parent = self.parents[at]
            ends[parent] = max(ends[parent], ends[at])
        return ends

    def attribute(self, at: int, name: str) -> str:
        """Give an attribute's value, ``""`` if it has none."""
        return self.nodes[at].attributes.get(name) or ""

    def rows_between(self, first: int, end: int) -> range:
        """Give the numbers of the rows that begin from node ``first`` up to before ``end``."""
        anchors = self.anchors
        return range(bisect_left(anchors, first), bisect_left(anchors, end))

    def seen(self, at: int) -> bool:
        """Tell whether a node by itself shows something: text that is not blank, or an image."""
        if self.tags[at] == "-text":
            return bool((self.nodes[at].text_content or "").strip())
        return self.tags[at] in _MEDIA

    @property
    def html(self) -> str:
        """The body's content as HTML."""
        body = self._parser.body
        return (body.inner_html or "") if body else ""


class _Rows:
    """Gathers the rows of a tree in document order."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.row = Row()
        self.open: list[tuple[int, bool, bool]] = []
        """End of each open element, whether white space counts within, whether it is a block."""
        self.skip_to = 0

    def __iter__(self) -> Iterator[Row]:
        for at, tag in enumerate(self.tree.tags):
            if at < self.skip_to:
                continue
            if self._leaves_block(at) or tag in _BLOCKS:
                yield from self._finished()
            if tag == "-text":
                yield from self._text(at)
            elif tag == "br":
                self.row.breaks.append(at)
                yield from self._finished()
            else:
                self._element(at, tag)
        yield from self._finished()

    def _leaves_block(self, at: int) -> bool:
        left = False
        while self.open and self.open[-1][0] <= at:
            left = self.open.pop()[2] or left
        return left

    def _element(self, at: int, tag: str) -> None:
        if tag in _UNSEEN:
            self.skip_to = self.tree.ends[at]
        elif tag in _MEDIA:
            self.row.slices.append(Slice(at, ""))
            self.row.media = True
        elif tag in ("td", "th"):
            self.row.slices.append(Slice(at, " "))
        if tag in _BLOCKS or tag in ("span", "font"):
            self._opened(at, tag)

    def _opened(self, at: int, tag: str) -> None:
        inherited = bool(self.open) and self.open[-1][1]
        style = self.tree.attribute(at, "style")
        preformatted = inherited or tag == "pre" or bool(_PREFORMATTED.search(style))
        block = tag in _BLOCKS
        if block or preformatted != inherited:
            self.open.append((self.tree.ends[at], preformatted, block))

    def _text(self, at: int) -> Iterator[Row]:
        text = self.tree.nodes[at].text_content or ""
        if not (self.open and self.open[-1][1]):
            self.row.slices.append(Slice(at, text))
            return
        self.row.preformatted = True
        first, *others = text.split("\n", MOST_ROWS)
        self.row.slices.append(Slice(at, first if not others else first + "\n"))
        for number, other in enumerate(others):
            yield from self._finished()
            self.row.preformatted = True
            self.row.slices.append(Slice(at, other if number == len(others) - 1 else other + "\n"))

    def _finished(self) -> Iterator[Row]:
        row, self.row = self.row, Row()
        if row.breaks or row.media or row.preformatted or row.text.strip(" \t\r\n"):
            yield row
        elif row.slices:
            self.row.slices = []
