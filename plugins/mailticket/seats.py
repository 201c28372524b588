"""Sessions on a mail server that many inboxes share: each waits until there is room for it.

Who has a session stands in PostgreSQL, the one thing that tasks share, whatever machine they run
on and whoever started them. Its inbox's lease says whether the session still lives.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from mailticket.errors import MailboxUnavailable, StoreUnavailable
from mailticket.mailboxes.base import Mailbox
from mailticket.mailboxes.limits import Limits, Seat
from mailticket.passage import Passage

PATIENCE = 600.0
"""Seconds that an inbox waits for room before it gives its worker back."""
CROWD_PATIENCE = 120.0
"""Seconds in which a server may get rid of sessions that are not ours."""
_PAUSE = (0.2, 1.0)


@contextmanager
def mailbox_of(p: Passage) -> Iterator[Mailbox]:
    """Open the inbox's mailbox once its server has room; raises what opening it raises."""
    seat = p.outside.seat(p.inbox)
    if seat.limits == Limits():
        with _opened(p) as mailbox:
            yield mailbox
        return
    _take(p, seat)
    try:
        with _opened(p) as mailbox:
            yield mailbox
    finally:
        with suppress(StoreUnavailable):  # then it ends with the lease
            p.runs.leave_server(p.run)


def _take(p: Passage, seat: Seat) -> None:
    until = time.monotonic() + PATIENCE
    p.renew_lease()
    while not p.runs.enter_server(p.run, seat):
        if time.monotonic() > until:
            raise MailboxUnavailable(
                f"{seat.server}: for {PATIENCE / 60:.0f} minutes there was none of the sessions "
                f"free that max_connections grants (Connection Extra)",
                crowded=True,
            )
        _pause(p)


@contextmanager
def _opened(p: Passage) -> Iterator[Mailbox]:
    """Open it, again and again while others crowd the server."""
    until = time.monotonic() + CROWD_PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                mailbox = stack.enter_context(p.outside.mailbox(p.inbox))
                break
            except MailboxUnavailable as error:
                wanted_later = error.retry_after is not None
                if not error.crowded or wanted_later or time.monotonic() > until:
                    raise
                p.detail(f"waiting for room: {error}")
            _pause(p)
        yield mailbox


def _pause(p: Passage) -> None:
    p.keep_lease()
    time.sleep(random.uniform(*_PAUSE))  # noqa: S311  so that those who wait do not ask in step
