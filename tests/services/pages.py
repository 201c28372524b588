"""The pages that people read (README.md, docs/*.md): their code blocks and tables."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
DEPLOY = ROOT / "docs" / "deploy.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TICKED = re.compile(r"`([^`]+)`")
_BAR = re.compile(r"\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")
"""A bar that no back quotes hold."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the page it stands on, its language, its text."""

    page: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table, by the names of its columns."""

    cells: dict[str, str]

    def ticked(self, column: str) -> list[str]:
        """Give what stands in back quotes in a cell."""
        return _TICKED.findall(self.cells[column])


def blocks(language: str, *pages: Path) -> list[Block]:
    """Give the blocks of a language, in their order."""
    return [
        Block(page.name, found[1], found[2])
        for page in pages or PAGES
        for found in _BLOCK.finditer(page.read_text("utf-8"))
        if found[1] == language
    ]


def commands(*pages: Path) -> list[str]:
    """Give each command line of the ``sh`` blocks, without its comment."""
    lines = (line for block in blocks("sh", *pages) for line in block.text.splitlines())
    return [command for line in lines if (command := _uncommented(line))]


def _uncommented(line: str) -> str:
    return "" if not shlex.split(line, comments=True) else line.partition(" # ")[0].strip()


def rows(page: Path, column: str) -> list[TableRow]:
    """Give the rows of all tables of a page that have a column of this name."""
    found: list[TableRow] = []
    heads: list[str] = []
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in _BAR.split(line.strip()[1:-1])]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
        elif column in heads and not set(line) <= set("|-: "):
            found.append(TableRow(dict(zip(heads, cells, strict=True))))
    return found


def plain(page: Path) -> str:
    """Give a page without its code blocks."""
    return _BLOCK.sub("", page.read_text("utf-8"))


def ticked(page: Path) -> list[str]:
    """Give everything that stands in back quotes in a page's text."""
    return _TICKED.findall(plain(page))


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
