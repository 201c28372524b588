"""Character references, read as browsers do and written so that no parser stumbles over them.

html5ever's time grows with the square of the references in one text: minutes for a megabyte of
``&amp;``. So none are written in text: stand-ins go through the parser, and become references in
what it serialised.
"""

from __future__ import annotations

import html
import re

_AMPERSAND, _LESS_THAN = "\ufdd0", "\ufdd1"
"""No characters (Unicode 23.7), and never in storable text."""
# In attributes, a name without semicolon is no reference: "?a=1&copy=2" is an address.
_ATTRIBUTE_REFERENCE = re.compile(
    r"&(?:#[0-9]{1,8};?|#[xX][0-9a-fA-F]{1,8};?|[a-zA-Z][a-zA-Z0-9]{1,31};)"
)
_PAIRED = re.compile(  # one character beyond U+FFFF, written as its two halves in UTF-16
    r"&#[xX]([dD][89abAB][0-9a-fA-F]{2});&#[xX]([dD][c-fC-F][0-9a-fA-F]{2});"
    r"|&#(5(?:5[3-9]|6[0-2])\d\d);&#(5(?:6[3-9]|7[0-3])\d\d);"
)


def decoded_attribute(value: str) -> str:
    """Decode the character references of an attribute (13.2.5.73)."""
    if "&" not in value:
        return value
    return _ATTRIBUTE_REFERENCE.sub(lambda found: html.unescape(found[0]), value)


def decoded_text(text: str) -> str:
    """Decode the character references of text, halves of one character together."""
    if "&" not in text:
        return text
    return html.unescape(_PAIRED.sub(_whole, text) if "&#" in text else text)


def _whole(pair: re.Match[str]) -> str:
    halves = (int(pair[1], 16), int(pair[2], 16)) if pair[1] else (int(pair[3]), int(pair[4]))
    both = "".join(map(chr, halves)).encode("utf-16-le", "surrogatepass")
    return both.decode("utf-16-le", "replace")


def as_attribute(value: str) -> str:
    """Write the value of an attribute for a parser."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def as_text(text: str) -> str:
    """Write text for a parser whose output goes through ``restored``."""
    return text.replace("&", _AMPERSAND).replace("<", _LESS_THAN)


def restored(written: str) -> str:
    """Put references for the stand-ins into what a parser serialised."""
    return written.replace(_AMPERSAND, "&amp;").replace(_LESS_THAN, "&lt;")
