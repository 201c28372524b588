"""The new part of an HTML body."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from mailticket.options import Quoting
from mailticket.patterns import normalise
from mailticket.quotation_bounds import is_too_much
from mailticket.quotation_elements import Quotes, quotes_in
from mailticket.quotation_line import Line
from mailticket.quotation_lines import old_lines
from mailticket.quotation_marks import is_quoted
from mailticket.quotation_removal import split_tree
from mailticket.quotation_settings import built_in, marked_lines, quotes_by_sign
from mailticket.quotation_tree import Tree


def split_html(
    html: str, quoting: Quoting, defects: list[str], *, answers: bool = True
) -> tuple[str, str]:
    """Split a body into what is new and what is old, both well-formed and not yet sanitised."""
    html = normalise(html)
    if is_too_much(html):
        defects.append("too many tags or attributes: the quoted part of the HTML was not cut")
        return html, ""
    tree = Tree(html)
    quotes = quotes_in(tree, quoting.html_tags_to_remove)
    lines = _lines(tree, quotes, signs=quotes_by_sign(quoting))
    answers = answers or quotes.evident
    old = old_lines(marked_lines(lines, quoting, defects), built_in(quoting), answers=answers)
    if not old:
        return html, ""
    return split_tree(tree, old.lines, _old_containers(tree, quotes, old.lines), old.end)


def _lines(tree: Tree, quotes: Quotes, *, signs: bool) -> list[Line]:
    contained = _contained_rows(tree, quotes)
    lines = []
    for number, row in enumerate(tree.rows):
        text = row.text if row.preformatted else " ".join(row.text.split())
        certain = number in contained
        lines.append(
            Line(
                text,
                quoted=certain or (signs and is_quoted(text)),
                certain=certain,
                attribution=number in quotes.attribution_rows,
                starts_old_message=number in quotes.old_message_rows,
                media=row.media,
            )
        )
    return lines


def _contained_rows(tree: Tree, quotes: Quotes) -> set[int]:
    rows: set[int] = set()
    free = 0
    for node in sorted(quotes.containers):
        if node >= free:
            free = tree.ends[node]
            rows.update(tree.rows_between(node, free))
    return rows


def _old_containers(tree: Tree, quotes: Quotes, old: AbstractSet[int]) -> set[int]:
    """Leave out containers that a forwarded mail, or an empty reply, keeps."""
    return {
        node
        for node in quotes.containers
        if all(row in old for row in tree.rows_between(node, tree.ends[node]))
    }
