"""What is fuzzed, and what must hold whatever comes in: each target raises when it does not."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from mailticket.errors import LimitExceeded
from mailticket.explaining import bare_body, explanation, json_line
from mailticket.options import ParseOptions
from mailticket.parsing import parse, read_header
from mailticket.patterns import compile_pattern, normalise
from mailticket.quotation import new_part_of_html, new_part_of_text
from mailticket.sanitise import drop_images, point_images, sanitise
from mailticket.styles import clean
from services.harmless import STYLE, assert_contained, assert_harmless

TESTS = Path(__file__).parents[1]
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_SHA = "a" * 64


def strings(value: Any) -> Iterator[str]:
    """Give every str in a tree of dataclasses and tuples."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from strings(each)


def assert_storable(value: Any) -> None:
    for text in strings(value):
        found = _UNSTORABLE.search(text)
        assert found is None, repr(text[max(0, found.start() - 30) : found.end() + 30])


def mail(octets: bytes) -> None:
    """Read a whole original."""
    try:
        message = parse(octets)
    except LimitExceeded as refusal:
        assert_storable(str(refusal))
        return
    assert_storable(message)
    assert_harmless(message.body.html)
    assert_harmless(message.new_part.html)
    assert_harmless(message.new_part.cut_html)
    assert json.loads(json_line(explanation("x.eml", message=message)))["ok"]


def header(octets: bytes) -> None:
    """Read a header section alone."""
    try:
        section = read_header(octets)
    except LimitExceeded as refusal:
        assert_storable(str(refusal))
        return
    assert_storable(section)
    assert not re.search(r"[\r\n]", section.subject)


def html(octets: bytes) -> None:
    """Sanitise a bare HTML body: harmless, and the same when done twice."""
    text = octets.decode("utf-8", "surrogateescape")
    clean_html = sanitise(text).html
    assert_storable(clean_html)
    assert_harmless(clean_html)
    assert_contained(clean_html)
    assert sanitise(clean_html).html == clean_html
    pointed = point_images(clean_html, {"a": _SHA})
    assert not LexborHTMLParser(pointed, is_fragment=True).css('[src^="cid:" i]')
    drop_images(clean_html, ["a"], "[gone]")


def new_html(octets: bytes) -> None:
    """Split HTML: every letter is kept or cut, and something is kept."""
    text = _clean(octets).replace("<plaintext", "<pre")  # no tree with one can be written as HTML
    cut = new_part_of_html(text)
    assert sorted(letters(cut.kept) + letters(cut.cut)) == letters(text)
    shown = "<img", "<svg"
    assert not cut.cut or letters(cut.kept) or any(each in cut.kept.lower() for each in shown)
    assert_storable(bare_body(octets, "text/html", ParseOptions()))


def new_text(octets: bytes) -> None:
    """Split plain text: every letter is kept or cut, and something is kept."""
    text = _clean(octets)
    cut = new_part_of_text(text)
    assert sorted("".join((cut.kept + cut.cut).split())) == sorted("".join(text.split()))
    assert bool(cut.kept.strip()) == bool(text.strip())
    assert_storable(bare_body(octets, "text/plain", ParseOptions()))


def pattern(octets: bytes) -> None:
    """Search by an operator's pattern, the first line, in a text, the rest."""
    written, _, text = octets.decode("utf-8", "surrogateescape").partition("\n")
    try:
        compiled = compile_pattern(written)
    except ValueError:
        return
    defects: list[str] = []
    found = compiled.search(text, defects)
    if found:
        assert normalise(text)[found.start : found.end] == found.text
    for _ in zip(range(50), compiled.finditer(text, defects), strict=False):
        pass


def style(octets: bytes) -> None:
    """Clean a style attribute."""
    kept = clean(octets.decode("utf-8", "surrogateescape"))
    assert STYLE.fullmatch(kept), kept
    assert clean(kept) == kept


def letters(text: str) -> list[str]:
    """Give what a body says, sorted, without white space: table cells may lose theirs."""
    tree = LexborHTMLParser(text)
    tree.strip_tags(["style", "script", "title", "template"])  # what nobody sees may move
    body = tree.body
    return sorted("".join(body.text(separator=" ").split())) if body else []


def _clean(octets: bytes) -> str:
    return octets.replace(b"\0", b"").decode("utf-8", "replace")


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A function under fire, where its first inputs come from, and its words."""

    attack: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    words: str
    """Name of the libFuzzer dictionary beside this file."""


def originals() -> Iterator[bytes]:
    for file in sorted((TESTS / "messages").rglob("*.eml")):
        yield file.read_bytes()


def header_sections() -> Iterator[bytes]:
    for raw in originals():
        yield re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]


def bodies(content_type: str) -> Callable[[], Iterator[bytes]]:
    """Give the bodies of the mails in tests/messages as they were before sanitising."""

    def found() -> Iterator[bytes]:
        import email  # noqa: PLC0415 - seeds only

        for raw in originals():
            for part in email.message_from_bytes(raw).walk():
                payload = part.get_payload(decode=True)
                if part.get_content_type() == content_type and isinstance(payload, bytes):
                    yield payload

    return found


def vectors() -> Iterator[bytes]:
    text = (TESTS / "unit" / "hostile_html.txt").read_text("utf-8")
    for block in text.split("\n=== ")[1:]:
        yield block.partition("\n")[2].replace("{NUL}", "\0").encode()
    yield from bodies("text/html")()


def patterns() -> Iterator[bytes]:
    yield from (
        b"/^On .+ wrote:$/im\nOn Monday Ann wrote:\n",
        b"/\\RFrom: .+\\RSent: /m\n\nFrom: a",
    )
    yield from (b"/(a+)+$/\naaaaaaaaaaaaaaaaaaaaaaaaab", b"|\\x{41}(?R)?|x\nAAA", b"{\\Q}\n}")


def style_texts() -> Iterator[bytes]:
    for raw in vectors():
        yield from re.findall(rb"style=[\"']([^\"'<>]+)", raw)


TARGETS = {
    "mail": Target(mail, originals, "mail.dict"),
    "header": Target(header, header_sections, "mail.dict"),
    "html": Target(html, vectors, "html.dict"),
    "new_html": Target(new_html, bodies("text/html"), "html.dict"),
    "new_text": Target(new_text, bodies("text/plain"), "mail.dict"),
    "pattern": Target(pattern, patterns, "pattern.dict"),
    "style": Target(style, style_texts, "html.dict"),
}
