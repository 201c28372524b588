"""Whether a mail answers another one: only then what it quotes may be cut."""

from __future__ import annotations

import re

from mailticket.body import Source
from mailticket.message import HeaderSection
from mailticket.quotation import is_forward

_REPLY_SUBJECT = re.compile(
    r"^\s*(?:\[[^\]]{1,60}\]\s*)?"
    r"(?:re|aw|antw|antwort|sv|vs|ref|rif|r|odp|ynt|res|ré|rép|回复|回覆|答复|答覆|返信|tr\s*:\s*re)"
    r"\s*(?:\[\d+\]|\(\d+\)|\*\d+|\^\d+)?\s*[:：]",
    re.IGNORECASE,
)
_CLEAR_QUOTE = re.compile(
    r"class=[\"']?(?:gmail_quote|moz-cite-prefix|yahoo_quoted|protonmail_quote)"
    r"|<blockquote[^>]{0,200}type=[\"']?cite|id=[\"']?(?:divRplyFwdMsg|appendonsend)"
    r"|^(?:On|Le|Am|El|Il|Op|Em|W dniu) [^\n]{5,200}"
    r"(?:wrote|écrit|schrieb|escribió|scritto|schreef|escreveu|napisał[^\n]{0,20})\s?:\s*$"
    # Outlook's block of fields, in text and by its line above it in HTML.
    r"|^(?:From|Von|De|Da|Van|Od)\s?: [^\n]{1,300}\n"
    r"(?:Sent|Gesendet|Envoyé|Enviado|Inviato|Verzonden|Wysłano)(?: el| em)?\s?: [^\n]{4,100}\n"
    r"|border-top:\s?solid #(?:E1E1E1|B5C4DF) 1\.0pt"
    r"|<b>(?:<span[^>]{0,200}>)?(?:From|Von|De|Da|Van|Od)\s?:[\s\S]{0,1000}?"
    r"<b>(?:<span[^>]{0,200}>)?(?:Sent|Gesendet|Envoyé|Enviado|Inviato|Verzonden|Wysłano)\s?:",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTE_WORDS = (
    *("gmail_quote", "moz-cite-prefix", "yahoo_quoted", "protonmail_quote", "<blockquote"),
    *("divrplyfwdmsg", "appendonsend", "border-top:", "wrote", "écrit", "schrieb", "escribió"),
    *("scritto", "schreef", "escreveu", "napisał", "enviado", "inviato", "verzonden", "wysłano"),
    *("\nsent", ">sent", "\ngesendet", ">gesendet", "\nenvoyé", ">envoyé"),
)
"""One of these is in whatever ``_CLEAR_QUOTE`` finds; looking for them costs a third."""
_LOOKED_THROUGH = 400_000


def is_reply(header: HeaderSection, source: Source) -> bool:
    """Tell whether a mail answers another one, so that what it quotes may be cut."""
    text = source.text[:_LOOKED_THROUGH]
    if is_forward(header.subject, "" if source.content_type == "text/html" else text):
        return False
    if header.in_reply_to or header.references or _REPLY_SUBJECT.match(header.subject):
        return True
    folded = text.casefold()
    return any(word in folded for word in _QUOTE_WORDS) and bool(_CLEAR_QUOTE.search(text))
