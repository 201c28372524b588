"""What an HTML document says about its elements from outside of them: style sheets, base address.

Looked for in one pass that skips what browsers skip: comments (what Outlook hides in conditional
ones is not for us), scripts and other raw text.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin

from mailticket.sheets import NONE, Sheet, on_screen, sheet_of
from mailticket.tag_attributes import Attributes, attributes_of

MAX_SHEETS = 100
MAX_BASE = 2000
"""Characters of a base address."""

_SOUGHT = re.compile(
    r"<(?:!--|(base|style|script|title|textarea|xmp|iframe|noembed|noframes)(?=[\s/>])"
    r"([^<>]{0,2000})>)",
    re.IGNORECASE,
)
_WORTH = re.compile(r"<(?:style|base)[\s/>]", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s/?#\\\"'<>]+(?:[/?#][^\s\\\"'<>]*)?\Z", re.IGNORECASE)
_RELATIVE = re.compile(r"(?![a-z][a-z0-9+.-]*:|#)[^\s\\]", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Sheets and base address of one document."""

    sheet: Sheet = NONE
    base: str = ""
    """An http(s) address that relative ones are to be read from, ``""`` for none."""

    def resolved(self, attributes: Attributes, own: Container[str]) -> Attributes:
        """Read relative addresses of links and images from the base, but for the mail's ``own``."""
        for name in ("href", "src"):
            value = attributes.get(name, "")
            if value and value.strip() not in own:
                attributes[name] = self._address(value)
        return attributes

    def _address(self, value: str) -> str:
        written = _INVISIBLE.sub("", value).strip()
        if written.startswith("//"):
            written = f"https:{written}"
        if not self.base or not _RELATIVE.match(written):
            return written
        try:
            return urljoin(self.base, written)
        except ValueError:
            return value


NOWHERE = Surroundings()


def surroundings_of(html: str) -> Surroundings:
    """Find the sheets and the base address of a document."""
    if not _WORTH.search(html):
        return NOWHERE
    finder = _Finder(html)
    finder.run()
    return Surroundings(sheet_of(finder.sheets), finder.base)


class _Finder:
    """One pass along a document."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.sheets: list[str] = []
        self.base = ""
        self._unclosed: set[str] = set()

    def run(self) -> None:
        """Look at each element that matters, and at what has to be skipped."""
        at = 0
        while found := _SOUGHT.search(self.html, at):
            name = (found[1] or "--").lower()
            if name == "base":
                self._base(found[2])
                at = found.end()
                continue
            content, at = self._content(name, found.end())
            if name == "style" and len(self.sheets) < MAX_SHEETS and _is_for_screens(found[2]):
                self.sheets.append(content)

    def _content(self, name: str, start: int) -> tuple[str, int]:
        """Give what stands before the end of ``name``; without an end, it has no content."""
        end = None if name in self._unclosed else _end_of(name).search(self.html, start)
        if end is None:
            self._unclosed.add(name)
            return "", start
        return self.html[start : end.start()], end.end()

    def _base(self, inside: str) -> None:
        """Take the first base element that has an address (HTML 4.2.3)."""
        address = _INVISIBLE.sub("", attributes_of(inside).get("href", "")).strip()
        if not self.base and len(address) <= MAX_BASE and _ADDRESS.match(address):
            self.base = address


def _is_for_screens(inside: str) -> bool:
    attributes = attributes_of(inside)
    kind = attributes.get("type", "").strip().lower()
    return kind in ("", "text/css") and on_screen(attributes.get("media", ""))


@cache
def _end_of(name: str) -> re.Pattern[str]:
    return re.compile("--!?>" if name == "--" else rf"</{name}(?=[\s/>])", re.IGNORECASE)
