"""HTML of a mail made harmless: it still looks like the mail, and can do nothing.

Three stages: ``markup.py`` writes known tags anew in bounded number and depth, ``attributes.py``
and ``styles.py`` say which attributes stay, and nh3 (ammonia, html5ever) parses what is left and
serialises it by a whitelist of its own. The result is a fragment of balanced tags with ``<``,
``>``, ``&`` escaped everywhere, so that it cannot break out of the page that it is put into.

Images, in the result:

- embedded ones keep ``src="cid:…"`` (or a small ``data:`` of PNG, JPEG, GIF, WebP) and are limited
  to a display width; ``point_images`` turns ``cid:`` into ``attachment:<sha256>``, which pages turn
  into signed URLs. A mail cannot write ``attachment:`` itself.
- remote ones become ``<img data-remote-src="https://…" alt="…">`` without ``src``: browsers show
  the alternative text and ask nothing, text made from the HTML is not touched, and a page's click
  can copy the address to ``src``.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote

import nh3  # noqa: TID251 - this is the file that owns it
from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailticket import styles
from mailticket.attributes import (
    FOR_ALL,
    FOR_IMAGES,
    FOR_LINKS,
    chosen,
    permitted,
)
from mailticket.cascade import Cascade
from mailticket.character_references import restored
from mailticket.charsets import surely_storable
from mailticket.elements import KNOWN
from mailticket.markup import Rewrite, bounded
from mailticket.surroundings import Surroundings, surroundings_of
from mailticket.tag_attributes import Attributes

ATTACHMENT = "attachment:"
"""Scheme of an embedded image in stored HTML, followed by the sha256 of its bytes."""

_ROUNDS = 6
_NONE: Mapping[str, str] = MappingProxyType({})
_SURROGATE = re.compile("[\ud800-\udfff]")
_ANCHOR = re.compile(r'<a((?: [a-z-]+="[^"]*+")++)>')
_OF_LINKS = re.compile(r' (?:target|rel)="[^"]*+"')
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufeff\ufffe\uffff]")

_CLEANER = nh3.Cleaner(
    tags=set(KNOWN),
    clean_content_tags={"script", "style", "title"},
    attributes={"*": set(FOR_ALL), "img": set(FOR_IMAGES), "a": set(FOR_LINKS)},
    attribute_filter=permitted,
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    url_relative="deny",
    link_rel=None,
)


@dataclass(frozen=True, slots=True)
class Sanitised:
    """Harmless HTML, and what is to be known about it."""

    html: str
    remote_images: int
    """Placeholders that a click could load."""
    defects: tuple[str, ...] = ()
    """Sentences on what had to be left out to stay within bounds."""


def sanitise(
    html: str,
    inline_image_max_width: int = 250,
    locations: Mapping[str, str] = _NONE,
    surroundings: Surroundings | None = None,
) -> Sanitised:
    """Make the HTML of a mail harmless; the display width of embedded images in pixels.

    ``locations`` says which Content-Location (RFC 2557) is which Content-ID, so that images that
    are embedded by their location become ``cid:`` references. ``surroundings`` are those of the
    whole document, where ``html`` is a piece of it.
    """
    image_style = _image_style(inline_image_max_width)
    around = surroundings or document(html)
    dress = Cascade(around.sheet) if around.sheet.rules else None

    def rewrite(tag: str, attributes: Attributes) -> Attributes | None:
        return chosen(tag, around.resolved(attributes, locations), image_style, locations)

    written, cut = bounded(storable(html), rewrite, dress)
    defects = (*cut, *around.sheet.defects, *(dress.defects if dress else ()))
    clean = _settled(_parsed(written), rewrite, whole=not cut)
    if clean is None:
        clean = _as_text(html)
        defects = (*defects, "HTML cannot be brought into order: taken as text")
    return Sanitised(clean, clean.count("<img data-remote-src="), defects)


def document(html: str) -> Surroundings:
    """Find what a whole document says about its pieces, each of which is sanitised by itself."""
    return surroundings_of(storable(html))


def storable(text: str) -> str:
    """Remove what no database and no page takes: NUL, controls, lone surrogates, BOM."""
    if surely_storable(text):
        return text
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _UNSTORABLE.sub("", text)


def _image_style(width: int) -> str:
    return f"max-width:{width}px;height:auto"


def _parsed(html: str) -> str:
    """Parse and serialise; references like ``&#1;`` may have brought control characters."""
    clean = _CLEANER.clean(html)
    if "<a " in clean:
        clean = _ANCHOR.sub(_without_target, clean)
    clean = restored(clean)
    clean = clean if surely_storable(clean) else _UNSTORABLE.sub("", clean)
    return clean.replace("\r\n", "\n").replace("\r", "\n")


def _without_target(anchor: re.Match[str]) -> str:
    """Take from ``<a>`` what belongs to a link, where nh3 found its address to be none."""
    return anchor[0] if ' href="' in anchor[1] else _OF_LINKS.sub("", anchor[0])


def _settled(clean: str, rewrite: Rewrite, *, whole: bool) -> str | None:
    """Repeat until nothing changes any more, or ``None`` when it never settles.

    Some trees cannot be written as HTML (links in links, through tables). A parser that reads the
    fragment otherwise than it is meant is what mutation attacks live on. Where nothing was left
    out, it is enough that another parser agrees, which is quick.
    """
    for _ in range(_ROUNDS):
        if not clean or (whole and LexborHTMLParser(clean, is_fragment=True).html == clean):
            return clean
        again = _parsed(bounded(clean, rewrite)[0])
        if again == clean:
            return clean
        clean = again
    return None


def _as_text(html: str) -> str:
    written, _ = bounded(storable(html), lambda _tag, _attributes: {})
    text = LexborHTMLParser(written).text(separator=" ")
    return f"<p>{entities.escape(' '.join(storable(text).split()), quote=False)}</p>"


# --- embedded images of sanitised HTML ---------------------------------------------------------


def point_images(html: str, targets: Mapping[str, str], inline_image_max_width: int = 250) -> str:
    """Point ``cid:`` images of sanitised HTML at ``attachment:<sha256>``.

    ``targets`` maps Content-ID to sha256. Each one is limited to the display width in pixels and
    marked with ``data-zoom``; one whose Content-ID is not known becomes its alternative text, since
    it could only be shown broken.
    """
    by_id = {_content_id(key): value for key, value in targets.items()}

    def point(image: LexborNode, content_id: str) -> None:
        sha256 = by_id.get(content_id)
        if sha256 is None:
            _replace(image, image.attributes.get("alt") or "")
            return
        style = f"{image.attributes.get('style') or ''};{_image_style(inline_image_max_width)}"
        image.attrs["src"] = f"{ATTACHMENT}{sha256}"
        image.attrs["style"] = styles.clean(style)
        image.attrs["data-zoom"] = ""

    return _each_embedded(html, point)


def drop_images(html: str, content_ids: Collection[str], note: str = "") -> str:
    """Put ``note`` in place of the images of these Content-IDs; with none, nothing is left."""
    dropped = {_content_id(content_id) for content_id in content_ids}

    def drop(image: LexborNode, content_id: str) -> None:
        if content_id in dropped:
            _replace(image, note)

    return _each_embedded(html, drop)


def drop_others(html: str, content_ids: Collection[str]) -> str:
    """Put its alternative text in place of each ``cid:`` image but those of these Content-IDs."""
    kept = {_content_id(content_id) for content_id in content_ids}

    def drop(image: LexborNode, content_id: str) -> None:
        if content_id not in kept:
            _replace(image, image.attributes.get("alt") or "")

    return _each_embedded(html, drop)


def _each_embedded(html: str, change: Callable[[LexborNode, str], None]) -> str:
    """Ask ``change`` for each ``cid:`` image, with its Content-ID; gives the changed HTML."""
    if 'src="cid:' not in html.lower():
        return html
    tree = LexborHTMLParser(html, is_fragment=True)
    for image in tree.css('img[src^="cid:" i]'):
        change(image, _content_id((image.attributes.get("src") or "")[4:]))
    return tree.html or ""


def _content_id(written: str) -> str:
    """Compare Content-IDs as RFC 2392 means it: escapes decoded, without ``<>``, any case."""
    return unquote(written).strip().strip("<>").casefold()


def _replace(image: LexborNode, text: str) -> None:
    if text.strip():
        image.replace_with(storable(text))
    else:
        image.decompose()
