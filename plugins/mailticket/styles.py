"""What may stand in a style attribute: names and values by whitelist; nothing loads or overlaps.

A value is a short row of words, bounded numbers, colours and, for fonts, quoted names. ``url()``,
``expression()``, ``var()``, escapes and at-rules have no place in that grammar, so there is nothing
to search for and nothing to overlook.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mailticket.elements import names

MAX_STYLE = 8192
"""Characters of one style attribute that are read."""
MAX_VALUE = 300
MAX_DECLARATIONS = 80

_SIDES = ("top", "right", "bottom", "left")
_FREE = names(
    "border border-collapse border-color border-radius border-spacing border-style border-width"
    " caption-side clear color direction empty-cells float font font-family font-size font-stretch"
    " font-style font-variant font-weight height letter-spacing line-height list-style"
    " list-style-position list-style-type margin max-height max-width min-height min-width opacity"
    " outline overflow overflow-wrap padding table-layout text-align text-decoration"
    " text-decoration-color text-decoration-line text-decoration-style text-indent text-transform"
    " unicode-bidi vertical-align visibility white-space width word-break word-spacing word-wrap"
    " background-color"
)
_SIDED = frozenset(
    f"{box}-{side}{part}"
    for side in _SIDES
    for box, parts in (
        ("margin", ("",)),
        ("padding", ("",)),
        ("border", ("", "-color", "-style", "-width")),
    )
    for part in parts
)
_ALLOWED = _FREE | _SIDED
_DISPLAY = names(
    "block inline inline-block none list-item table inline-table table-row table-cell"
    " table-row-group table-header-group table-footer-group table-column table-caption"
)
_SIGNED = frozenset(
    {"text-indent", "letter-spacing", "word-spacing", "vertical-align", "margin"}
) | {f"margin-{side}" for side in _SIDES}
_SMALL = frozenset({"font", "font-size", "line-height", "letter-spacing", "word-spacing"})

# Largest value by unit: (boxes, type). Percentages and ems multiply when nested.
_LIMITS = {
    "": (1000.0, 900.0),
    "px": (3000.0, 200.0),
    "pt": (2200.0, 150.0),
    "pc": (180.0, 12.0),
    "in": (30.0, 2.0),
    "cm": (80.0, 5.0),
    "mm": (800.0, 50.0),
    "%": (200.0, 300.0),
    "em": (100.0, 5.0),
    "rem": (100.0, 12.0),
    "ex": (200.0, 10.0),
    "ch": (200.0, 10.0),
}
_MOST_NEGATIVE = {"px": 100.0, "pt": 75.0, "pc": 6.0, "in": 1.0, "cm": 2.5, "mm": 25.0, "em": 4.0}

_NUMBER = r"[+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:px|pt|pc|in|cm|mm|rem|em|ex|ch|%)?(?![\w%.])"
_COLOUR = r"\#[0-9a-f]{3,8}\b|(?:rgb|hsl)a?\([\d\s.,%/+-]{1,60}\)"
_WORD = r"-?[^\W\d][\w-]*+(?!\()"
_STRING = r"\"[^\"\\<>\n]*+\"|'[^'\\<>\n]*+'"
_GAP = r"(?:\s*+[,/]\s*+|\s++)"


def _row(*tokens: str) -> re.Pattern[str]:
    token = "|".join(tokens)
    return re.compile(rf"(?:{token})(?:{_GAP}(?:{token}))*+", re.IGNORECASE)


_VALUE = _row(_NUMBER, _COLOUR, _WORD)
_FONT_VALUE = _row(_NUMBER, _WORD, _STRING)
_SINGLE_COLOUR = re.compile(rf"{_COLOUR}|[a-z]{{3,30}}", re.IGNORECASE)
_SOME_COLOUR = re.compile(_COLOUR, re.IGNORECASE)
_MEASURE = re.compile(
    r"(?<![\w#.-])([+-]?(?:\d+\.?\d*|\.\d+))(px|pt|pc|in|cm|mm|rem|em|ex|ch|%)?(?![\w.])",
    re.IGNORECASE,
)
_FUNCTION = re.compile(r"[\w-]*\([^()]*\)?")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\s*\Z", re.IGNORECASE)


@lru_cache(maxsize=2048)
def clean(style: str) -> str:
    """Keep the harmless declarations of a style attribute, one of each name, the last one."""
    kept: dict[str, str] = {}
    for declaration in _COMMENT.sub(" ", style[:MAX_STYLE]).split(";", 4 * MAX_DECLARATIONS):
        name, value = _declaration(declaration)
        if not value:
            continue
        kept.pop(name, None)
        kept[name] = value
        if len(kept) >= MAX_DECLARATIONS:
            break
    return ";".join(f"{name}:{value}" for name, value in kept.items())


def _declaration(declaration: str) -> tuple[str, str]:
    """Read ``name: value``; the value is ``""`` when it may not stay."""
    raw_name, _, raw_value = declaration.partition(":")
    name = raw_name.strip().lower()
    value = _IMPORTANT.sub("", raw_value).strip()
    if name == "background":
        return "background-color", _background(value)
    if not value or len(value) > MAX_VALUE:
        return name, ""
    if name == "display":
        return name, value.lower() if value.lower() in _DISPLAY else ""
    if name not in _ALLOWED or not _is_plain(name, value):
        return name, ""
    return name, " ".join(value.split())


def _is_plain(name: str, value: str) -> bool:
    grammar = _FONT_VALUE if name in {"font", "font-family"} else _VALUE
    if not grammar.fullmatch(value):
        return False
    if name == "font-family":
        return True
    bare = _SOME_COLOUR.sub(" ", value)
    return all(_fits(name, float(number), unit.lower()) for number, unit in _MEASURE.findall(bare))


def _fits(name: str, number: float, unit: str) -> bool:
    if number < 0:
        return name in _SIGNED and -number <= _MOST_NEGATIVE.get(unit, 0)
    if name == "line-height" and not unit:
        unit = "em"
    return number <= _LIMITS[unit][name in _SMALL]


def _background(value: str) -> str:
    """Keep the colour of a ``background`` shorthand: images in it load."""
    if len(value) > MAX_STYLE:
        return ""
    if _SINGLE_COLOUR.fullmatch(value):
        return value
    bare = _FUNCTION.sub(lambda call: call[0] if _SOME_COLOUR.fullmatch(call[0]) else " ", value)
    found = _SOME_COLOUR.search(bare)
    return found[0] if found and "\\" not in value else ""
