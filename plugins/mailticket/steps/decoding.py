"""Decoding, in children that can be killed: a stranger's bytes neither hold nor end this process.

As many children as there are cores; ``limit_seconds`` bounds each message, ``apart.MEMORY`` each
child. What comes back is in the mailbox's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailticket.apart import Crew, Lost
from mailticket.decision import Decision
from mailticket.draft import Draft, draft_of
from mailticket.errors import LimitExceeded
from mailticket.message import Message
from mailticket.options import ParseOptions
from mailticket.parsing import parse
from mailticket.passage import Passage, failure
from mailticket.steps.tries import given_up
from mailticket.store.postgres import Row


@dataclass(frozen=True, slots=True)
class Reading:
    """A decoded message, and what its ticket will take of it."""

    message: Message
    draft: Draft
    added: Mapping[str, bytes]
    """Files of the draft that the message does not have, by digest."""


_Question = tuple[bytes, ParseOptions, int] | None
_Answer = Reading | Decision | None
_Key = tuple[Row, Decision | None]


def readings(p: Passage, attempts: Sequence[int]) -> Iterator[tuple[Row, Reading | Decision]]:
    """Give each attempt's row, without its raw bytes, and its Reading or why there is none."""
    with Crew[_Question, _Answer](_decode, p.inbox.limit_seconds) as crew:
        for (row, problem), answer in crew.each(_questions(p, attempts)):
            yield row, problem or _reading(answer)


def _questions(p: Passage, attempts: Sequence[int]) -> Iterator[tuple[_Key, _Question]]:
    options, width = p.inbox.parse_options(), p.inbox.inline_image_max_width
    for attempt in attempts:
        row = p.attempts.begin_original(attempt)
        raw, problem = row.pop("raw"), given_up(row)
        if raw is None:
            days = p.inbox.raw_retention_days
            gone = f"its original was purged (raw_retention_days {days}): it cannot be read again"
            problem = failure("original", gone)
        yield (row, problem), None if problem else (bytes(raw), options, width)


def _reading(answer: _Answer | Lost) -> Reading | Decision:
    if isinstance(answer, Lost):
        return failure(answer.limit or "decoder", str(answer))
    assert answer is not None
    return answer


def _decode(question: _Question) -> _Answer:
    if question is None:
        return None
    raw, options, width = question
    try:
        message = parse(raw, options)
    except LimitExceeded as error:
        return failure(error.limit, str(error))
    drafted = draft_of(message, width)
    return Reading(message, drafted.draft, drafted.added)
