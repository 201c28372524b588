"""Plain text: format=flowed put together again (RFC 3676), and text turned into HTML."""

from __future__ import annotations

import re
from html import escape

_SIGNATURE = "-- "
_LINK = re.compile(
    r"(?<![\w@])(?:(?P<url>(?:https?|ftp)://[^\s<>\"'`]{1,2000})|(?P<www>www\.[^\s<>\"'`]{3,2000})"
    r"|(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}))"
)
_LINKED_AT_MOST = 500_000
"""Characters of a paragraph in which links are looked for."""
_TRAILING = ".,;:!?)]}'\"»”’>"
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_OF_LINKS = ("://", "www.", "@")
"""Each link has one of these."""
_BLANKS = (" ", "\t")
_INDENTS = ("  ", "\n ", "\n\t")
"""Each indent has one of these, but for that of the first line."""
_INDENT = re.compile(r"^[ \t]+|(?<= ) +", re.MULTILINE)


def unflowed(text: str, *, delsp: bool) -> str:
    """Join the soft line breaks of ``format=flowed``; quotes keep one ``> `` a level."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flowed = content.endswith(" ") and content != _SIGNATURE
        if flowed and delsp:
            content = content[:-1]
        if open_depth == depth and content != _SIGNATURE:
            out.append(content)
        else:
            out.append(("\n" if out else "") + (">" * depth + " " if depth else "") + content)
        open_depth = depth if flowed else -1
    return "".join(out)


def html_of(text: str) -> str:
    """Turn text into HTML: paragraphs, line breaks, indents and links stay."""
    paragraphs = (piece for piece in _PARAGRAPHS.split(text.strip("\n")) if piece.strip())
    return "\n".join(f"<p>{_paragraph(piece)}</p>" for piece in paragraphs)


def _paragraph(text: str) -> str:
    text = _linked(text.rstrip())
    if text[:1] in _BLANKS or any(sign in text for sign in _INDENTS):
        text = _INDENT.sub(_hard_blanks, text)
    return text.replace("\n", "<br>\n")


def _hard_blanks(blanks: re.Match[str]) -> str:
    return blanks[0].replace("\t", "    ").replace(" ", "\u00a0")


def _linked(text: str) -> str:
    if not any(sign in text for sign in _OF_LINKS):
        return escape(text, quote=False)
    out: list[str] = []
    end = 0
    for match in _LINK.finditer(text, 0, _LINKED_AT_MOST):
        written = match[0].rstrip(_TRAILING) if match["mail"] is None else match[0]
        if written.count("(") > written.count(")") and match[0][len(written) :].startswith(")"):
            written += ")"
        target = {"www": "http://", "mail": "mailto:"}.get(match.lastgroup or "", "") + written
        out.append(escape(text[end : match.start()], quote=False))
        out.append(
            f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer nofollow">'
        )
        out.append(f"{escape(written, quote=False)}</a>")
        end = match.start() + len(written)
    out.append(escape(text[end:], quote=False))
    return "".join(out)
