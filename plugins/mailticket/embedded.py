"""Images that HTML carries in itself (RFC 2397) or refers to (RFC 2392, RFC 2557)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import unquote, unquote_to_bytes

from mailticket.transfer import base64_octets

_DATA_URL = re.compile(
    r"""(?P<quote>["'(=])\s{0,5}data:(?P<type>image/[\w.+-]{1,60})(?P<rest>[^,"'()<>\s]{0,100}),"""
    r"""(?P<content>[^"'()<>]*)""",
    re.IGNORECASE,
)
_CID = re.compile(r"""["'(=]\s*cid:([^"'()<>]{1,1000})""", re.IGNORECASE)
_MOST = 500


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file found inside another: an image in HTML with the Content-ID it got, or a named one."""

    content_type: str
    content_id: str
    octets: bytes
    filename: str = ""
    left_out: str | None = None


def extracted(html: str) -> tuple[str, tuple[Embedded, ...]]:
    """Replace ``data:`` images by ``cid:`` references; the same image gets the same Content-ID."""
    if "data:" not in html.lower():
        return html, ()
    found: dict[str, Embedded] = {}

    def replace(match: re.Match[str]) -> str:
        octets = _octets(match["rest"], match["content"])
        content_id = f"{sha256(octets).hexdigest()[:32]}@data-url"
        if not octets or (len(found) >= _MOST and content_id not in found):
            return match["quote"]
        found.setdefault(content_id, Embedded(match["type"].lower(), content_id, octets))
        return f"{match['quote']}cid:{content_id}"

    return _DATA_URL.sub(replace, html), tuple(found.values())


def _octets(parameters: str, content: str) -> bytes:
    if parameters.lower().endswith(";base64"):
        return base64_octets(unquote(content).encode("ascii", "ignore"))
    return unquote_to_bytes(content)


def comparable(content_id: str) -> str:
    """Compare Content-IDs as RFC 2392 means it: escapes decoded, without ``<>``, any case."""
    return unquote(content_id).strip().strip("<>").casefold()


def referenced(html: str) -> frozenset[str]:
    """Give the Content-IDs that HTML refers to, comparable."""
    if "cid:" not in html.lower():
        return frozenset()
    return frozenset(comparable(match[1]) for match in _CID.finditer(html))
