"""Which lines of a body are old: the algorithm of SPEC 3.6, the same for text and for HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from mailticket.quotation_evidence import is_name_and_verb, opens_with_introduction
from mailticket.quotation_headers import (
    header_block_at,
    is_evident_block_at,
    is_raw_field,
    label_of,
)
from mailticket.quotation_introduction import (
    Introduction,
    Span,
    ends_like_introduction,
    introduction_ending_at,
)
from mailticket.quotation_line import BuiltIn, Line, Old, next_shown
from mailticket.quotation_marks import (
    is_forwarded_message,
    is_original_message,
    is_separator,
    is_tail_of_introduction,
    names_original_message,
    plain,
)
from mailticket.quotation_notes import is_preview
from mailticket.quotation_quoted import first_quoted_below

_INITIALS = re.compile(r"[A-Z][A-Za-z]{0,3}>(?: |$)")
MOST_INTRODUCTIONS = 1000
"""Lines of a body that are looked at for being the end of an introduction: 2 ms at the worst."""
_BUILT_IN = BuiltIn()
_PROMPT = re.compile(r"[ \t]*>>>(?: |$)")


def old_lines(lines: Sequence[Line], built_in: BuiltIn = _BUILT_IN, *, answers: bool = True) -> Old:
    """Find the lines to cut: none when the mail is forwarded or when nothing would remain.

    Cuts to the end first; if nothing remains, only quotes; if still nothing, nothing. A mail that
    nothing else calls a reply (``answers``) has to show that a mail program quoted in it.
    """
    body = _Body(lines, built_in)
    end = body.start_of_old_message()
    spans = tuple(span for span in body.introductions(end) if not body.is_announced(span, end))
    if body.is_forwarded(spans, end) or not (answers or body.quotes_evidently(spans, end)):
        return Old(frozenset(), len(lines))
    unmarked = body.start_of_unmarked_quote(spans, end)
    for stop, introducing in ((unmarked, spans), (end, body.above_quotes(spans, end))):
        stop_above = body.with_separators_above(stop)
        old = body.quotes(introducing) | set(range(stop_above, len(lines)))
        if any(body.matters(at) for at in range(len(lines)) if at not in old):
            return Old(frozenset(old), stop_above)
    return Old(frozenset(), len(lines))


def is_forwarded_body(lines: Sequence[Line]) -> bool:
    """Tell whether the first mark of an older message says that it is passed on."""
    body = _Body(lines, BuiltIn())
    end = body.start_of_old_message()
    return body.is_forwarded(tuple(body.introductions(end)), end)


class _Body:
    """The lines of one body, as they are and as ``plain`` makes them."""

    def __init__(self, lines: Sequence[Line], built_in: BuiltIn) -> None:
        self.lines = lines
        self.built_in = built_in
        self.plain = [plain(line.text) for line in lines]
        self.quoted = [self._is_quoted(at) for at in range(len(lines))]
        self.next = next_shown([self.shows(at) for at in range(len(lines))])
        self.marked: set[int] = set()
        """Lines above quoted ones, from a mark on: more of the sender's may follow the quote."""
        self.tried = 0
        """Lines that were looked at for being the end of an introduction."""

    def _is_quoted(self, at: int) -> bool:
        line = self.lines[at]
        if not line.quoted or line.certain:
            return line.quoted
        if is_original_message(self.plain[at]):
            return False
        above = " ".join(self.plain[max(0, at - 3) : at])
        return not is_tail_of_introduction(self.plain[at], above)

    def shows(self, at: int) -> bool:
        """Tell whether a line is not blank."""
        return bool(self.plain[at]) or self.lines[at].media

    def matters(self, at: int) -> bool:
        """Tell whether somebody wrote this line, or put an image there."""
        return self.lines[at].media or (bool(self.plain[at]) and not is_separator(self.plain[at]))

    def start_of_old_message(self) -> int:
        """Find the earliest header block or its like outside of quotes; the length if none."""
        at = 0
        while at < len(self.lines):
            below = None
            if self.shows(at) and not self.quoted[at] and self._starts_old(at):
                below = first_quoted_below(self.plain, self.quoted, at)
                if below is None:
                    return at
                self.marked.update(range(at, below))
            at = below or at + 1
        return len(self.lines)

    def _starts_old(self, at: int) -> bool:
        if self.lines[at].starts_old_message:
            return True
        if not self.built_in.header_blocks:
            return False
        return is_original_message(self.plain[at]) or header_block_at(self.plain, at)

    def with_separators_above(self, end: int) -> int:
        """Take dashes, blanks and the words "Original Message" that stand above the end with it."""
        if end == len(self.lines):
            return end
        while end > 0 and not self.quoted[end - 1] and not self._stands_alone(end - 1):
            end -= 1
        return end

    def _stands_alone(self, at: int) -> bool:
        text = self.plain[at]
        return self.matters(at) and not (names_original_message(text) or is_preview(text))

    def introductions(self, end: int) -> Iterator[Span]:
        """Find the lines above a quote that say who wrote it and when, in order."""
        free = 0
        for at in range(end):
            span = None if self.quoted[at] else self._introduction_at(at, end)
            if span is not None:
                yield Span(max(span.first, free), at, span.rank, span.certain)
                free = at + 1

    def _introduction_at(self, at: int, end: int) -> Span | None:
        if self.lines[at].attribution:
            return Span(at, at, Introduction.DATED, certain=False)
        if not self.built_in.introductions or not ends_like_introduction(self.plain[at]):
            return None
        self.tried += 1
        if self.tried > MOST_INTRODUCTIONS:
            return None
        span = introduction_ending_at(self.plain, at)
        return span if span and self._introduces(span, min(self.next[at], end), end) else None

    def _introduces(self, span: Span, following: int, end: int) -> bool:
        if span.certain:
            return True
        if following == len(self.lines):
            return False
        if span.rank == Introduction.ABOVE_A_CONTAINER:
            return self.lines[following].certain
        return following == end or self._quote_at(following)

    def _quote_at(self, at: int) -> bool:
        return self.quoted[at] or self.plain[at].startswith("|")

    def is_forwarded(self, spans: Sequence[Span], end: int) -> bool:
        """Tell whether the first mark of an older message says that it is passed on."""
        quote = next(
            (at for at, quoted in enumerate(self.quoted) if quoted and self.plain[at]), end
        )
        first = min([quote, end, *(span.first for span in spans[:1])])
        return any(map(is_forwarded_message, self.plain[: first + 1]))

    def quotes_evidently(self, spans: Sequence[Span], end: int) -> bool:
        """Tell whether something stands here that only a mail program writes."""
        if self.marked or any(span.certain or self._is_evident(span) for span in spans):
            return True
        if end < len(self.lines) and self._is_evident_start(end):
            return True
        first = next(self._blocks(), None)
        return first is not None and opens_with_introduction(self.plain[slice(*first)])

    def _is_evident(self, span: Span) -> bool:
        """Tell whether an introduction names a person by address, or says more than a time."""
        if span.rank >= Introduction.NAME_FIRST:
            return True
        text = " ".join(self.plain[span.first : span.last + 1])
        named = "@" in text or is_name_and_verb(text)
        return named and span.rank == Introduction.ABOVE_A_QUOTE

    def _is_evident_start(self, at: int) -> bool:
        """Tell a mail program's header block from one that words with a colon lead to."""
        if self.lines[at].starts_old_message:
            return True
        if is_original_message(self.plain[at]):
            below = self.next[at]
            return below == len(self.lines) or not is_raw_field(self.plain[below])
        return is_evident_block_at(self.plain, at) and not self._is_announced(at)

    def start_of_unmarked_quote(self, spans: Sequence[Span], end: int) -> int:
        """Find the first introduction below which the old message stands as ordinary text."""
        introduced = {self.next[span.last] for span in spans}
        stray = [
            at
            for at in range(end)
            if self.quoted[at] and not (at and self.quoted[at - 1]) and at not in introduced
        ]
        for span in spans:
            following = self.next[span.last]
            if not span.certain or following >= end or self._quote_at(following):
                continue
            if not stray or stray[-1] < span.first:
                return span.first
        return end

    def above_quotes(self, spans: Sequence[Span], end: int) -> tuple[Span, ...]:
        """Leave out introductions below which the sender's own words may stand."""
        return tuple(span for span in spans if self._is_above_quote(span, end))

    def _is_above_quote(self, span: Span, end: int) -> bool:
        at = self.next[span.last]
        return at >= end or self._quote_at(at) or self.lines[span.last].attribution

    def is_announced(self, span: Span, end: int) -> bool:
        """Tell whether the sender's words, up to a colon, lead to an introduction he pasted."""
        above = self.plain[span.first - 1] if span.first else ""
        return above.endswith(":") and not self._is_above_quote(span, end)

    def quotes(self, spans: Sequence[Span]) -> set[int]:
        """Give the numbers of all quoted lines and of those that introduce them."""
        old = self.marked | {at for each in spans for at in range(each.first, each.last + 1)}
        for span in spans:
            old.update(self._marked_by_bars(self.next[span.last]))
        blocks = list(self._blocks())
        quotes_nobody = not spans and bool(blocks) and any(map(self.shows, range(blocks[0][0])))
        said = self._said_below(spans)
        all_own = quotes_nobody and all(self._is_senders_own(*each, len(blocks)) for each in blocks)
        for first, stop in blocks:
            if all_own or (quotes_nobody and self._is_prompt(first)):
                continue
            if spans and stop <= spans[0].first and self._is_announced_and_new(first, stop, said):
                continue
            old.update(range(first, stop))
        if old:
            old.update(at for at, text in enumerate(self.plain) if _INITIALS.match(text))
        return old

    def _marked_by_bars(self, at: int) -> Iterator[int]:
        while at < len(self.lines) and self.plain[at].startswith("|"):
            yield at
            at += 1

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Give the first and the line after the last of each run of quoted lines."""
        at = 0
        while at < len(self.lines):
            first = at
            while at < len(self.lines) and self.quoted[at]:
                at += 1
            if at > first:
                yield first, at
            at += 1

    def _is_senders_own(self, first: int, stop: int, blocks: int) -> bool:
        """Tell whether quote signs, in a mail that quotes nobody, mark the sender's own lines.

        Python's prompt is no quote, nor is what words with a colon announce, nor a comparison or
        a path of menus in the middle of a sentence.
        """
        inside = self.plain[first].lstrip("> ")
        if self.lines[first].certain or ends_like_introduction(inside) or label_of(inside):
            return False
        if self._is_prompt(first) or self._is_announced(first):
            return True
        goes_on = self.next[stop - 1] < len(self.lines)
        return blocks == 1 and goes_on and self.plain[first - 1][-1:].isalnum()

    def _is_prompt(self, first: int) -> bool:
        line = self.lines[first]
        return not line.certain and _PROMPT.match(line.text) is not None

    def _is_announced(self, first: int) -> bool:
        """Tell whether words that end with a colon stand just above, and are no quote."""
        above = (at for at in range(first - 1, max(-1, first - 3), -1) if self.plain[at])
        at = next(above, None)
        return at is not None and self.plain[at].endswith(":") and not self.quoted[at]

    def _said_below(self, spans: Sequence[Span]) -> frozenset[str]:
        """List what stands below the first introduction, without quote signs."""
        below = self.plain[spans[0].last + 1 :] if spans else ()
        return frozenset(text.lstrip("> ") for text in below)

    def _is_announced_and_new(self, first: int, stop: int, said: AbstractSet[str]) -> bool:
        """Tell whether lines with quote signs, above the quote proper, are not said there too."""
        if self.lines[first].certain or not self._is_announced(first):
            return False
        inside = (text.lstrip("> ") for text in self.plain[first:stop])
        return not any(text and text in said for text in inside)
