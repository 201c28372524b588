"""The new part of a reply, from HTML and from text (SPEC 3.6).

One algorithm for both: ``quotation_lines``. Text comes as its lines (``quotation_text``), HTML as
the rows that a reader sees (``quotation_tree``), with what its elements say beside
(``quotation_elements``). What programs write around a quote, and in which languages, is in
``quotation_marks``, ``quotation_headers`` and ``quotation_languages``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailticket import quotation_evidence, quotation_forward
from mailticket.options import Quoting
from mailticket.quotation_html import split_html
from mailticket.quotation_text import split_text

_BUILT_IN = Quoting()


class Answers(Enum):
    """Whether a mail answers another one, so that what it quotes may be cut."""

    NO = "no"
    PERHAPS = "perhaps"
    """Its header section says nothing: what a mail program wrote into its body decides."""
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Cut:
    """A body in two: ``kept`` is what the sender wrote, ``cut`` what he quoted."""

    kept: str
    cut: str = ""


def new_part_of_text(
    text: str,
    quoting: Quoting = _BUILT_IN,
    defects: list[str] | None = None,
    *,
    answers: bool = True,
) -> Cut:
    """Split a plain-text body; patterns that were cut off are told in ``defects``.

    Without ``answers`` nothing else says that this is a reply: it is cut only where something that
    a mail program alone writes stands in it.
    """
    return Cut(*split_text(text, quoting, [] if defects is None else defects, answers=answers))


def new_part_of_html(
    html: str,
    quoting: Quoting = _BUILT_IN,
    defects: list[str] | None = None,
    *,
    answers: bool = True,
) -> Cut:
    """Split an HTML body, decoded but not sanitised; neither half is sanitised either.

    ``answers`` as for text.
    """
    return Cut(*split_html(html, quoting, [] if defects is None else defects, answers=answers))


def may_quote(html: str) -> bool:
    """Tell whether HTML may quote a message: cheap, and wrong in that direction only."""
    return quotation_evidence.may_quote(html)


def is_called_forward(subject: str, text: str) -> bool:
    """Tell whether the subject says "forwarded"; for "VS" the text has to tell the language."""
    return quotation_forward.is_called_forward(subject, text)


def is_forward(subject: str, text: str) -> bool:
    """Tell whether a mail passes another one on: then nothing of it is cut.

    The first prefix of the subject decides ("Re: Fwd: x" answers, "Fwd: Re: x" does not), or what
    ``text``, the body as text, says above its first older message.
    """
    return quotation_forward.is_forward(subject, text)
