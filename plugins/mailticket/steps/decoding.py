"""Decoding, in children that can be killed: a stranger's bytes neither hold nor end this process.

As many children as there are cores; ``limit_seconds`` bounds each message, ``apart.MEMORY`` each
child. What comes back is in the mailbox's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

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

BEGUN_MESSAGES, BEGUN_BYTES = 16, 2 * 1024**2
"""What is loaded at once: few, since a process that is killed leaves all of them begun."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A decoded message, and what its ticket will take of it."""

    message: Message
    draft: Draft
    added: Mapping[str, bytes]
    """Files of the draft that the message does not have, by digest."""


_Question = bytes | None
_Answer = Reading | Decision | None
_Key = tuple[Row, Decision | None]


Decoders = Crew[_Question, _Answer]


def decoders(p: Passage) -> Decoders:
    """Give the children that decode, to be entered."""
    # What is the same for all goes to the children once, when they are made.
    decode = partial(_decode, p.inbox.parse_options(), p.inbox.inline_image_max_width)
    return Decoders(decode, p.inbox.limit_seconds)


def readings(
    p: Passage, attempts: Sequence[int], crew: Decoders
) -> Iterator[tuple[Row, Reading | Decision]]:
    """Give each attempt's row, without its raw bytes, and its Reading or why there is none."""
    for (row, problem), answer in crew.each(_questions(p, attempts)):
        yield row, problem or _reading(answer)


def _questions(p: Passage, attempts: Sequence[int]) -> Iterator[tuple[_Key, _Question]]:
    for row in _begun(p, attempts):
        raw, problem = row.pop("raw"), given_up(row)
        if raw is None:
            days = p.inbox.raw_retention_days
            gone = f"its original was purged (raw_retention_days {days}): it cannot be read again"
            problem = failure("original", gone)
        yield (row, problem), None if problem else raw


def _begun(p: Passage, attempts: Sequence[int]) -> Iterator[Row]:
    for start in range(0, len(attempts), BEGUN_MESSAGES):
        begun = attempts[start : start + BEGUN_MESSAGES]
        yield from p.attempts.begin_originals(begun, BEGUN_BYTES)


def _reading(answer: _Answer | Lost) -> Reading | Decision:
    if isinstance(answer, Lost):
        return failure(answer.limit or "decoder", str(answer))
    assert answer is not None
    return answer


def _decode(options: ParseOptions, width: int, raw: _Question) -> _Answer:
    if raw is None:
        return None
    try:
        message = parse(raw, options)
    except LimitExceeded as error:
        return failure(error.limit, str(error))
    drafted = draft_of(message, width)
    return Reading(message, drafted.draft, drafted.added)
