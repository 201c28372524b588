"""Names of HTML elements: those that mail may keep, and what others become."""

from __future__ import annotations


def names(text: str) -> frozenset[str]:
    """Read a row of names."""
    return frozenset(text.split())


VOID = frozenset({"br", "hr", "img", "wbr", "col"})
FORMATTING = names("a b big code em font i nobr s small strike strong tt u")  # HTML 13.2.4.3
_SELF_CLOSING = names("p li dd dt tr td th thead tbody tfoot colgroup caption rp rt")
CONTAINERS = names(
    "abbr acronym address article aside bdi bdo blockquote center cite del dfn div dl figcaption"
    " figure footer h1 h2 h3 h4 h5 h6 header ins kbd main mark nav ol pre q ruby samp section span"
    " sub sup table time ul var"
)
KNOWN = VOID | FORMATTING | _SELF_CLOSING | CONTAINERS

SAME_AS = {
    "body": "div",
    "form": "div",
    "fieldset": "div",
    "legend": "div",
    "details": "div",
    "summary": "div",
    "dialog": "div",
    "hgroup": "div",
    "search": "div",
    "optgroup": "div",
    "option": "div",
    "dir": "ul",
    "menu": "ul",
    "listing": "pre",
    "image": "img",
    "strike": "s",
}
"""Elements that are written under another name."""
