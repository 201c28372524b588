"""Which attributes of mail HTML stay, with which values: a whitelist for each name.

``chosen`` works on the tags that ``markup.py`` writes; ``permitted`` is asked once more by nh3
for each attribute that its parser found, and has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mailticket import styles
from mailticket.elements import names
from mailticket.tag_attributes import Attributes

MAX_ADDRESS = 8192
"""Characters of a link or of an image's address; a longer one is dropped."""
MAX_EMBEDDED = 1_400_000
"""Characters of a ``data:`` image (1 MB decoded)."""
MAX_WORDS = 2000
"""Characters of an alternative text or a title."""

_INVISIBLE = re.compile(r"[\x00-\x1f\x7f]+")
_SPACE = re.compile(r"\s+")
_LINK = re.compile(r"(?:https?://[^/?#\\]|mailto:|tel:)[^\\]*\Z", re.IGNORECASE)
_REMOTE = re.compile(r"https?://[^\s/?#\"'<>\\.][^\s\"'<>\\]*\Z", re.IGNORECASE)
_CID = re.compile(r"cid:[^\"'<>]{1,1000}\Z", re.IGNORECASE)
_DATA_IMAGE = re.compile(
    r"data:image/(?:png|jpeg|jpg|gif|webp);base64,[a-z0-9+/]+={0,2}\Z", re.IGNORECASE
)
_TINY = re.compile(r"0*[01](?:px)?\Z")

_LENGTH = re.compile(r"\d{1,4}(?:\.\d{1,4})?(?:px|%)?\Z")
_NUMBER = re.compile(r"[+-]?\d{1,3}\Z")
_SPAN = re.compile(r"[1-9]\d?\Z|[1-4]\d\d\Z")
_WORD = re.compile(r"[a-z][a-z0-9-]{0,30}\Z", re.IGNORECASE)
_LIST_TYPE = re.compile(r"(?:[1aAiI]|disc|circle|square|cite)\Z")
_COLOUR = re.compile(r"(?:\#?[a-z0-9]{1,30}|rgba?\([\d\s.,%]{1,60}\))\Z", re.IGNORECASE)
_FACE = re.compile(r"[\w\s,.\"'+&()-]{1,300}\Z")
_FLAG = re.compile(r"[a-z]{0,12}\Z", re.IGNORECASE)

_BY_PATTERN: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(names("width height"), _LENGTH),
    **dict.fromkeys(
        names("border cellpadding cellspacing hspace vspace size start value"), _NUMBER
    ),
    **dict.fromkeys(names("colspan rowspan span"), _SPAN),
    **dict.fromkeys(names("align valign dir lang clear rules frame scope"), _WORD),
    **dict.fromkeys(names("color bgcolor bordercolor"), _COLOUR),
    **dict.fromkeys(names("nowrap noshade reversed compact"), _FLAG),
    "type": _LIST_TYPE,
    "face": _FACE,
}
FOR_ALL = frozenset(_BY_PATTERN) | {"style", "title"}
"""Presentational attributes, whatever the element."""
FOR_IMAGES = frozenset({"src", "alt", "data-remote-src"})
FOR_LINKS = frozenset({"href", "target", "rel"})
_REL = "noopener noreferrer nofollow"
_TARGET = "_blank"


def chosen(
    tag: str, attributes: Attributes, image_style: str, locations: Mapping[str, str]
) -> Attributes | None:
    """Choose the attributes of a start tag; ``None`` leaves the tag out.

    Nothing is left for ``permitted`` to remove: nh3 shuffles the others when it removes one.
    """
    if tag == "img":
        wanted = _image(attributes, image_style, locations)
    else:
        wanted = _wanted(tag, attributes)
    if wanted is None:
        return None
    asked = ((name, permitted(tag, name, value)) for name, value in wanted.items())
    return {name: value for name, value in asked if value is not None}


def _wanted(tag: str, attributes: Attributes) -> Attributes:
    """Give what the tag says about its looks, and a link's address."""
    kept = {name: value for name, value in attributes.items() if name in FOR_ALL}
    _colour_block(tag, attributes, kept)
    if tag == "a" and (href := _link(attributes.get("href", ""))):
        return {"href": href} | kept | {"target": _TARGET, "rel": _REL}
    if tag == "p" and attributes.get("class", "").lower().startswith("mso"):
        # The style sheet that took the margin from Outlook's paragraphs is gone.
        kept["style"] = f"margin:0;{kept.get('style', '')}"
    return kept


def _colour_block(tag: str, attributes: Attributes, kept: Attributes) -> None:
    """Say in style what only ``<body>`` says in attributes: it has become a ``<div>``."""
    if tag != "div":
        return
    for name, style_name in (("text", "color"), ("bgcolor", "background-color")):
        if name in attributes:
            kept["style"] = f"{style_name}:{attributes[name]};{kept.get('style', '')}"
    kept.pop("bgcolor", None)


def _image(
    attributes: Attributes, image_style: str, locations: Mapping[str, str]
) -> Attributes | None:
    """Tell embedded images, remote ones and those that show nothing apart."""
    source = address(attributes.get("src", "") or attributes.get("data-remote-src", ""))
    if source in locations:
        source = f"cid:{locations[source]}"
    kept = {name: value for name, value in attributes.items() if name in FOR_ALL or name == "alt"}
    if embedded := _embedded(source):
        return {"src": embedded} | kept | {"style": f"{kept.get('style', '')};{image_style}"}
    if remote := _remote(source):
        # A tracking pixel shows nothing, so that nobody would click for it.
        tiny = any(_TINY.match(kept.get(side, "").strip()) for side in ("width", "height"))
        return None if tiny else {"data-remote-src": remote} | kept
    return {"alt": kept["alt"]} if kept.get("alt", "").strip() else None


def address(value: str) -> str:
    """Read an address as browsers do: without the controls in it and the space around it."""
    return _INVISIBLE.sub("", value).strip()


def permitted(_tag: str, name: str, value: str) -> str | None:
    """Give the value that an attribute may have, decoded, or ``None``: nh3's last question."""
    if rule := _RULES.get(name):
        return rule(value)
    pattern = _BY_PATTERN.get(name)
    value = value.strip()
    return value if pattern and pattern.match(value) else None


def _link(value: str) -> str | None:
    link = address(value)
    return link if len(link) <= MAX_ADDRESS and _LINK.match(link) else None


def _embedded(value: str) -> str | None:
    source = address(value)
    if _CID.match(source) and len(source) <= MAX_ADDRESS:
        return source
    packed = _SPACE.sub("", source)
    return packed if len(packed) <= MAX_EMBEDDED and _DATA_IMAGE.match(packed) else None


def _remote(value: str) -> str | None:
    source = address(value).replace(" ", "%20")
    return source if len(source) <= MAX_ADDRESS and _REMOTE.match(source) else None


def _style(value: str) -> str | None:
    return styles.clean(value) or None


def _words(value: str) -> str | None:
    return value[:MAX_WORDS]


def _same(value: str) -> Callable[[str], str]:
    return lambda _value: value


_RULES: dict[str, Callable[[str], str | None]] = {
    "href": _link,
    "target": _same(_TARGET),
    "rel": _same(_REL),
    "src": _embedded,
    "data-remote-src": _remote,
    "style": _style,
    "alt": _words,
    "title": _words,
}
