"""Taking old rows out of an HTML tree, with what they leave empty; it stays well-formed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from html import escape

from mailticket.quotation_tree import Tree

_JOINED = frozenset(("-text", "a", "b", "br", "em", "font", "i", "span", "strong", "u"))


def split_tree(
    tree: Tree, old_rows: AbstractSet[int], old_nodes: AbstractSet[int], end: int
) -> tuple[str, str]:
    """Give the HTML that stays and the HTML that goes; the tree is used up.

    What goes: rows and nodes by number, and from row ``end`` on everything.
    """
    removal = _Removal(tree, old_rows, old_nodes, end)
    return removal.take_out()


class _Removal:
    def __init__(
        self, tree: Tree, old_rows: AbstractSet[int], old_nodes: AbstractSet[int], end: int
    ) -> None:
        self.tree = tree
        self.gone = bytearray(len(tree.nodes))
        self.partly: dict[int, tuple[str, str]] = {}
        """Text nodes of which some lines go: what stays, what goes."""
        self._mark_rows(old_rows)
        self._mark_nodes(old_nodes)
        if end < len(tree.rows):
            self._mark_end(tree.rows[end].first)
        self._mark_emptied()

    def _mark_rows(self, old_rows: AbstractSet[int]) -> None:
        kept: defaultdict[int, list[str]] = defaultdict(list)
        cut: defaultdict[int, list[str]] = defaultdict(list)
        for number, row in enumerate(self.tree.rows):
            old = number in old_rows
            for part in row.slices:
                (cut if old else kept)[part.node].append(part.text)
            if old:
                self._go(row.breaks)
        for node, texts in cut.items():
            if "".join(kept[node]).strip():
                self.partly[node] = "".join(kept[node]), "".join(texts)
            elif self.tree.tags[node] not in ("td", "th"):
                self._go([node])

    def _go(self, nodes: list[int]) -> None:
        for node in nodes:
            self.gone[node] = True

    def _mark_nodes(self, old_nodes: AbstractSet[int]) -> None:
        free = 0
        for node in sorted(old_nodes):
            if node >= free:
                free = self.tree.ends[node]
                self.gone[node:free] = b"\1" * (free - node)

    def _mark_end(self, first: int) -> None:
        """Let everything after a node go, and rules and breaks just before it."""
        count = len(self.tree.nodes) - first - 1
        self.gone[first + 1 :] = b"\1" * count
        for at in range(first - 1, 0, -1):
            if self.tree.seen(at) and not self.gone[at]:
                break
            if self.tree.tags[at] in ("br", "hr"):
                self.gone[at] = True

    def _mark_emptied(self) -> None:
        """Let elements go that showed something and show nothing now, and what trails behind."""
        tree = self.tree
        self.had = had = bytearray(tree.seen(at) for at in range(len(tree.nodes)))
        has = bytearray(had[at] and not self.gone[at] for at in range(len(tree.nodes)))
        last = max((at for at, shows in enumerate(has) if shows), default=0)
        for at in range(len(tree.nodes) - 1, 0, -1):
            if not has[at] and (had[at] or at > last):
                self.gone[at] = True
            parent = tree.parents[at]
            had[parent] |= had[at]
            has[parent] |= has[at]

    def _outermost(self) -> Iterator[int]:
        free = 1
        for at in range(1, len(self.tree.nodes)):
            if at >= free and (self.gone[at] or at in self.partly):
                free = self.tree.ends[at]
                yield at

    def take_out(self) -> tuple[str, str]:
        outermost = list(self._outermost())
        cut = "".join(self._html_of(at) for at in outermost)
        for at in outermost:
            if at in self.partly:
                self.tree.nodes[at].replace_with(self.partly[at][0])
        for at in outermost:
            if at not in self.partly:
                self.tree.nodes[at].decompose()
        return self.tree.html, cut

    def _html_of(self, at: int) -> str:
        if at in self.partly:
            return escape(self.partly[at][1], quote=False)
        if not self.had[at] and self.tree.tags[at] not in ("br", "hr"):
            return ""
        html = self.tree.nodes[at].html or ""
        return html if self.tree.tags[at] in _JOINED else f"{html}\n"
