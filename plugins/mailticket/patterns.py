r"""Patterns as operators write them: PCRE between delimiters, with flags, as in ``/^on .+:$/im``.

One search costs a bounded number of steps, whatever the pattern and the text. PCRE2 counts its
steps anew at every position where a match may start, so that a text of many lines can take
minutes under any limit; here the walk along the text is part of the pattern (``.*?\K``), and one
count covers the whole search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pcre2  # noqa: TID251  this file owns it

from mailticket.charsets import surely_storable

MAX_PATTERN = 10_000
"""Characters of one pattern."""
MAX_TEXT = 100_000
"""Characters of a text that are searched; what comes after is not looked at."""
MAX_SUBJECT = 1000
"""Characters of a subject that are searched: the rules of a run ask about it in the worker itself,
and the worst of patterns takes half a minute on 100,000 letters, 3 ms on these."""
MAX_FOUND = 10_000
"""Matches that ``finditer`` gives of one text."""
STEPS = 400_000
"""Steps of one search, the walk of one a character included. A step may scan a whole run of like
characters, so that one of the worst patterns takes 4 s on ``MAX_TEXT`` characters that are all
alike (each alternative as much again), 0.01 s on a line of a mail."""
SHOWN = 80
"""Characters of a pattern in a sentence about it."""

FLAGS = "imsxUJnADuSX"
_INLINE = "imsxUJn"
_DOLLAR_ENDONLY = 0x10  # PCRE2_DOLLAR_ENDONLY, which the binding has no name for
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_HEAP = 65_536  # KiB

# Verbs that PCRE2 takes at the very start of a pattern only.
_START_VERBS = re.compile(
    r"(?:\(\*(?:UTF|UCP|NO_JIT|NO_AUTO_POSSESS|NO_START_OPT|NO_DOTSTAR_ANCHOR|NOTEMPTY"
    r"|NOTEMPTY_ATSTART|LIMIT_(?:MATCH|DEPTH|HEAP|RECURSION)=\d+|CR|LF|CRLF|ANYCRLF|ANY|NUL"
    r"|BSR_ANYCRLF|BSR_UNICODE)\))*"
)
# Recursion into the whole pattern, and verbs that speak of the position where a match starts,
# mean something else once the walk is part of the pattern.
_OWN_WALK = re.compile(r"\(\?[R0]\)|\\g[<']0[>']|\(\*(?:PRUNE|SKIP)")
_ESCAPE = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\x\{([0-9A-Fa-f]+)\}|\\x([0-9A-Fa-f]?)(?![0-9A-Fa-f{])|\\.",
    re.DOTALL,
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Found:
    """One match; ``start`` and ``end`` count characters of the normalised text."""

    start: int
    end: int
    text: str
    groups: tuple[str | None, ...]
    """``None`` for a group that took no part."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern; ``text`` is what the operator wrote."""

    text: str
    _source: str
    _options: int
    _walks: bool
    """The walk along the text is part of ``_source``, so one count of steps bounds a search."""

    def search(
        self, text: str, defects: list[str] | None = None, most: int = MAX_TEXT
    ) -> Found | None:
        """Find the first match in the first ``most`` characters of the normalised ``text``.

        A search that is cut off counts as no match, and says so in ``defects``.
        """
        return self._next(_bounded(self.text, text, defects, most), 0, defects)

    def finditer(self, text: str, defects: list[str] | None = None) -> Iterator[Found]:
        """Find all matches that do not overlap, ``MAX_FOUND`` at most."""
        subject = _bounded(self.text, text, defects, MAX_TEXT)
        position = 0
        for _ in range(MAX_FOUND):
            found = self._next(subject, position, defects)
            if found is None:
                return
            yield found
            position = found.end + (found.start == found.end)
            if position > len(subject):
                return
        _note(defects, f"the pattern {_short(self.text)} matches more than {MAX_FOUND} times")

    def _next(self, subject: str, position: int, defects: list[str] | None) -> Found | None:
        try:
            match = self._match(subject, position)
        except pcre2.LibraryError as error:
            _note(
                defects,
                f"the pattern {_short(self.text)} was cut off and counts as no match: {error.msg}",
            )
            return None
        if match is None:
            return None
        start, end = match.span()
        return Found(start, end, subject[start:end], match.groups())

    def _match(self, subject: str, position: int) -> Any:
        try:
            return _code(self._source, self._options, jit=True).search(subject, position)
        except pcre2.LibraryError as error:
            if "JIT" not in error.msg or not self._walks:
                raise
        # The compiled form has a stack of 32 KiB only; the interpreter takes the heap.
        return _code(self._source, self._options, jit=False).search(subject, position)


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """Compile ``/pattern/flags``; raises ``ValueError`` with a sentence that says what is wrong."""
    if len(text) > MAX_PATTERN:
        raise ValueError(f"the pattern is longer than {MAX_PATTERN} characters")
    if _UNSTORABLE.search(text):
        raise ValueError("the pattern holds a NUL or half a surrogate pair; write \\x00 for a NUL")
    body, flags = _split(text)
    verbs = _START_VERBS.match(body)
    start = verbs.end() if verbs else 0
    inline = "".join(flag for flag in _INLINE if flag in flags)
    options = _DOLLAR_ENDONLY if "D" in flags else 0
    head = f"(*LIMIT_MATCH={STEPS})(*LIMIT_HEAP={_HEAP})(*BSR_UNICODE){body[:start]}"
    rest = f"(?{inline})" if inline else ""
    _check(head + rest, _unescape(body[start:]), options, shown_from=start)
    own_walk = _OWN_WALK.search(body) is not None
    walk = r"\G" if "A" in flags else "" if own_walk else r"\G(?s:.*?)\K"
    limit = "(*LIMIT_MATCH=20000)" if own_walk else ""
    source = _walking(limit + head, walk, rest + _unescape(body[start:]), options)
    return Pattern(text, source, options, not own_walk)


def normalise(text: str) -> str:
    r"""Turn CRLF and CR into LF, and NUL and lone surrogates into U+FFFD."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if surely_storable(text):
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def _split(text: str) -> tuple[str, str]:
    """Take the delimiters off: ``("pattern", "flags")``."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("the pattern is empty; write it between delimiters, as in /^Out of/i")
    opening = stripped[0]
    if opening.isalnum() or opening == "\\" or opening.isspace():
        raise ValueError("the pattern has no delimiters; write it as in /^Out of office/i")
    closing = _CLOSING.get(opening, opening)
    end = stripped.rfind(closing)
    if end <= 0:
        raise ValueError(f"the closing delimiter {closing} is missing; write it as in /^Out of/i")
    flags = re.sub(r"\s", "", stripped[end + 1 :])
    for flag in flags:
        if flag not in FLAGS:
            raise ValueError(f"the flag {flag!r} is not known; allowed are {' '.join(FLAGS)}")
    return stripped[1:end], flags


def _unescape(body: str) -> str:
    r"""Write ``\x{41}`` and ``\x4`` so that the binding, which follows ECMAScript, takes them."""

    def rewritten(match: re.Match[str]) -> str:
        if match[1] is not None:
            return f"\\N{{U+{match[1]}}}"
        return f"\\x{match[2]:0>2}" if match[2] is not None else match[0]

    return _ESCAPE.sub(rewritten, body)


def _check(head: str, body: str, options: int, shown_from: int) -> None:
    """Compile the pattern by itself, so that a stray parenthesis cannot close our own group."""
    try:
        _code(head + body, options, jit=False)
    except pcre2.PatternError as error:
        reason = error.msg.split("; ", 1)[-1]
        position = max(0, min(error.pos - len(head), len(body))) + shown_from
        raise ValueError(f"it does not compile: {reason}, at character {position}") from None
    except (pcre2.LibraryError, MemoryError) as error:
        raise ValueError(f"it does not compile: {error}") from None


def _walking(head: str, walk: str, body: str, options: int) -> str:
    """Give the source that is searched with: the pattern in a group of ours, behind ``walk``."""
    if not walk:
        return head + body
    # A comment (flag x) or \\Q may run to the end of the pattern and swallow our parenthesis.
    for close in (")", "\n)", "\\E)"):
        source = f"{head}{walk}(?:{body}{close}"
        try:
            _code(source, options, jit=False)
        except pcre2.LibraryError:
            continue
        return source
    raise ValueError("it does not compile: it ends within a comment or a quotation")


@lru_cache(maxsize=4096)
def _code(source: str, options: int, *, jit: bool) -> Any:
    return pcre2.compile(source, options, jit=jit)


def _bounded(pattern: str, text: str, defects: list[str] | None, most: int) -> str:
    if len(text) <= most:
        return normalise(text)
    _note(
        defects,
        f"the pattern {_short(pattern)} was looked for in the first {most} characters only",
    )
    return normalise(text[:most])


def _note(defects: list[str] | None, sentence: str) -> None:
    if defects is not None and sentence not in defects:
        defects.append(sentence)


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= SHOWN else f"{pattern[: SHOWN - 1]}…"
