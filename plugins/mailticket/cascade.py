"""Which rules of a mail's style sheets say something about an element: the cascade, in one pass.

Asked tag by tag while ``markup.py`` writes them anew, with the elements that are open kept beside.
All of it costs a bounded number of steps: what is beyond is shown without the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailticket.elements import CONTAINERS, VOID, names
from mailticket.sheets import Element, Rule, Sheet
from mailticket.tag_attributes import Attributes

MAX_STEPS = 400_000
"""Comparisons of a rule with an element, for one mail; some 0.2 s."""
MAX_ADDED = 2_000_000
"""Characters that sheets may add to one mail."""
MAX_STYLE = 3000
"""Characters that sheets may add to one element, and that are read of its own style."""
MAX_OPEN = 200
"""Open elements that are remembered; in deeper trees, rules with ancestors find nothing."""
MAX_CLASSES = 20
TOO_MUCH = "style sheets ask for too much: taken in part"

_INLINE = names("abbr acronym bdi bdo cite del dfn ins kbd mark q ruby samp span sub sup time var")
_BLOCKS = CONTAINERS - _INLINE
_CELLS = frozenset({"td", "th"})
_ITEMS = _CELLS | {"li", "dd", "dt", "tr", "tbody", "thead", "tfoot"}
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(_BLOCKS | {"p"}, (frozenset({"p"}), _BLOCKS | _ITEMS)),
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "dir", "menu"})),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), frozenset({"dl"}))),
    **dict.fromkeys(_CELLS, (_CELLS, frozenset({"tr", "table"}))),
    "tr": (frozenset({"tr"}), frozenset({"table", "tbody", "thead", "tfoot"})),
    **dict.fromkeys(
        ("tbody", "thead", "tfoot"),
        (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
    ),
}
"""Which open elements the start of one ends, and what stands between them (HTML 13.1.2.4)."""


@dataclass(slots=True)
class Cascade:
    """The state of one reading: what is open, and what it cost so far."""

    sheet: Sheet
    steps: int = 0
    added: int = 0
    _open: list[Element] = field(default_factory=list)
    _known: dict[tuple[str, str, str], tuple[Element, tuple[Rule, ...]]] = field(
        default_factory=dict
    )
    """Elements that were seen before, and the rules whose last compound they fit."""

    @property
    def exhausted(self) -> bool:
        """Tell whether the sheet is not followed any more."""
        return self.steps > MAX_STEPS or self.added > MAX_ADDED

    @property
    def defects(self) -> tuple[str, ...]:
        """Say what was left out."""
        return (TOO_MUCH,) if self.exhausted else ()

    def start(self, tag: str, attributes: Attributes) -> None:
        """Note that an element starts, and put what the sheet says of it into its style."""
        if self.exhausted:
            return
        element, candidates = self._candidates(tag, attributes)
        if self.sheet.deep:
            self._end_implied(tag)
        rules = [rule for rule in candidates if self._is_below(rule)]
        if rules:
            attributes["style"] = self._merged(rules, attributes.get("style", ""))
        if self.sheet.deep and tag not in VOID and len(self._open) <= MAX_OPEN:
            self._open.append(element)

    def end(self, tag: str) -> None:
        """Note that an element ends, with what is open in it."""
        if not self.sheet.deep or self.exhausted:
            return
        for index in range(len(self._open) - 1, -1, -1):
            self.steps += 1
            if self._open[index][0] == tag:
                del self._open[index:]
                return

    def _candidates(self, tag: str, attributes: Attributes) -> tuple[Element, tuple[Rule, ...]]:
        written = (tag, attributes.get("class", ""), attributes.get("id", ""))
        if written not in self._known:
            self._known[written] = self._looked_up(*written)
        return self._known[written]

    def _looked_up(self, tag: str, classes: str, name: str) -> tuple[Element, tuple[Rule, ...]]:
        words = classes[:2000].lower().split()[:MAX_CLASSES]
        element = (tag, frozenset(words), name.strip().lower())
        keys = [tag, *(f".{word}" for word in element[1])]
        if element[2]:
            keys.append(f"#{element[2]}")
        found = [rule for key in keys for rule in self.sheet.rules.get(key, ())]
        self.steps += 1 + len(found)
        fitting = (rule for rule in found if rule.compound.fits(element))
        return element, tuple(sorted(fitting, key=lambda rule: rule.weight))

    def _is_below(self, rule: Rule) -> bool:
        self.steps += 1
        if not rule.above:
            return True
        return len(self._open) <= MAX_OPEN and self._above(rule, len(rule.above) - 1, -1)

    def _above(self, rule: Rule, number: int, start: int) -> bool:
        """Find the ancestor ``number`` of a rule among what is open, from ``start`` outwards."""
        if number < 0:
            return True
        wanted = rule.above[number]
        for index in range(len(self._open) + start, -1, -1):
            self.steps += 1
            if self.exhausted:
                return False
            rest = index - len(self._open) - 1
            if wanted.fits(self._open[index]) and self._above(rule, number - 1, rest):
                return True
            if wanted.child:
                return False
        return False

    def _merged(self, rules: list[Rule], own: str) -> str:
        """Put normal rules before the element's own style, and important ones after it."""
        normal = ";".join(rule.normal for rule in rules if rule.normal)[-MAX_STYLE:]
        important = ";".join(rule.important for rule in rules if rule.important)[-MAX_STYLE:]
        self.added += len(normal) + len(important)
        return ";".join(filter(None, (normal, own[:MAX_STYLE].strip().rstrip(";"), important)))

    def _end_implied(self, tag: str) -> None:
        ended, barrier = _ENDS.get(tag, (frozenset(), frozenset()))
        if not ended:
            return
        for index in range(len(self._open) - 1, -1, -1):
            self.steps += 1
            name = self._open[index][0]
            if name in ended:
                del self._open[index:]
                return
            if name in barrier:
                return
