"""The new part of a reply, from HTML and from text (SPEC 3.6).

One algorithm for both: ``quotation_lines``. Text comes as its lines (``quotation_text``), HTML as
the rows that a reader sees (``quotation_tree``), with what its elements say beside
(``quotation_elements``). What programs write around a quote, and in which languages, is in
``quotation_marks``, ``quotation_headers`` and ``quotation_languages``.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailticket import quotation_forward
from mailticket.options import Quoting
from mailticket.quotation_html import split_html
from mailticket.quotation_text import split_text

_BUILT_IN = Quoting()


@dataclass(frozen=True, slots=True)
class Cut:
    """A body in two: ``kept`` is what the sender wrote, ``cut`` what he quoted."""

    kept: str
    cut: str = ""


def new_part_of_text(
    text: str, quoting: Quoting = _BUILT_IN, defects: list[str] | None = None
) -> Cut:
    """Split a plain-text body; patterns that were cut off are told in ``defects``."""
    return Cut(*split_text(text, quoting, [] if defects is None else defects))


def new_part_of_html(
    html: str, quoting: Quoting = _BUILT_IN, defects: list[str] | None = None
) -> Cut:
    """Split an HTML body, decoded but not sanitised; neither half is sanitised either."""
    return Cut(*split_html(html, quoting, [] if defects is None else defects))


def is_forward(subject: str, text: str) -> bool:
    """Tell whether a mail passes another one on: then nothing of it is cut.

    The first prefix of the subject decides ("Re: Fwd: x" answers, "Fwd: Re: x" does not), or what
    ``text``, the body as text, says above its first older message.
    """
    return quotation_forward.is_forward(subject, text)
