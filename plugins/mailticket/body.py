"""A body in both forms, and the new part of it (SPEC 3.6, 3.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

import html2text  # noqa: TID251 - this is the file that owns it
from selectolax.lexbor import LexborHTMLParser

from mailticket.charsets import decode, scrub
from mailticket.elements import names
from mailticket.message import Body, NewPart
from mailticket.options import ParseOptions
from mailticket.parts import Part
from mailticket.plaintext import html_of, unflowed
from mailticket.quotation import Answers, new_part_of_html, new_part_of_text
from mailticket.sanitise import document, sanitise

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?\s{0,5}([\w.:-]{1,40})", re.IGNORECASE
)
_ENRICHED_TAG = re.compile(r"<(?:<|param>[^<]{0,500}</param>|/?[a-z0-9-]{1,60}>)", re.IGNORECASE)
_ENRICHED_BREAKS = re.compile(r"\n(\n*)")
_RICHTEXT = {"<<": "<", "<lt>": "<", "<nl>": "\n", "<np>": "\n\n", "</paragraph>": "\n\n"}
_META_WITHIN = 4096
_MARKDOWN_AT_MOST = 400_000
"""Characters: html2text takes 1 ms for 10,000; longer HTML is read by lexbor."""
_BLANK_LINES = re.compile(r"\n{3,}")
_MARKS_AT_MOST = 200_000
"""Tags and character references: a sanitiser takes some 20 microseconds for each."""
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|title)\b[^<>]{0,2000}>.*?(?:</\1|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]{0,5000}>")
_BREAK = re.compile(r"</?(?:p|div|br|tr|li|h\d|table|blockquote|pre)\b", re.IGNORECASE)
_BLOCKS = "p,div,li,tr,h1,h2,h3,h4,h5,h6,blockquote,pre,table"


@dataclass(frozen=True, slots=True)
class Source:
    """A body as it was sent: HTML or text, decoded and nothing else."""

    content_type: str
    text: str
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """Body and new part, and what was found wrong on the way."""

    body: Body
    new_part: NewPart
    defects: tuple[str, ...] = ()


EMPTY = Source("", "")


# --- from parts to source ----------------------------------------------------------------------


def source_of(parts: list[Part]) -> Source:
    """Decode the parts of a body and join them; one HTML part makes all of it HTML."""
    pieces = [_piece(part) for part in parts]
    defects = tuple(defect for piece in pieces for defect in piece.defects)
    said = [piece for piece in pieces if piece.text.strip()] or pieces[:1]
    if not said:
        return EMPTY
    if any(piece.content_type == "text/html" for piece in said):
        return Source("text/html", "\n".join(map(_as_html, said)), defects)
    return Source(said[0].content_type, "\n\n".join(piece.text for piece in said), defects)


def _as_html(piece: Source) -> str:
    if piece.content_type == "text/html":
        return piece.text
    return f"<div>{html_of(piece.text)}</div>"


def _piece(part: Part) -> Source:
    octets, encoding_defect = part.payload()
    declared = part.type_parameters.get("charset")
    if part.content_type == "text/html":
        declared = _html_charset(octets, declared)
    found = decode(octets, declared or part.likely_charset(octets))
    text = found.text.replace("\r\n", "\n").replace("\r", "\n")
    defects = tuple(filter(None, (encoding_defect, found.defect)))
    if part.content_type in ("text/enriched", "text/richtext"):
        return Source("text/plain", _unenriched(text), defects)
    if part.content_type == "text/plain" and part.type_parameters.get("format").lower() == "flowed":
        text = unflowed(text, delsp=part.type_parameters.get("delsp").lower() == "yes")
    return Source(part.content_type, text, defects)


def _html_charset(octets: bytes, declared: str) -> str:
    """Believe the mail header; a ``<meta>`` only where that says nothing (or next to nothing)."""
    if declared and declared.lower() not in ("us-ascii", "ascii"):
        return declared
    meta = _META_CHARSET.search(octets[:_META_WITHIN])
    return meta[1].decode("ascii") if meta else declared


def _unenriched(text: str) -> str:
    """Strip the commands of RFC 1896 and RFC 1341; of several line breaks, one is none there."""
    text = _ENRICHED_BREAKS.sub(lambda breaks: breaks[1] or " ", text.strip("\n"))
    return _ENRICHED_TAG.sub(lambda tag: _RICHTEXT.get(tag[0].lower(), ""), text)


# --- from source to body -----------------------------------------------------------------------


def rendered(
    source: Source, options: ParseOptions, locations: Mapping[str, str], answers: Answers
) -> Rendered:
    """Give a source both forms, and cut what a reply quotes."""
    if source.content_type != "text/html":
        return _from_text(source, options, answers)
    if not (defect := _too_much(source.text, options.limits.html_bytes)):
        return _from_html(source, options, locations, answers)
    plain = Source("text/html", bare_text(source.text[: options.limits.html_bytes]))
    taken = _from_text(plain, options, answers)
    return Rendered(taken.body, taken.new_part, (*taken.defects, defect))


def _too_much(html: str, limit: int) -> str:
    """Say why HTML is taken as text: for its size, or for what costs a sanitiser its time."""
    if len(html) > limit:
        return f"limit_html_bytes: more than {limit}, taken as text"
    if html.count("<") + html.count("&") + html.count("\u00a0") > _MARKS_AT_MOST:
        return f"limit_html_bytes: more than {_MARKS_AT_MOST} tags and references, taken as text"
    return ""


def _from_text(source: Source, options: ParseOptions, answers: Answers) -> Rendered:
    text = source.text.strip("\n")
    body = Body(source.content_type, html_of(text), text)
    whole = Rendered(body, NewPart(body.html, body.text))
    if answers is Answers.NO:
        return whole
    defects: list[str] = []
    certain = answers is Answers.YES
    cut = new_part_of_text(text, options.quoting, defects, answers=certain)
    if not cut.cut.strip():
        return Rendered(body, whole.new_part, tuple(defects))
    new_part = NewPart(html_of(cut.kept), cut.kept, html_of(cut.cut), cut.cut)
    return Rendered(body, new_part, tuple(defects))


def _from_html(
    source: Source, options: ParseOptions, locations: Mapping[str, str], answers: Answers
) -> Rendered:
    around = document(source.text)
    whole = sanitise(source.text, locations=locations, surroundings=around)
    body = Body(source.content_type, whole.html, text_of(whole.html))
    unchanged = NewPart(body.html, body.text)
    if answers is Answers.NO:
        return Rendered(body, unchanged, whole.defects)
    defects = list(whole.defects)
    certain = answers is Answers.YES
    cut = new_part_of_html(source.text, options.quoting, defects, answers=certain)
    if not cut.cut.strip():
        return Rendered(body, unchanged, tuple(defects))
    kept = sanitise(cut.kept, locations=locations, surroundings=around).html
    rest = sanitise(cut.cut, locations=locations, surroundings=around).html
    new_part = NewPart(kept, text_of(kept), rest, text_of(rest))
    return Rendered(body, new_part, tuple(defects))


def bare_text(html: str) -> str:
    """Take the text of HTML that is too long for a parser; every pattern is linear."""
    text = _UNSEEN.sub(" ", html)
    text = _TAG.sub(lambda tag: "\n" if _BREAK.match(tag[0]) else "", text)
    return scrub(_BLANK_LINES.sub("\n\n", unescape(text)))


# --- text from HTML ----------------------------------------------------------------------------


_TOKEN = re.compile(
    r'(<(/?)([a-z][a-z0-9]*)((?: [a-z][a-z0-9-]*="[^"]*")*)>'
    r"|&(?:#([0-9]+|x[0-9a-f]+)|([a-zA-Z][a-zA-Z0-9]*));|[^<&]+)"
)
"""What sanitised HTML consists of: tags, references and text."""
_Token = tuple[str, str, str, str, str, str]
"""As written; the ``/`` of an end tag, tag, attributes; number or name of a reference."""
_ATTRIBUTE = re.compile(r' ([a-z][a-z0-9-]*)="([^"]*)"')


_ASKED = frozenset({"a", "abbr", "ol", "ul"})
"""Elements whose attributes html2text reads."""
_UNWRITTEN = names(
    "b big center col colgroup em font i img small span strong sub sup table tbody td tfoot th"
    " thead u"
)
"""Elements of which html2text writes nothing with the settings of ``_by_html2text``."""


class _Markdown(html2text.HTML2Text):
    """html2text without the backslashes: what it writes is read by people, not by programs."""

    def feed(self, data: str) -> None:
        """Read sanitised HTML, which needs no parser made for any HTML; other HTML by that one."""
        tokens: list[_Token] = _TOKEN.findall(data)
        if sum(len(each[0]) for each in tokens) != len(data):
            super().feed(data)
            return
        for each in tokens:
            self._take(each)

    def _take(self, token: _Token) -> None:
        written, closing, tag, attributes, character, entity = token
        if tag:
            pairs = _ATTRIBUTE.findall(attributes) if attributes and tag in _ASKED else ()
            found: dict[str, str | None] = {key: unescape(value) for key, value in pairs}
            self.handle_tag(tag, found, start=not closing)
        elif character:
            self.handle_charref(character)
        elif entity:
            self.handle_entityref(entity)
        else:
            self.handle_data(written)

    def handle_tag(self, tag: str, attrs: dict[str, str | None], start: bool) -> None:
        """Pass by the tags of which nothing is written; most are such."""
        if tag not in _UNWRITTEN or (start and self.maybe_automatic_link is not None):
            super().handle_tag(tag, attrs, start)
            return
        self.current_tag = tag
        self.lastWasList = False

    def o(self, data: str, puredata: bool = False, force: bool | str = False) -> None:
        """Write what stands in no special place in a few steps; the rest as html2text does."""
        if force or self.pre or self.startpre or self.quiet or self.abbr_data is not None:
            super().o(data, puredata, force)
            return
        if puredata:
            squeezed = " ".join(data.split())
            self.space = self.space or data[:1].isspace()
            data = squeezed + " " if squeezed and data[-1].isspace() else squeezed
        if not data:
            return
        if self.start:
            self.space, self.p_p, self.start = False, 0, False
        if self.p_p:
            self.out(f"{self.br_toggle}\n{self._quoting()}" * self.p_p)
            self.br_toggle = ""
        elif self.space and not self.lastWasNL:
            self.out(" ")
        self.space, self.p_p = False, 0
        self.out(data)
        self.outcount += 1

    def _quoting(self) -> str:
        return ">" * self.blockquote + " " if self.blockquote else ""

    def handle_data(self, data: str, entity_char: bool = False) -> None:  # noqa: ARG002
        super().handle_data(data, entity_char=True)


def text_of(html: str) -> str:
    """Turn sanitised HTML into text; links, lists and tables stay readable."""
    if not html:
        return ""
    text = _by_lexbor(html) if len(html) > _MARKDOWN_AT_MOST else _by_html2text(html)
    lines = (line.rstrip() for line in text.replace("\u00a0", " ").split("\n"))
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return scrub(text.strip("\n"))


def _by_html2text(html: str) -> str:
    writer = _Markdown(bodywidth=0)
    writer.ignore_images = True
    writer.ignore_tables = True
    writer.ignore_emphasis = True
    writer.unicode_snob = True
    writer.ul_item_mark = "-"
    # Tables become lines; a blank keeps neighbouring cells apart.
    return str(writer.handle(html.replace("</td>", " </td>").replace("</th>", " </th>")))


def _by_lexbor(html: str) -> str:
    tree = LexborHTMLParser(html.replace("<br>", "\n"), is_fragment=True)
    for block in tree.css(_BLOCKS):
        block.insert_after("\n")
    return tree.text()
