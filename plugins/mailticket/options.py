"""How a mail is to be read: the part of an inbox's configuration that the decoders need."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailticket.message import Limits


@dataclass(frozen=True, slots=True)
class PatternSet:
    """A configurable list: the built-in one, another one instead, or more beside it."""

    instead: tuple[str, ...] | None = None
    """``None``: the built-in set stays; a tuple, even an empty one, replaces it."""
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quoting:
    """What marks the old part of a reply (SPEC 3.6)."""

    introductory: PatternSet = PatternSet()
    delimiter: PatternSet = PatternSet()
    multiline_delimiter: PatternSet = PatternSet()
    html_tags_to_remove: PatternSet = PatternSet()
    """Entries ``tag`` or ``tag.class``, as CSS writes them: ``blockquote``, ``div.gmail_quote``."""


_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """Everything that ``parsing.parse`` may be told."""

    limits: Limits = _LIMITS
    body_parts_order: tuple[str, ...] = ("text/html", "text/plain")
    exclude_attachment_types: tuple[str, ...] = ("application/exe",)
    """MIME types, wildcards and extensions; ``application/exe`` stands for every executable."""
    images_minimum_size: tuple[int, int] = (100, 20)
    """Width, height in pixels: below in either, an image is left out."""
    images_maximum_size: tuple[int, int] | None = None
    """Width, height in pixels: above in either, an image is reduced."""
    quoting: Quoting = field(default_factory=Quoting)
