"""outbox: what was not sent, why, and letting it go after all."""

from __future__ import annotations

import argparse

from mailticket.airflow_access import in_shell
from mailticket.outgoing import one_line
from mailticket.store.outbox import Outbox
from mailticket.store.postgres import Row

_SAID = {
    "waiting": "tried again from {not_before:%Y-%m-%d %H:%M %Z} on",
    "sending": "a task has it at this moment, or died with it",
    "held": "waits for a person",
    "refused": "given up",
    "unanswered": "given up: the server broke off twice before it answered, it may have arrived",
}


def outbox(options: argparse.Namespace) -> int:
    """List the mails that no server took, or release some of them."""
    mails = Outbox(in_shell().database())
    if options.release:
        return _release(mails, options.release)
    rows = mails.unsent(options.inbox)
    for row in rows:
        print(_line(row))
    if not rows:
        print("every mail was sent")
    return 0


def _release(mails: Outbox, ids: list[int]) -> int:
    released = mails.release(ids)
    for number in ids:
        done = number in released
        print(f"mail {number} {'goes with the next run' if done else 'is not there to release'}")
    return 0 if set(ids) <= set(released) else 1


def _line(row: Row) -> str:
    about = row["ticket"] or (f"message {row['message']}" if row["message"] else "no message")
    said = _SAID[row["status"]].format(not_before=row["not_before"])
    why = f": {one_line(row['last_error'], 500)}" if row["last_error"] else ""
    return (
        f"mail {row['id']}: {row['status']}, {row['kind']} about {about} from inbox {row['inbox']} "
        f"to {row['recipient']}, {row['created_at']:%Y-%m-%d %H:%M %Z}, {said}{why}"
    )
