"""Style sheets of a mail, as far as they can be moved into style attributes.

Read are rules whose selectors are rows of type, classes and id, one below the other (``td p.a``,
``#x > .y``); what else CSS can say (pseudo-elements, attributes, siblings, media of small or dark
screens, fonts, imports) is skipped. What a rule declares goes through ``styles.clean`` as any
style attribute does, so that nothing in a sheet can load, overlap or run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mailticket import styles

MAX_SHEET = 256 * 1024
"""Characters of all sheets of a mail together; beyond, all of them are left out."""
MAX_RULES = 4000
"""Selectors of all sheets together; later ones are left out."""
MAX_COMPOUNDS = 6
"""Of one selector: a longer one is skipped."""
TOO_LARGE = "style sheets too large: left out"
TOO_MANY = "style sheets with too many rules: taken in part"
_WIDE_SCREEN = 640
"""Pixels that the place where a mail is read is thought to have."""

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_TOKEN = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|[{};\"']|[^{};\"']++", re.DOTALL)
_COMPOUND = re.compile(r"([a-z][a-z0-9]*+|\*)?((?:[.#][\w-]++)*+)(:link)?")
_PART = re.compile(r"([.#])([\w-]++)")
_CHILD = re.compile(r"\s*>\s*")
_MEDIUM = re.compile(r"(?:only\s+)?(?:all|screen)(?:\s+and\s+(.*))?|(\(.*)", re.DOTALL)
_MIN_WIDTH = re.compile(r"\(\s*min-(?:device-)?width\s*:\s*(\d{1,4})(?:\.\d{1,3})?px\s*\)")
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)")
_IMPORTANT = re.compile(r"!\s*important\s*\Z", re.IGNORECASE)
_HIDES = frozenset({"display", "visibility", "opacity", "height", "max-height", "overflow"})
_TRANSPARENT = frozenset({"html", "*"})

Element = tuple[str, frozenset[str], str]
"""Tag, classes and id, in lower case."""


@dataclass(frozen=True, slots=True)
class Compound:
    """One element's part of a selector: ``td.a.b#c``."""

    tag: str
    """``""`` for any."""
    classes: frozenset[str]
    id: str
    child: bool = False
    """What follows it in the selector is its child, not any descendant."""

    def fits(self, element: Element) -> bool:
        """Tell whether an element is meant."""
        tag, classes, identity = element
        return (
            (not self.tag or self.tag == tag)
            and (not self.id or self.id == identity)
            and self.classes <= classes
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """What one selector says; declarations cleaned, as in a style attribute."""

    compound: Compound
    above: tuple[Compound, ...]
    """Ancestors that it asks for, the outermost first."""
    weight: tuple[int, int, int, int]
    """Ids, classes, types, place in the sheets: the order in which rules override."""
    normal: str
    important: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rules of a mail, by what their last compound names."""

    rules: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    """Keys ``#id``, ``.class`` or ``tag``; ``*`` names nothing and is left out."""
    deep: bool = False
    """Some rule asks for ancestors."""
    defects: tuple[str, ...] = ()


NONE = Sheet()


def sheet_of(texts: Iterable[str]) -> Sheet:
    """Read the sheets of a mail, in their order; text of another kind yields no rules."""
    css = "\n".join(texts)
    if len(css) > MAX_SHEET:
        return Sheet(defects=(TOO_LARGE,))
    rules: dict[str, list[Rule]] = {}
    count, deep = 0, False
    for selectors, declarations in _blocks(_COMMENT.sub(" ", css)):
        normal, important = _declared(declarations)
        if not normal and not important:
            continue
        for selector in selectors.split(","):
            if count >= MAX_RULES:
                return _sheet(rules, (TOO_MANY,), deep=deep)
            count += 1
            if rule := _rule(selector, count, normal, important):
                deep = deep or bool(rule.above)
                rules.setdefault(_key(rule.compound), []).append(rule)
    return _sheet(rules, (), deep=deep)


def _sheet(rules: dict[str, list[Rule]], defects: tuple[str, ...], *, deep: bool) -> Sheet:
    return Sheet({key: tuple(named) for key, named in rules.items()}, deep, defects)


# --- blocks ------------------------------------------------------------------------------------


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """Give selectors and declarations of each rule that counts on a screen (CSS Syntax 3, 5)."""
    signs = iter(_TOKEN.findall(css))
    written: list[str] = []
    for sign in signs:
        if sign in "{};":
            prelude = "".join(written).strip()
            written.clear()
            # The rules of a medium that counts follow as if its braces were not there.
            if sign != "{" or _counts(prelude):
                continue
            inside = _inside(signs)
            if not prelude.startswith("@"):
                yield prelude, inside
        else:
            written.append(sign)


def _inside(signs: Iterator[str]) -> str:
    """Take what stands before the brace that ends this block; blocks in it are left out."""
    depth = 1
    written: list[str] = []
    for sign in signs:
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            break
        if depth == 1 and sign != "}":
            written.append(sign)
    return "".join(written)


def _counts(prelude: str) -> bool:
    word, _, media = prelude.partition(" ")
    return word.lower() == "@media" and on_screen(media)


def on_screen(media: str) -> bool:
    """Tell whether a media query holds where mails are read."""
    return any(_holds(query.strip()) for query in media.lower().split(","))


def _holds(query: str) -> bool:
    """Tell whether a query names screens, with no condition but that they are wide and light."""
    found = _MEDIUM.fullmatch(query)
    if found is None:
        return not query
    conditions = (found[1] or found[2] or "").split(" and ")
    return conditions == [""] or all(_is_so(condition.strip()) for condition in conditions)


def _is_so(condition: str) -> bool:
    width = _MIN_WIDTH.fullmatch(condition)
    return int(width[1]) <= _WIDE_SCREEN if width else _LIGHT.fullmatch(condition) is not None


# --- rules -------------------------------------------------------------------------------------


def _declared(declarations: str) -> tuple[str, str]:
    """Give what is declared, apart from what is declared important."""
    if "!" not in declarations:
        return styles.clean(declarations), ""
    parts = declarations.split(";")
    important = [part for part in parts if _IMPORTANT.search(part)]
    normal = [part for part in parts if not _IMPORTANT.search(part)]
    return styles.clean(";".join(normal)), styles.clean(";".join(important))


def _rule(selector: str, place: int, normal: str, important: str) -> Rule | None:
    row = _compounds(selector.lower())
    if not row:
        return None
    *above, last = row
    if last.tag == "*" or last == Compound("", frozenset(), ""):
        return None
    if last.tag == "body":
        normal, important = _shown(normal), _shown(important)
    ids = sum(bool(each.id) for each in row)
    classes = sum(len(each.classes) for each in row)
    weight = (ids, classes, sum(bool(each.tag) for each in row), place)
    asked = tuple(each for each in above if each.tag not in _TRANSPARENT or each.classes or each.id)
    return Rule(last, asked, weight, normal, important)


def _shown(style: str) -> str:
    """Take from the body's own style what may hide the whole mail until a script shows it."""
    parts = style.split(";")
    return ";".join(part for part in parts if part.partition(":")[0] not in _HIDES)


def _compounds(selector: str) -> list[Compound]:
    """Read a selector; gives nothing for one that says more than types, classes and ids."""
    pieces = _CHILD.sub("> ", selector.strip()).split()
    if len(pieces) > MAX_COMPOUNDS:
        return []
    row: list[Compound] = []
    for piece in pieces:
        found = _COMPOUND.fullmatch(piece.removesuffix(">"))
        if found is None or piece == ">":
            return []
        named = _PART.findall(found[2])
        classes = frozenset(name for sign, name in named if sign == ".")
        identity = next((name for sign, name in named if sign == "#"), "")
        row.append(Compound(found[1] or "", classes, identity, piece.endswith(">")))
    return row


def _key(compound: Compound) -> str:
    if compound.id:
        return f"#{compound.id}"
    return f".{min(compound.classes)}" if compound.classes else compound.tag
