"""Whether a mail answers another one: only then what it quotes may be cut."""

from __future__ import annotations

import re

from mailticket.body import Source
from mailticket.message import HeaderSection
from mailticket.quotation import Answers, is_called_forward, may_quote

_REPLY_SUBJECT = re.compile(
    r"^\s*(?:\[[^\]]{1,60}\]\s*)?"
    r"(?:re|aw|antw|antwort|sv|vs|ref|rif|r|odp|ynt|res|ré|rép|回复|回覆|答复|答覆|返信|回信|回復|답장|vá|απ|σχετ|отв|ответ|відп|رد|השב|tr\s*:\s*re)"
    r"\s*(?:\[\d+\]|\(\d+\)|\*\d+|\^\d+)?\s*[:：]",
    re.IGNORECASE,
)
_LOOKED_THROUGH = 400_000


def answers(header: HeaderSection, source: Source) -> Answers:
    """Tell whether a mail answers another one; one that passes another one on does not."""
    is_html = source.content_type == "text/html"
    text = source.text[:_LOOKED_THROUGH]
    if is_called_forward(header.subject, text):
        return Answers.NO
    if header.in_reply_to or header.references or _REPLY_SUBJECT.match(header.subject):
        return Answers.YES
    if header.automatic is not None and header.automatic.kind != "list":
        return Answers.NO  # what a machine says that somebody wrote is its message
    if not is_html:
        return Answers.PERHAPS
    return Answers.PERHAPS if may_quote(text) else Answers.NO
