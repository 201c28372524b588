"""Which elements of an HTML body are quotes, by what mail programs call them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailticket.options import PatternSet
from mailticket.quotation_marks import Introduction, introduction_ending_at, plain
from mailticket.quotation_tree import Tree

_CONTAINER_IDS = frozenset(
    (
        "OLK_SRC_BODY_SECTION",  # Outlook for Mac
        "mail-editor-reference-message-container",  # the new Outlook
        "isReplyContent",  # NetEase
    )
)
_CONTAINER_CLASSES = (
    "yahoo_quoted",
    "freshdesk_quote",
    "__aliyun_previous_email_wrap",
)
_CONTAINER_NAMES = frozenset(("quote",))  # GMX, web.de
_OPEN_CLASSES = ("gmail_quote", "protonmail_quote", "zmail_extra")
_OPEN_NAMES = frozenset(("messageReplySection",))  # Spark
_ATTRIBUTION_CLASSES = ("gmail_attr", "airmail_on")
_ATTRIBUTION_IDS = frozenset(("reply-intro",))  # Roundcube
_TYPED_INTO_CLASSES = ("moz-cite-prefix",)
_OLD_MESSAGE_IDS = ("divRplyFwdMsg",)  # Outlook on the web and on phones
_LOOKED_AT = frozenset("blockquote div p section span table td".split())

_NO_BORDER = re.compile(r"border(?:-left)?\s*:\s*(?:0|none|medium none)", re.IGNORECASE)
_RULE_ABOVE = re.compile(r"border-top\s*:\s*solid", re.IGNORECASE)
_LABELLED = re.compile(r"[^:]{1,40}: ?\S")
_YEAR_AND_CLOCK = re.compile(r"(?:19|20)\d\d\b.{0,40}\d:\d\d|\d:\d\d.{0,40}(?:19|20)\d\d\b")
_MOST_ROWS_OF_ATTRIBUTION = 4


@dataclass(frozen=True, slots=True)
class Quotes:
    """What the elements say: nodes by number, rows by number."""

    containers: set[int] = field(default_factory=set)
    attribution_rows: set[int] = field(default_factory=set)
    old_message_rows: set[int] = field(default_factory=set)


def quotes_in(tree: Tree, tags: PatternSet) -> Quotes:
    """Find the quoted containers, the rows that introduce them, and where an old message starts."""
    elements = _Elements(tree)
    for at, tag in enumerate(tree.tags):
        if tags.instead is None and tag in _LOOKED_AT:
            elements.look_at(at, tag)
    for entry in (*(tags.instead or ()), *tags.added):
        elements.look_for(entry)
    return elements.quotes


class _Elements:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.texts = [plain(row.text) for row in tree.rows]
        self.anchors = [row.first for row in tree.rows]
        self.quotes = Quotes()

    def look_for(self, entry: str) -> None:
        """Take every element that ``tag`` or ``tag.class`` names as a container."""
        tag, _, wanted = entry.strip().lower().partition(".")
        for at, name in enumerate(self.tree.tags):
            if name == tag or not tag:
                classes = self.tree.attribute(at, "class").lower().split()
                if not wanted or wanted in classes:
                    self.quotes.containers.add(at)

    def look_at(self, at: int, tag: str) -> None:
        """Judge one element by its tag, class, id, name and style."""
        attributes = self.tree.nodes[at].attributes
        classes = (attributes.get("class") or "").split()
        identity = (attributes.get("id") or "").removeprefix("x_")
        name = attributes.get("name") or ""
        if tag == "blockquote":
            self._blockquote(at, attributes.get("style") or "", bool(classes))
        elif _ends(classes, _OPEN_CLASSES) or name in _OPEN_NAMES:
            self._open_container(at)
        elif (
            _ends(classes, _CONTAINER_CLASSES)
            or identity in _CONTAINER_IDS
            or name in _CONTAINER_NAMES
        ):
            self.quotes.containers.add(at)
        elif _ends(classes, _ATTRIBUTION_CLASSES) or identity in _ATTRIBUTION_IDS:
            self.quotes.attribution_rows.update(self._rows_of(at))
        elif _ends(classes, _TYPED_INTO_CLASSES):
            self._attribution_typed_into(self._rows_of(at))
        elif identity in _OLD_MESSAGE_IDS or self._is_outlook_header(at, attributes.get("style")):
            self.quotes.old_message_rows.update(self._rows_of(at)[:1])

    def _rows_of(self, at: int) -> list[int]:
        """Give the numbers of an element's rows that show something."""
        return [row for row in self.tree.rows_between(at, self.tree.ends[at]) if self.texts[row]]

    def _blockquote(self, at: int, style: str, classed: bool) -> None:
        """Take a blockquote as quoted, save one that a person indented (Gmail's button)."""
        if classed or not _NO_BORDER.search(style) or self._is_introduced(at):
            self.quotes.containers.add(at)

    def _is_introduced(self, at: int) -> bool:
        above = self.tree.rows_between(0, at)
        row = next((row for row in reversed(above) if self.texts[row]), None)
        if row is None:
            return False
        return introduction_ending_at(self.texts, row) is not None

    def _open_container(self, at: int) -> None:
        """Spare answers: with a blockquote near its top, only that is the quote."""
        blockquote = self.tree.first_inside(at, "blockquote")
        rows = self._rows_of(at)
        above = [row for row in rows if blockquote and self.anchors[row] < blockquote]
        if blockquote is None or len(above) > _MOST_ROWS_OF_ATTRIBUTION:
            self.quotes.containers.add(at)
        elif above and self.texts[above[-1]].endswith(":"):
            self.quotes.attribution_rows.add(above[-1])

    def _attribution_typed_into(self, rows: Sequence[int]) -> None:
        """Spare what people type into Thunderbird's line above the quote."""
        if not rows:
            return
        span = introduction_ending_at(self.texts, rows[-1])
        if span is not None and span.rank > Introduction.ABOVE_A_CONTAINER:
            self.quotes.attribution_rows.update(row for row in rows if row >= span.first)
        elif self.texts[rows[-1]].endswith(":"):
            self.quotes.attribution_rows.add(rows[-1])
        elif len(rows) == 1:
            self.quotes.attribution_rows.update(rows)

    def _is_outlook_header(self, at: int, style: str | None) -> bool:
        """Tell Outlook's ruled-off From/Sent/To/Subject, in a language that has no table here."""
        if not style or not _RULE_ABOVE.search(style):
            return False
        texts = [self.texts[row] for row in self._rows_of(at)[:8]]
        labelled = [text for text in texts if _LABELLED.match(text)]
        dated = any(map(_YEAR_AND_CLOCK.search, labelled))
        return dated and len(labelled) >= 3 and labelled == texts


def _ends(classes: Sequence[str], wanted: tuple[str, ...]) -> bool:
    """Tell whether a class is one of these, with whatever another program put before it."""
    return any(name.endswith(wanted) for name in classes)
