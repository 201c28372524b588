"""Which parts are the body and which are attached (RFC 2046, 5.1; RFC 8621, 4.1.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailticket.parts import Part

BODY_TYPES = frozenset(
    {
        "text/plain",
        "text/html",
        "text/enriched",
        "text/richtext",
        "text/markdown",
        "text/x-markdown",
    }
)
_OTHER_FORMS = BODY_TYPES | {"text/x-amp-html", "text/watch-html", "application/xhtml+xml"}
_ENCRYPTED_TYPES = frozenset({"application/pgp-encrypted"})
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_VISIBLE = re.compile(rb"<img|<svg|<video|>[^<]*[^<\s&]", re.IGNORECASE)
_SMALL = 4000
"""Bytes: a longer HTML part is never looked through for being empty."""


@dataclass(slots=True)
class Choice:
    """The parts of the body in their order, and those that are attached."""

    body: list[Part] = field(default_factory=list)
    attached: list[Part] = field(default_factory=list)
    encrypted: bool = False


def choose(root: Part, order: tuple[str, ...]) -> Choice:
    """Sort the parts of a mail into body and attachments, preferring the types first in order."""
    choice = Choice()
    _Sorter(choice, order).sort(root, first=True)
    return choice


def disposition(part: Part) -> str:
    """Give the disposition: ``attachment``, ``inline`` or ``""``."""
    return part.disposition.value


def written_name(part: Part) -> str:
    """Give the file name as the sender declared it, decoded."""
    for parameters, key in (
        (part.disposition, "filename"),
        (part.type_parameters, "name"),
        (part.disposition, "name"),
        (part.type_parameters, "filename"),
    ):
        if name := parameters.get(key).strip():
            return name
    return ""


class _Sorter:
    """Walks the tree; its depth is bounded by ``limit_depth``."""

    def __init__(self, choice: Choice, order: tuple[str, ...]) -> None:
        self.choice = choice
        self.order = order

    def sort(self, part: Part, *, first: bool, related: bool = False) -> None:
        if not part.is_multipart:
            self._leaf(part, first=first, related=related)
        elif disposition(part) == "attachment":
            self._attach_all(part)
        else:
            self._container(part, first=first)

    def _container(self, part: Part, *, first: bool) -> None:
        match part.content_type:
            case "multipart/alternative":
                self._alternative(part, first=first)
            case "multipart/related":
                self._related(part, first=first)
            case "multipart/encrypted":
                self.choice.encrypted = True
                self._attach_all(part)
            case "multipart/signed" | "multipart/report":
                self.sort(part.children[0], first=first)
                for child in part.children[1:]:
                    self._attach_all(child)
            case _:
                for index, child in enumerate(part.children):
                    self.sort(child, first=first and index == 0)

    def _leaf(self, part: Part, *, first: bool, related: bool) -> None:
        if part.content_type in _ENCRYPTED_TYPES or _is_enveloped(part):
            self.choice.encrypted = True
        if not related and may_be_body(part, first=first):
            self.choice.body.append(part)
        else:
            self.choice.attached.append(part)

    def _attach_all(self, part: Part) -> None:
        self.choice.attached.extend(leaf for leaf in part.walk() if not leaf.is_multipart)

    def _related(self, part: Part, *, first: bool) -> None:
        """RFC 2387: ``start`` names the root, else it is the first that can be a body."""
        start = part.type_parameters.get("start").strip("<> ")
        named = [child for child in part.children if start and _content_id(child) == start]
        able = [child for child in part.children if _forms(child)]
        root = next((child for child in [*named, *able] if _forms(child)), None)
        for child in part.children:
            self.sort(child, first=first and child is root, related=child is not root)

    def _alternative(self, part: Part, *, first: bool) -> None:
        chosen = self._best(part.children)
        for child in part.children:
            if child is chosen or _another_text(child, chosen):
                self.sort(child, first=first)
            else:
                self.choice.attached.extend(_not_a_form(child))

    def _best(self, children: tuple[Part, ...]) -> Part | None:
        """Give the last child (RFC 2046: the best) that has the form most wanted."""
        forms = [(child, _forms(child)) for child in children]
        for wanted in (*self.order, *sorted(BODY_TYPES, reverse=True)):
            for child, offered in reversed(forms):
                if wanted in offered:
                    return child
        return None


def _another_text(child: Part, chosen: Part | None) -> bool:
    """Tell whether a misused alternative has a second text of the chosen type: both are read."""
    if chosen is None or chosen.is_multipart or child.content_type != chosen.content_type:
        return False
    return child.encoded.strip() != chosen.encoded.strip() and may_be_body(child, first=False)


def may_be_body(part: Part, *, first: bool) -> bool:
    """Tell whether a leaf is shown as text: a named one only when it is the first of all."""
    if part.content_type not in BODY_TYPES or disposition(part) == "attachment":
        return False
    return first or not written_name(part)


def _forms(part: Part) -> set[str]:
    """Give the types of text that a part offers as a body."""
    return {
        leaf.content_type
        for leaf in part.walk()
        if not leaf.is_multipart and may_be_body(leaf, first=True) and not _is_blank(leaf)
    }


def _is_blank(part: Part) -> bool:
    """Tell whether a short HTML part shows nothing: some programs send an empty alternative."""
    if part.end - part.start > _SMALL:
        return False
    if part.content_type != "text/html":
        return not part.encoded.strip()
    octets = b">" + part.payload().octets
    return _VISIBLE.search(re.sub(rb"&nbsp;|<(?:title|style)[^>]*>[^<]*<", b"<", octets)) is None


def _not_a_form(part: Part) -> list[Part]:
    """Give what an alternative that was not chosen carries beside its text."""
    leaves = [leaf for leaf in part.walk() if not leaf.is_multipart]
    if not part.is_multipart:
        return [leaf for leaf in leaves if leaf.content_type not in _OTHER_FORMS]
    return [leaf for leaf in leaves if not may_be_body(leaf, first=False)]


def _is_enveloped(part: Part) -> bool:
    """RFC 8551, 3.2: an application/pkcs7-mime is encrypted unless it says otherwise."""
    if part.content_type not in _ENVELOPES:
        return False
    kind = part.type_parameters.get("smime-type").lower()
    return kind not in ("signed-data", "certs-only", "compressed-data", "signed-receipt")


def _content_id(part: Part) -> str:
    return part.section.first("content-id").decode("latin-1").strip("<> ")
