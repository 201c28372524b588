"""Whether a mail passes another one on, by its subject and by its text."""

from __future__ import annotations

import re

from mailticket import quotation_languages as languages
from mailticket.patterns import normalise
from mailticket.quotation_headers import label_of
from mailticket.quotation_line import text_line
from mailticket.quotation_lines import is_forwarded_body
from mailticket.quotation_marks import plain

_TAG = re.compile(r"\[[^\]]{0,80}\] ?")
_PREFIX = re.compile(r"([^\W\d_][\w\-' ]{0,24}?) ?(?:\[\d{1,3}\]|\(\d{1,3}\))?\.? ?: ?")
_MARKUP = re.compile(r"</?(?:b|strong|span|font|div|p|td|br|a)\b[^<>]{0,500}>", re.IGNORECASE)
_FORWARD = frozenset(languages.FORWARD_SUBJECT.split("|"))
_SCANDINAVIAN_SENDER = "fra"


def is_forward(subject: str, text: str) -> bool:
    """Tell whether the subject's first prefix, or the text's first mark, says "forwarded"."""
    if is_called_forward(subject, text):
        return True
    return is_forwarded_body([text_line(line) for line in normalise(text).split("\n")])


def is_called_forward(subject: str, text: str) -> bool:
    """Tell whether the subject's first prefix says "forwarded"; "VS" does in some languages."""
    prefix = _prefix(subject)
    if prefix != languages.FORWARD_OR_ANSWER_SUBJECT:
        return prefix in _FORWARD
    return _has_scandinavian_header(_MARKUP.sub("\n", normalise(text)).split("\n"))


def _prefix(subject: str) -> str:
    """Give the first prefix of a subject, lower-case, behind tags such as ``[R-000001]``."""
    subject = plain(subject)
    while tag := _TAG.match(subject):
        subject = subject[tag.end() :]
    found = _PREFIX.match(subject)
    return found[1].lower().replace("\u0307", "") if found else ""


def _has_scandinavian_header(lines: list[str]) -> bool:
    labels = (line for line in map(plain, lines) if label_of(line))
    return any(line.lower().startswith(_SCANDINAVIAN_SENDER) for line in labels)
