"""Which elements of an HTML body are quotes, by what mail programs call them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailticket import quotation_programs as programs
from mailticket.options import PatternSet
from mailticket.quotation_headers import header_block_at, label_of
from mailticket.quotation_introduction import (
    Introduction,
    ends_like_introduction,
    introduction_ending_at,
)
from mailticket.quotation_marks import plain
from mailticket.quotation_notes import labels_in_order
from mailticket.quotation_tree import Tree

_LOOKED_AT = frozenset(("blockquote", "div", "hr", "p", "section", "span", "table", "td"))
_BARE = frozenset(("style", "dir"))
"""Attributes that say nothing about what a blockquote is."""

_NO_BORDER = re.compile(r"border(?:-left)?\s*:\s*(?:0|none|medium none)", re.IGNORECASE)
_RULE_ABOVE = re.compile(
    r"border-top\s*:[^;]{0,40}\bsolid|border-style\s*:\s*solid none none", re.IGNORECASE
)
_RULE_OF_OUTLOOK = re.compile(
    r"border:none;\s*border-top:\s*solid #(?:E1E1E1|B5C4DF)", re.IGNORECASE
)
_LABELLED = re.compile(r"[^:]{1,40}: ?\S")
_YEAR_AND_CLOCK = re.compile(r"(?:19|20)\d\d\b.{0,40}\d:\d\d|\d:\d\d.{0,40}(?:19|20)\d\d\b")
_DATED_LINE = re.compile(r"(?:\D{0,200}\d){4}.{0,400}:$")
"""At least the figures of a date, in whatever language; "Hi Ann:" is none."""
_MOST_ROWS_OF_ATTRIBUTION = 4
_FEWEST_FIELDS = 3
_MOST_ROWS_OF_NOTES = 20
_MOST_BLANKS = 12
"""Rows that are looked at above or within an element, blank ones included."""


@dataclass(frozen=True, slots=True)
class Quotes:
    """What the elements say: nodes by number, rows by number."""

    containers: set[int] = field(default_factory=set)
    attribution_rows: set[int] = field(default_factory=set)
    old_message_rows: set[int] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    """Containers that a mail program calls a quote, or above which an introduction stands."""

    @property
    def evident(self) -> bool:
        """Tell whether a mail program quoted here."""
        return bool(self.named or self.attribution_rows or self.old_message_rows)


def quotes_in(tree: Tree, tags: PatternSet) -> Quotes:
    """Find the quoted containers, the rows that introduce them, and where an old message starts."""
    elements = _Elements(tree)
    if tags.instead is None:
        elements.look_at_all()
    for entry in (*(tags.instead or ()), *tags.added):
        elements.look_for(entry)
    return elements.quotes


class _Elements:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.texts = [plain(row.text) for row in tree.rows]
        self.blockquotes = [at for at, tag in enumerate(tree.tags) if tag == "blockquote"]
        self.shown = [at for at, row in enumerate(tree.rows) if self.texts[at] or row.media]
        self.bare: list[int] = []
        """Blockquotes of no kind, with no introduction: a quote, or the sender's own."""
        self.introduces: dict[int, bool] = {}
        """Which rows end an introduction, as far as that was asked."""
        self.first_introduced = len(tree.nodes)
        """The first blockquote of no kind with an introduction."""
        self.open_until = 0
        """Where the last container that may hold answers ends."""
        self.quotes = Quotes()

    def look_at_all(self) -> None:
        """Judge every element outside of those that say what all within them is."""
        free = 0
        for at, tag in enumerate(self.tree.tags):
            if at >= free and tag in _LOOKED_AT and self._look_at(at, tag):
                free = self.tree.ends[at]
        if self.bare:
            self._spare_bare_blockquotes()

    def look_for(self, entry: str) -> None:
        """Take every element that ``tag`` or ``tag.class`` names as a container."""
        tag, _, wanted = entry.strip().lower().partition(".")
        for at, name in enumerate(self.tree.tags):
            if name == tag or not tag:
                classes = self.tree.attribute(at, "class").lower().split()
                if not wanted or wanted in classes:
                    self.quotes.containers.add(at)

    def _look_at(self, at: int, tag: str) -> bool:
        """Judge one element by its tag, class, id, name and style; tell whether that is all."""
        attributes = self.tree.nodes[at].attributes
        classes = (attributes.get("class") or "").split()
        identity = (attributes.get("id") or "").removeprefix("x_")
        name = attributes.get("name") or ""
        style = attributes.get("style") or ""
        if tag == "blockquote":
            cited = (attributes.get("cite") or "").startswith(("http:", "https:"))
            if (
                cited or programs.has_class(classes, programs.GMAIL_QUOTE)
            ) and self._is_senders_own(at):
                return False
            if programs.is_named_quote(attributes, classes):
                self.quotes.named.add(at)
            return self._blockquote(at, style, bare=_BARE.issuperset(attributes))
        if tag == "hr":
            marker = attributes.get("data-marker")
            return self._starts(
                at, programs.OLD_MESSAGE_IDS[0] if marker == programs.DIVIDER else identity, ""
            )
        if programs.has_class(classes, programs.OPEN_CLASSES) or name in programs.OPEN_NAMES:
            self.quotes.named.add(at)
            return self._open_container(at)
        if self._is_container(at, classes, identity, name):
            self.quotes.named.add(at)
            return self._contains(at)
        if attributes.get("title") == programs.BEFORE_QUOTE:
            identity = programs.OLD_MESSAGE_IDS[0]
        starts = self._introduces(at, classes, identity) or self._starts(at, identity, style)
        return starts or (tag == "table" and self._starts_notes(at))

    def _is_container(self, at: int, classes: Sequence[str], identity: str, name: str) -> bool:
        if identity.endswith(programs.TYPED_INTO_IDS):
            return len(self._shown_in(at)) < len(self.shown)
        if programs.has_class(classes, programs.CONTAINER_CLASSES) or identity.endswith(
            programs.CONTAINER_IDS
        ):
            return True
        return name in programs.CONTAINER_NAMES

    def _shown_in(self, at: int) -> range:
        """Give the places in ``shown`` of an element's rows."""
        rows = self.tree.rows_between(at, self.tree.ends[at])
        return range(bisect_left(self.shown, rows.start), bisect_left(self.shown, rows.stop))

    def _is_senders_own(self, at: int) -> bool:
        """Tell Gmail's button and pages on the web from a reply: no container, no introduction."""
        if at < self.open_until:
            return False
        return not self._is_introduced(at) and not self._begins_introduced(at)

    def _contains(self, at: int) -> bool:
        self.quotes.containers.add(at)
        return True

    def _introduces(self, at: int, classes: Sequence[str], identity: str) -> bool:
        if (
            programs.has_class(classes, programs.ATTRIBUTION_CLASSES)
            or identity in programs.ATTRIBUTION_IDS
        ):
            self.quotes.attribution_rows.update(self._rows_of(at))
            return True
        if programs.has_class(classes, programs.TYPED_INTO_CLASSES):
            self._attribution_typed_into(self._rows_of(at))
            return True
        return False

    def _starts(self, at: int, identity: str, style: str) -> bool:
        if identity.endswith(programs.OLD_MESSAGE_IDS):
            below = self.shown[bisect_left(self.shown, self.tree.rows_between(0, at).stop) :][:1]
            self.quotes.old_message_rows.update(below)
            return True
        if self._is_outlook_header(at, style):
            self.quotes.old_message_rows.update(self._rows_of(at)[:1])
            return True
        return False

    def _starts_notes(self, at: int) -> bool:
        rows = self.tree.rows_between(at, self.tree.ends[at])[:_MOST_ROWS_OF_NOTES]
        shown = [row for row in rows if self.texts[row]]
        if not labels_in_order(self.texts[row] for row in shown):
            return False
        self.quotes.old_message_rows.update(shown[:1])
        return True

    def _rows_of(self, at: int) -> list[int]:
        """Give the numbers of an element's rows that say something."""
        return [row for row in self.tree.rows_between(at, self.tree.ends[at]) if self.texts[row]]

    def _blockquote(self, at: int, style: str, *, bare: bool) -> bool:
        """Take a blockquote as quoted, save one that a person indented (Gmail's button)."""
        if not bare:
            return self._contains(at)
        if self._is_introduced(at) or self._begins_introduced(at):
            self.first_introduced = min(self.first_introduced, at)
            self.quotes.named.add(at)
            return self._contains(at)
        if _NO_BORDER.search(style):
            return False
        if "border" not in style.lower():
            self.bare.append(at)
        return self._contains(at)

    def _spare_bare_blockquotes(self) -> None:
        """Leave blockquotes that nothing marks where the same mail marks its quote otherwise."""
        marked = self.quotes.containers.difference(self.bare)
        named = any(set(self.tree.nodes[at].attributes).difference(_BARE) for at in marked)
        if named or self.quotes.old_message_rows or self._has_header_block():
            self.quotes.containers.difference_update(self.bare)
        elif self.first_introduced < len(self.tree.nodes):
            above = (at for at in self.bare if at < self.first_introduced)
            self.quotes.containers.difference_update(above)

    def _has_header_block(self) -> bool:
        below = self.tree.rows_between(self.bare[0], len(self.tree.nodes))
        return any(header_block_at(self.texts, row) for row in below if self.texts[row])

    def _is_introduced(self, at: int) -> bool:
        above = self.tree.rows_between(0, at)[-_MOST_BLANKS:]
        row = next((row for row in reversed(above) if self.texts[row]), None)
        return row is not None and self._ends_introduction(row)

    def _begins_introduced(self, at: int) -> bool:
        """Tell whether one of an element's first rows ends an introduction."""
        first = self.tree.rows_between(at, self.tree.ends[at])[:_MOST_ROWS_OF_ATTRIBUTION]
        return any(self._ends_introduction(row) for row in first)

    def _ends_introduction(self, row: int) -> bool:
        known = self.introduces.get(row)
        if known is None:
            text = self.texts[row]
            ends = ends_like_introduction(text) or any(map(str.isdigit, text))
            known = ends and introduction_ending_at(self.texts, row) is not None
            self.introduces[row] = known
        return known

    def _open_container(self, at: int) -> bool:
        """Spare answers: with a blockquote near its top, only that is the quote."""
        self.open_until = max(self.open_until, self.tree.ends[at])
        blockquote = self._blockquote_in(at)
        if blockquote is None:
            return self._contains(at)
        rows = self.tree.rows_between(at, blockquote)[:_MOST_BLANKS]
        above = [row for row in rows if self.texts[row]]
        if len(above) > _MOST_ROWS_OF_ATTRIBUTION:
            return self._contains(at)
        if above and self.texts[above[-1]].endswith(":"):
            self.quotes.attribution_rows.add(above[-1])
        return False

    def _blockquote_in(self, at: int) -> int | None:
        following = self.blockquotes[(after := bisect_right(self.blockquotes, at)) : after + 1]
        return next((node for node in following if node < self.tree.ends[at]), None)

    def _attribution_typed_into(self, rows: Sequence[int]) -> None:
        """Spare what people type into Thunderbird's line above the quote."""
        if not rows:
            return
        span = introduction_ending_at(self.texts, rows[-1])
        if span is not None and span.rank > Introduction.ABOVE_A_CONTAINER:
            self.quotes.attribution_rows.update(row for row in rows if row >= span.first)
        elif _DATED_LINE.match(self.texts[rows[-1]]):
            self.quotes.attribution_rows.add(rows[-1])

    def _is_outlook_header(self, at: int, style: str) -> bool:
        """Tell Outlook's ruled-off From/Sent/To/Subject, in a language that has no table here."""
        if not _RULE_ABOVE.search(style):
            return False
        rows = self.tree.rows_between(at, self.tree.ends[at])
        texts = [self.texts[row] for row in rows[:_MOST_BLANKS] if self.texts[row]]
        if texts and _RULE_OF_OUTLOOK.search(style) and _is_sender(texts[0]):
            return True
        labelled = [text for text in texts if _LABELLED.match(text)]
        dated = any(map(_YEAR_AND_CLOCK.search, labelled))
        return dated and len(labelled) >= _FEWEST_FIELDS and labelled == texts


def _is_sender(text: str) -> bool:
    found = label_of(text)
    return found is not None and found[0] == "from" and "@" in found[1]
