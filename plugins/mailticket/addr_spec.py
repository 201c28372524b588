"""One address (RFC 5322, 3.4.1) cleaned of what programs of all times put around and into it."""

from __future__ import annotations

import re

from mailticket.charsets import one_line
from mailticket.encoded_words import decode_words

COMMENT = re.compile(r"\((?:[^()]|\([^()]*\))*\)")
"""A comment, with comments in it."""
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_MAILTO = re.compile(r"^(?:mailto|smtp):", re.IGNORECASE)
_QUOTED_LOCAL_PART = re.compile(r'"(?:[^"\\]|\\.)*"\s*[.@]', re.DOTALL)
_TWO_WORDS = re.compile(r"[^\s.@]\s+[^\s.@]")
_BLANKS = re.compile(r'("(?:[^"\\]|\\.)*")| ?([.@]) ?')
_LONGEST = 1100
"""Characters: what is longer is no address, whatever stands in it."""


def addr_spec(text: str) -> str:
    """Clean an addr-spec: no source route, no ``mailto:``, no blanks outside quotes."""
    text = COMMENT.sub("", decode_words(text)).strip()
    text = _MAILTO.sub("", text.strip("[]") if text.startswith("[") else text)
    if ":;" in text:  # an empty group, taken for an address: <undisclosed-recipients:;@host>
        return ""
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]
    if text.startswith("'@"):
        return ""
    return _rootless(one_line(_squeezed(text)).strip("'<> ,;"))


def _squeezed(text: str) -> str:
    """Drop the blanks of the obsolete syntax; within a quoted local part they belong to it."""
    if '"' not in text:
        return "".join(text.split())
    if len(text) > _LONGEST:
        return text
    return _BLANKS.sub(lambda each: each[1] or each[2], one_line(text))


def _rootless(address: str) -> str:
    """Drop the dot of the root from the end of a domain: the same host without it."""
    return address.rstrip(".") if "@" in address else address


def is_spaced(text: str) -> bool:
    """Tell ``a . b @ c . d`` (obsolete white space) from words with an address among them."""
    return is_quoted(text) or _TWO_WORDS.search(text) is None


def is_quoted(text: str) -> bool:
    """Tell whether a quoted local part begins a text."""
    return _QUOTED_LOCAL_PART.match(text) is not None


def several(route: str) -> list[str]:
    """Give the addresses of ``<a@b, c@d>`` (RFC 7103, 7.1.3); none where it is no list."""
    if route.count("@") < 2 or route.lstrip().startswith("@") or '"' in route:  # noqa: PLR2004
        return []
    found = [addr_spec(each) for each in re.split("[,;]", route)]
    return found if len(found) > 1 and all("@" in each for each in found) else []
