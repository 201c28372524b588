"""Address lists (RFC 5322, 3.4) as people's programs write them: quotes, comments, groups, faults.

One pass over the text, so that time is linear; no construct is ever an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailticket.addr_spec import COMMENT, QUOTED, addr_spec, is_quoted, is_spaced, several
from mailticket.charsets import one_line
from mailticket.encoded_words import decode_words
from mailticket.message import Address

_TOKEN = re.compile(
    r"""(?P<literal>\[[^\[\]\\]{0,255}\])"""
    r"""|(?P<encoded>=\?[^?\s]{1,80}\?[bBqQ]\?[^?<>]{1,300}\?=)"""
    r"""|(?P<special>[(),:;<>])"""
    r"""|(?P<blank>\s+)"""
    r"""|(?P<word>[^\s"(),:;<>\[\]]+|.)""",
    re.DOTALL,
)
_ROUTE = re.compile(r'<(?:[^<>"]|"(?:[^"\\<>]|\\.)*")*>', re.DOTALL)
_LONGEST_ROUTE = 1100
"""Characters: one that is nowhere closed is looked for no further than an address can be long."""
MOST_CHARACTERS = 64 * 1024
"""Of all fields of one name together."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PAREN = re.compile(r"[()\\]")
_BEFORE_AT = re.compile(r"[^\s<>()\[\]\"',;:@]{1,64}\Z")
_AFTER_AT = re.compile(r"[^\s<>()\[\]\"',;:@]{1,255}")
_SEVERAL = re.compile(r"[^\s@]+@[^\s@]+(?:\s+[^\s@]+@[^\s@]+)+")
"""Addresses with nothing but blanks between them."""
_ADDRESSES = re.compile(r"(?:\s+[^\s@\"()]+@[^\s@\"()]+)+\s*")
_QUOTES = "'\"`‘’“” \t"
_SPELT_OUT = re.compile(r"([\w.+-]{1,64}) at ((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})")
"""``ann at example.org``, as archives of mailing lists write addresses."""


@dataclass(slots=True)
class _Entry:
    """One mailbox being read: words before the angle bracket, comments, the bracket itself."""

    words: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    has_at: bool = False
    named: int = 0
    """How many words stood before the last angle bracket."""

    def add(self, word: str) -> None:
        self.words.append(word)
        self.has_at = self.has_at or "@" in word

    def text(self) -> str:
        return "".join(self.words).strip()

    def empty(self) -> bool:
        return not (self.routes or self.text())


@dataclass(frozen=True, slots=True)
class AddressList:
    """The addresses of one or more fields, groups dissolved; ``complete`` unless cut at a limit."""

    addresses: tuple[Address, ...]
    complete: bool = True
    too_long: bool = False
    """Cut at ``MOST_CHARACTERS``."""


def read_addresses(texts: list[str], limit: int) -> AddressList:
    """Read address fields, ``limit`` addresses at most altogether."""
    found: list[Address] = []
    left = MOST_CHARACTERS
    for text in texts:
        for entry in _joined(_Reader(text[:left], limit + 1 - len(found)).entries):
            found.extend(_addresses(entry))
        if len(found) > limit:
            return AddressList(tuple(found[:limit]), complete=False)
        left -= len(text)
        if left < 0:
            return AddressList(tuple(found), complete=False, too_long=True)
    return AddressList(tuple(found))


class _Reader:
    """Cuts one field into entries."""

    def __init__(self, text: str, limit: int) -> None:
        self.text = text
        self.entries: list[_Entry] = []
        self.entry = _Entry()
        self.in_group = False
        self.open_comment = self.open_quote = False
        position = 0
        while position < len(text) and len(self.entries) < limit:
            position = self._step(position)
        self._close()

    def _step(self, position: int) -> int:
        mark = self.text[position]
        if mark == '"' and (end := self._quoted(position)):
            return end
        if mark == "<" and (end := self._route(position)):
            return end
        token = _TOKEN.match(self.text, position)
        assert token is not None
        if token.lastgroup == "special":
            return self._special(mark, token.end())
        self.entry.add(" " if token.lastgroup == "blank" else token[0])
        return token.end()

    def _quoted(self, position: int) -> int:
        """Read a quoted string and give its end; 0 when it has none."""
        quoted = None if self.open_quote else QUOTED.match(self.text, position)
        if quoted is None:
            self.open_quote = True  # what follows it has escaped quotes only: none will end
            return 0
        self.entry.add(quoted[0])
        return quoted.end()

    def _route(self, position: int) -> int:
        """Read what stands in angle brackets and give its end; 0 when they are not closed."""
        route = _ROUTE.match(self.text, position, position + _LONGEST_ROUTE)
        if route is None:
            return 0
        self._end_mailbox()
        self.entry.routes.append(route[0][1:-1])
        self.entry.named = len(self.entry.words)
        return route.end()

    def _end_mailbox(self) -> None:
        """Begin another mailbox where the comma between two is missing."""
        entry = self.entry
        if any("@" in route for route in entry.routes):
            following = entry.words[entry.named :]
            del entry.words[entry.named :]
            self._close()
            self.entry.words = following

    def _special(self, mark: str, position: int) -> int:
        if mark == "(":
            return self._comment(position)
        if mark == ":" and not self.in_group and not self.entry.has_at:
            self.in_group = True
            self.entry = _Entry()
        elif mark in ",;":
            self.in_group = self.in_group and mark != ";"
            self._close()
        elif mark == "<" and "@" in self.text[position : position + 320]:
            return self._open_route(position)
        elif mark == ":":
            self.entry.add(mark)
        return position

    def _open_route(self, position: int) -> int:
        """Read ``<a@b`` that nobody closed: to the next comma or blank."""
        end = position
        while end < len(self.text) and self.text[end] not in ",; \t\r\n<>":
            end += 1
        if end > position:
            self.entry.routes.append(self.text[position:end])
        return end

    def _comment(self, position: int) -> int:
        """Read a comment, nested ones within it; when none of them ends, there is none."""
        if self.open_comment:
            return position
        depth = 1
        end = position
        while depth and (mark := _PAREN.search(self.text, end)):
            end = mark.end()
            if mark[0] == "\\":
                end += 1
            else:
                depth += 1 if mark[0] == "(" else -1
        if depth:
            self.open_comment = True
            return position
        self.entry.comments.append(self.text[position : end - 1])
        return end

    def _close(self) -> None:
        if not self.entry.empty():
            self.entries.append(self.entry)
        self.entry = _Entry()


def _joined(entries: list[_Entry]) -> list[_Entry]:
    """Give back its comma to ``Doe, John <john@example.org>``, written without quotes."""
    out: list[_Entry] = []
    for entry in entries:
        before = out[-1] if out else None
        if before and entry.routes and not before.routes and _bare_name(before.text()):
            out.pop()
            entry.words[:0] = [*before.words, ", "]
        out.append(entry)
    return out


def _bare_name(text: str) -> bool:
    if "@" in text and (_inside(text) or is_quoted(text)):
        return False
    return ("@" not in text and not text.isascii()) or " " in text or text.istitle()


def _addresses(entry: _Entry) -> list[Address]:
    others = _without_comma(entry)
    return [*_mailbox(entry), *others]


def _without_comma(entry: _Entry) -> list[Address]:
    """Take the addresses that follow ``Name <a@b>`` without a comma out of its entry."""
    following = "".join(entry.words[entry.named :]) if entry.routes and entry.has_at else ""
    if "@" not in following or not _ADDRESSES.fullmatch(following):
        return []
    del entry.words[entry.named :]
    return [Address("", addr_spec(each)) for each in following.split()]


def _mailbox(entry: _Entry) -> list[Address]:
    name = _phrase(entry.text())
    if listed := [each for route in entry.routes for each in several(route)]:
        return [Address(name, each) for each in listed]
    routes = [route for route in map(addr_spec, entry.routes) if route]
    if not routes:
        return _without_brackets(entry)
    with_at = [route for route in routes if "@" in route] or routes[:1]
    said = [*entry.comments, *(each[1:-1] for each in COMMENT.findall(" ".join(entry.routes)))]
    return [Address(_with_comment(name, _phrase(" ".join(said))), with_at[0])]


def _with_comment(name: str, comment: str) -> str:
    """Keep what stands in brackets beside a name, as mail programs show it: ``Ann (ACME)``."""
    if not (name and comment) or comment == name:
        return name or comment
    return f"{name} ({comment})"


def _without_brackets(entry: _Entry) -> list[Address]:
    """Read ``a@b (Name)``, ``Name a@b`` or a bare local name."""
    text = entry.text()
    comment = _phrase(" ".join(entry.comments))
    if text.count("@") > 1 and _SEVERAL.fullmatch(text):
        return [Address("", addr_spec(each)) for each in text.split()]
    squeezed = addr_spec(text) if "=?" not in text else ""
    if "@" in squeezed and (" " not in text or is_spaced(text)):
        return [Address(comment, squeezed)]
    decoded = _phrase(text)
    if found := _inside(decoded):
        return [Address(found.name or comment, found.address)]
    if entry.routes or not decoded:
        return []
    if spelt := _SPELT_OUT.fullmatch(decoded):
        return [Address(comment, f"{spelt[1]}@{spelt[2]}")]
    return [] if " " in decoded else [Address(comment, decoded)]


def _inside(text: str) -> Address | None:
    """Find the first address among words."""
    at = text.find("@")
    before = _BEFORE_AT.search(text[max(0, at - 64) : at]) if at > 0 else None
    after = _AFTER_AT.match(text, at + 1)
    if not (before and after):
        return None
    rest = (text[: at - len(before[0])] + text[after.end() :]).replace("[]", "")
    return Address(one_line(rest).strip(_QUOTES + "<>"), before[0] + "@" + after[0].rstrip("."))


def _unquoted(text: str) -> str:
    """Open quoted strings up to the first that has no end: after it there is none."""
    pieces: list[str] = []
    position = 0
    while (start := text.find('"', position)) >= 0 and (quoted := QUOTED.match(text, start)):
        pieces += (text[position:start], _ESCAPED.sub(r"\1", quoted[1]))
        position = quoted.end()
    return "".join(pieces) + text[position:]


def _phrase(text: str) -> str:
    """Decode a display name: quotes and escapes go, encoded words are read."""
    if '"' in text:
        text = _unquoted(text.replace('\\"', '"') if text.startswith('\\"') else text)
        text = text.replace('"', "") if text.count('"') == 1 else text
    elif "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    name = one_line(decode_words(text))
    while len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1].strip()
    return name
