"""HTML that no mail program writes and that a parser chokes on: told before it is parsed.

lexbor compares each attribute of a tag with all before it, and looks through all open elements
for one that a start tag may close; both are quadratic (20,000 nested lists take 7 s).
"""

from __future__ import annotations

import re
from collections import Counter

MOST_TAGS = 200_000
"""``<`` signs."""
MOST_ATTRIBUTES = 5000
"""White space within one tag."""
MOST_DEPTH = 10_000
"""Elements of the kinds below that are open at once."""

_QUOTED_TAG = re.compile(r"""<[a-zA-Z](?:[^"'>]++|"[^"]*+"|'[^']*+')*+""")
_PLAIN_TAG = re.compile(r"<[a-zA-Z][^>]*+")
_NESTING_TAG = re.compile(
    r"<(/?)(address|article|aside|blockquote|button|center|dd|details|dialog|dir|div|dl|dt"
    r"|fieldset|figcaption|figure|footer|form|h[1-6]|header|hgroup|li|listing|main|menu|nav|object"
    r"|ol|pre|search|section|summary|ul|marquee|applet|select|option|optgroup|ruby|rt|rp)(?=[\s/>])",
    re.IGNORECASE,
)


def is_too_much(html: str) -> bool:
    """Tell whether parsing this HTML would take longer than a mail is worth."""
    tags = html.count("<")
    return tags > MOST_TAGS or _has_long_tag(html) or (tags > MOST_DEPTH and _is_deep(html))


def _has_long_tag(html: str) -> bool:
    tags = (tag[0] for pattern in (_QUOTED_TAG, _PLAIN_TAG) for tag in pattern.finditer(html))
    return any(len(tag) > MOST_ATTRIBUTES and len(tag.split()) > MOST_ATTRIBUTES for tag in tags)


def _is_deep(html: str) -> bool:
    """Count open elements tag by tag: an end tag of another kind closes nothing."""
    depths: Counter[str] = Counter()
    depth = 0
    for tag in _NESTING_TAG.finditer(html):
        name = tag[2].lower()
        change = 1 if not tag[1] else -1 if depths[name] else 0
        depths[name] += change
        depth += change
        if depth > MOST_DEPTH:
            return True
    return False
