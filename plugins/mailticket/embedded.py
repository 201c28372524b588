"""Images that HTML carries in itself (RFC 2397) or refers to (RFC 2392, RFC 2557)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from html import unescape
from urllib.parse import unquote, unquote_to_bytes

from mailticket import magic
from mailticket.transfer import base64_octets

_DATA_URL = re.compile(
    r"""(?:=\s{0,5}(?:(?P<double>")|(?P<single>')|)|(?P<style>\(\s{0,5}["']?))\s{0,5}data:"""
    r"""(?P<url>(?(double)[^"]*|(?(single)[^']*|(?(style)[^"'()<>]*|[^\s>"']*))))""",
    re.IGNORECASE,
)
"""In an attribute, which its quotes end, or in CSS."""
_HEAD = re.compile(
    r"""(?P<type>[\w.+-]{1,60}/[\w.+-]{1,60}|)(?P<rest>(?:;[\w-]{1,40}(?:=(?:"[^"]{0,200}"|[^,;"]{0,200}))?)*+),""",
    re.IGNORECASE,
)
_CID = re.compile(r"""["'(=]\s*cid:([^"'()<>]{1,1000})""", re.IGNORECASE)
_MOST = 500
_NAME = re.compile(r""";(?:file)?name="?([^";]{1,200})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file found inside another: an image in HTML with the Content-ID it got, or a named one."""

    content_type: str
    content_id: str
    octets: bytes
    filename: str = ""
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """HTML without ``data:`` URLs, the files that stood in them, and what was left out."""

    html: str
    files: tuple[Embedded, ...] = ()
    defects: tuple[str, ...] = ()


def extracted(html: str) -> Extracted:
    """Replace ``data:`` images by ``cid:`` references; the same image gets the same Content-ID.

    Another file in base64 becomes an attachment, and what referred to it refers to nothing.
    """
    if not mentions(html, b"data:"):
        return Extracted(html)
    found: dict[str, Embedded] = {}
    defects: dict[str, None] = {}

    def replace(match: re.Match[str]) -> str:
        before = match[0][: match.start("url") - match.start() - len("data:")]
        file = _file(match)
        if file is None and _is_image(match["url"]):
            defects["an image within the HTML cannot be decoded: it is left out"] = None
            return before
        if file is None:
            return match[0]
        if len(found) >= _MOST and file.content_id not in found:
            defects[f"more than {_MOST} files within the HTML: the others are left out"] = None
            return before
        found.setdefault(file.content_id, file)
        return f"{before}cid:{file.content_id}" if _is_image(file.content_type) else before

    written = _DATA_URL.sub(replace, html)
    return Extracted(written, tuple(found.values()), tuple(defects))


def _is_image(content_type: str) -> bool:
    return content_type[:6].lower() == "image/"


def _file(match: re.Match[str]) -> Embedded | None:
    """Decode an image, or another file in base64; a font of a style sheet is none."""
    url = unescape(match["url"]) if "&" in match["url"] else match["url"]
    head = _HEAD.match(url)
    if head is None:
        return None
    content_type, parameters = head["type"].lower(), head["rest"].lower()
    is_base64 = parameters.rstrip().endswith(";base64")
    if not _is_image(content_type) and (
        not is_base64 or match["style"] or content_type.startswith(("text/", "font/"))
    ):
        return None
    octets = _octets(url[head.end() :], is_base64=is_base64)
    if not octets:
        return None
    content_type = magic.best_type(content_type, magic.sniff(octets), "")
    name = _NAME.search(unquote(head["rest"]))
    content_id = f"{sha256(octets).hexdigest()[:32]}@data-url"
    return Embedded(content_type, content_id, octets, name[1] if name else "")


def _octets(content: str, *, is_base64: bool) -> bytes:
    if is_base64:
        return base64_octets(unquote(content).encode("ascii", "ignore"))
    return unquote_to_bytes(content)


def mentions(html: str, scheme: bytes) -> bool:
    """Tell whether a scheme, given in lower case, stands in HTML; bytes are folded the fastest."""
    return scheme in html.encode("utf-8", "surrogatepass").lower()


def comparable(content_id: str) -> str:
    """Compare Content-IDs as RFC 2392 means it: escapes decoded, without ``<>``, any case."""
    return unquote(content_id).strip().strip("<>").casefold()


def referenced(html: str) -> frozenset[str]:
    """Give the Content-IDs that HTML refers to, comparable."""
    if not mentions(html, b"cid:"):
        return frozenset()
    return frozenset(comparable(match[1]) for match in _CID.finditer(html))
