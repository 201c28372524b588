"""What must be true of mailbox, rows and sent mail, by the servers' own state (SPEC 6.5, 8)."""

from __future__ import annotations

import email
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.world import World

_DELIVERY = re.compile(rb"^X-Delivery: (\d+)\r?$", re.MULTILINE)


def number_of(raw: bytes) -> int:
    """Give the number of the delivery that these bytes are of, 0 for none."""
    found = _DELIVERY.search(bytes(raw))
    return int(found[1]) if found else 0


def violations(world: World) -> list[str]:
    """Say all that is wrong in the end; nothing in a world that is as it should be."""
    checks = (_fates, _tickets, _files, _places, _sent, _received, _leftovers)
    return [*astray(world), *(fault for check in checks for fault in check(world))]


def lying(world: World, folder: str) -> Counter[int]:
    """Count the deliveries in a folder, by what lies in the Maildir."""
    home = world.dovecot.maildir(world.user, folder)
    found: Counter[int] = Counter()
    for part in ("new", "cur"):
        for file in (home / part).glob("*"):
            with suppress(FileNotFoundError):  # moved meanwhile
                if number := number_of(file.read_bytes()):
                    found[number] += 1
    return found


def astray(world: World) -> list[str]:
    """Say what is wrong at any time, in the middle of a pass too: what left must be committed."""
    target = lying(world, "Done")
    here = lying(world, "INBOX")
    decided = {number_of(raw): verdict for raw, verdict in world.rows(_DECIDED)}
    faults = []
    for letter in world.letters:
        n = letter.number
        if not here[n] and not target[n] and not decided.get(n) and n != world.vanished:
            faults.append(f"delivery {n} left the mailbox, and no decision is committed")
        if target[n] and not decided.get(n):
            faults.append(f"delivery {n} was moved, and no decision is committed")
    doubled = [
        f"delivery {n} lies {times} times in Done" for n, times in target.items() if times > 1
    ]
    return faults + doubled


_DECIDED = """
SELECT o.raw, a.verdict::text FROM mailticket.original o
  JOIN mailticket.message m ON m.id = o.message JOIN mailticket.attempt a ON a.id = m.attempt
"""


def _fates(world: World) -> Iterator[str]:
    """Check that each delivery has one row, in its end state, with the reason."""
    rows = world.rows(
        "SELECT o.raw, a.status::text, a.verdict::text, a.decided_by, a.reason,"
        " (SELECT count(*) FROM mailticket.attempt b WHERE b.message = m.id)"
        " FROM mailticket.message m LEFT JOIN mailticket.original o ON o.message = m.id"
        " LEFT JOIN mailticket.attempt a ON a.id = m.attempt"
    )
    found = defaultdict(list)
    for raw, *fate in rows:
        found[number_of(raw or b"")].append(fate)
    for letter in world.letters:
        fates = found.pop(letter.number, [])
        if len(fates) != 1:
            yield f"delivery {letter.number} has {len(fates)} rows"
            continue
        status, verdict, rule, reason, attempts = fates[0]
        if (verdict, rule) != (letter.verdict, letter.rule):
            yield f"delivery {letter.number}: {verdict} by {rule} ({reason}), not {letter.verdict}"
        if status == "new" or not reason or attempts > world.most_attempts:
            yield f"delivery {letter.number}: {status}, {reason!r}, {attempts} attempts"
    yield from (f"{len(rest)} rows of nothing delivered: {n}" for n, rest in found.items())


def _tickets(world: World) -> Iterator[str]:
    """Check the tickets, log entries, events and persons that the letters call for."""
    entries: dict[str, list[str]] = {
        one.thread: [] for one in world.letters if one.verdict == "create"
    }
    for one in world.letters:
        if one.verdict == "update":
            entries[one.thread].append(one.text)
    rows = world.rows(
        "SELECT t.title, coalesce(array_agg(e.text ORDER BY e.id) FILTER (WHERE e.id > 0), '{}')"
        " FROM mailticket.ticket t LEFT JOIN mailticket.log_entry e ON e.ticket_id = t.id"
        " GROUP BY t.id"
    )
    yield from _differ("tickets", (title for title, _ in rows), entries)
    for title, texts in rows:
        if texts != entries.get(title, texts):
            yield f"{title} has the log entries {texts}, not {entries[title]}"
    events = [kind for (kind,) in world.rows("SELECT kind FROM mailticket.ticket_event")]
    kinds = {"create": "created", "update": "updated"}
    yield from _differ(
        "events", events, (kinds[o.verdict] for o in world.letters if o.verdict in kinds)
    )
    made = world.rows("SELECT email FROM mailticket.person")
    people = {
        o.sender for o in world.letters if o.sender and (world.people or o.verdict == "create")
    }
    wanted = {one for one in people if one.endswith("@acme.example")}
    yield from _differ("persons", (address for (address,) in made), wanted)


def _differ(what: str, found: Iterable[object], wanted: Iterable[object]) -> Iterator[str]:
    there, due = Counter(iter(found)), Counter(iter(wanted))
    if there - due:
        yield f"{what} too many: {dict(there - due)}"
    if due - there:
        yield f"{what} missing: {dict(due - there)}"


def _files(world: World) -> Iterator[str]:
    """Check that each ticket has each file once, and each blob what its name says."""
    due: dict[str, set[str]] = defaultdict(set)
    for one in world.letters:
        if one.thread:
            due[one.thread] |= one.files
    rows = world.rows(
        "SELECT t.title, encode(a.sha256, 'hex') FROM mailticket.attachment a"
        " JOIN mailticket.ticket t ON t.id = a.ticket_id"
    )
    yield from _differ(
        "attachments", rows, ((t, file) for t, files in due.items() for file in files)
    )
    for sha256, content in world.rows("SELECT sha256, content FROM mailticket.blob"):
        if hashlib.sha256(content).digest() != bytes(sha256):
            yield f"blob {bytes(sha256).hex()} is another one"
    yield from _saved(world)


def _saved(world: World) -> Iterator[str]:
    directory = world.settings.get("big_files_dir")
    if not directory:
        return
    files = [path for path in Path(directory).glob("*") if path.is_file()]
    hidden = [path.name for path in files if path.suffix != ".eml"]
    if hidden:
        yield f"files that nobody will ever read: {hidden}"
    due = [one.raw for one in world.letters if one.rule == "too_big"]
    saved = [path.read_bytes() for path in files if path.suffix == ".eml"]
    yield from _differ("saved", map(number_of, saved), map(number_of, due))
    if set(saved) - set(due):
        yield "a file that was saved is not what was delivered"


def _places(world: World) -> Iterator[str]:
    """Check that each letter lies where it must, once, or has left."""
    here, target = lying(world, "INBOX"), lying(world, "Done")
    # What was sent twice without an answer waits for a person, and its error with it.
    waiting = {
        n
        for n, kind, _, status, _ in _outbox(world)
        if (kind, status) == ("forwarded_error", "unanswered")
    }
    for letter in world.letters:
        n, place = letter.number, world.place(letter)
        if letter.place == "error" and n in waiting:
            place = "INBOX"
        if n != world.vanished and (here[n], target[n]) != (place == "INBOX", place == "Done"):
            yield f"delivery {n} ({letter.verdict}): {here[n]} in INBOX, {target[n]} in Done"


def _outbox(world: World) -> list[tuple[int, str, str, str, int]]:
    rows = world.rows(
        "SELECT r.raw, o.kind, o.recipient, o.status, o.doubts FROM mailticket.outbox o"
        " LEFT JOIN mailticket.original r ON r.message = o.message"
    )
    return [(number_of(raw or b""), *rest) for raw, *rest in rows]


def _sent(world: World) -> Iterator[str]:
    """Check that the outbox holds each mail that is called for once, and that it is sent."""
    rows = _outbox(world)
    due = ((one.number, *told) for one in world.letters for told in one.told)
    yield from _differ("mails", ((n, kind, to) for n, kind, to, _, _ in rows), due)
    for n, kind, to, status, doubts in rows:
        if status != "sent" and not (status == "unanswered" and doubts >= 2):
            yield f"{kind} about {n} to {to} is {status} after {doubts} doubts"


def _received(world: World) -> Iterator[str]:
    """Check by what the SMTP server took: once where that can be known, else twice at the most."""
    rows = world.rows("SELECT message_id, status, doubts, kind FROM mailticket.outbox")
    times = Counter(taken.message_id for taken in world.post_office.mails)
    yield from (
        f"{one} was sent and is in no outbox" for one in set(times) - {row[0] for row in rows}
    )
    for message_id, status, doubts, kind in rows:
        if times[message_id] > max(doubts, 1) or (status == "sent" and not times[message_id]):
            yield f"{kind} {message_id}, {status}, {doubts} doubts: taken {times[message_id]} times"
    names = defaultdict(set)
    for taken in world.post_office.mails:
        about = number_of(taken.raw) or str(email.message_from_bytes(taken.raw)["In-Reply-To"])
        names[taken.recipient, about].add(taken.message_id)
    for key, ids in names.items():
        if len(ids) > 1:
            yield f"{key} was told under {len(ids)} Message-IDs"


def _leftovers(world: World) -> Iterator[str]:
    """Check that nothing stands in the way of the next run."""
    for table in ("lease", "mailbox_session", "step_at_work"):
        if rows := world.rows(f"SELECT * FROM mailticket.{table}"):
            yield f"left in {table}: {rows}"
