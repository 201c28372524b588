"""What a look at a mailbox costs when nothing is new, beside a bare sign-in and SELECT.

    .venv/bin/python bench/look.py [--kept 5000 100000] [--rounds 20] [--protocol imap pop3]

Starts its own Dovecot and PostgreSQL on loopback, fills the folder with kept messages and the
tables with their rows, and takes ``fetch`` again and again, through a proxy that counts bytes;
what starts a task (a process, its configuration) is not in it. The floor is imaplib signing in and
selecting the folder; for POP3, poplib signing in and asking for LIST and UIDL, which is all there
is. Both are taken in turn: ratios within one run count, seconds do not.
"""

from __future__ import annotations

import argparse
import imaplib  # noqa: TID251 - the floor
import os
import poplib  # noqa: TID251 - the floor
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

import psycopg2  # noqa: E402, TID251
import structlog  # noqa: E402

from mailticket.ingest import Turn, begin, run_once, take_step  # noqa: E402
from mailticket.passage import Passage  # noqa: E402
from mailticket.store.runs import Runs  # noqa: E402
from services.arena import Arena  # noqa: E402
from services.database import DatabaseServer  # noqa: E402
from services.dovecot import Dovecot  # noqa: E402

MOST = 3.0
"""So many times the floor a look may cost at 5,000 kept messages (wall and bytes)."""
JUDGED_AT = 5000
poplib._MAXLINE = 10**6  # type: ignore[attr-defined]  # noqa: SLF001

KEPT = """
WITH c AS (INSERT INTO mailticket.configuration (hash, inbox, document, versions)
           VALUES ('bench', 'support', '{}', '{}') RETURNING hash),
     r AS (INSERT INTO mailticket.run (inbox, name, configuration)
           SELECT 'support', 'earlier', hash FROM c RETURNING id),
     o AS (SELECT id FROM mailticket.organization),
     p AS (INSERT INTO mailticket.person (name, email, org_id)
           SELECT 'Ada', 'ada@acme.example', id FROM o RETURNING id),
     t AS (INSERT INTO mailticket.ticket (class, title, org_id, caller_id)
           SELECT 'UserRequest', 'Mail ' || n, o.id, p.id
             FROM generate_series(1, %(kept)s) n, o, p ORDER BY n RETURNING id),
     m AS (INSERT INTO mailticket.message (inbox, message_id, size, header_size, header_hash,
                                           content_hash, ticket_id)
           SELECT 'support', lpad(id::text, 12, '0') || '@kept.example',
                  length(%(original)s), length(%(original)s),
                  sha256(%(original)s), sha256(%(original)s), id FROM t ORDER BY id
           RETURNING id, ticket_id),
     w AS (INSERT INTO mailticket.original (message, raw) SELECT id, %(original)s FROM m),
     a AS (INSERT INTO mailticket.attempt (message, n, run, stage, status, verdict, decided_by,
                                           decided_in, ticket_id)
           SELECT m.id, 1, r.id, 'decided', 'processed', 'create', 'create_ticket',
                  'upsert_ticket', m.ticket_id FROM m, r RETURNING id, message),
     e AS (INSERT INTO mailticket.mailbox_epoch (inbox, server, login, folder, uidvalidity, cursor)
           VALUES ('support', %(server)s, %(login)s, 'INBOX', %(uidvalidity)s, %(cursor)s)
           RETURNING id)
INSERT INTO mailticket.location (epoch, uid, message)
SELECT e.id, (%(uids)s::text[])[row_number() OVER (ORDER BY m.id)], m.id FROM e, m ORDER BY m.id
"""


@dataclass
class Counting:
    """A proxy that counts what passes in both directions."""

    server_port: int
    passed: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Listen for ever, on a thread that ends with the process."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            for one, other in ((client, server), (server, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                with self._lock:
                    self.passed += len(said)
                other.sendall(said)
            other.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Cost:
    """What one piece of work took: seconds, and bytes to and from the mail server."""

    wall: float
    passed: float


Work = tuple[Callable[[int], Any], Callable[[Any], object]]
"""What prepares it, by the number of the round, and the work on what that gave."""


def costs(counting: Counting, rounds: int, works: Sequence[Work]) -> list[Cost]:
    """Take some works in turn, again and again; each one's first time does not count."""
    taken: list[list[Cost]] = [[] for _ in works]
    for number in range(rounds + 1):
        for (prepare, work), costs_of in zip(works, taken, strict=True):
            prepared = prepare(number)
            before, start = counting.passed, time.perf_counter()
            work(prepared)
            wall = time.perf_counter() - start
            time.sleep(0.01)  # until the proxy has counted the farewell
            costs_of.append(Cost(wall, counting.passed - before))
    return [_best(each[1:]) for each in taken]


def _best(rounds: Sequence[Cost]) -> Cost:
    """Give the quickest wall, which a busy machine spoils least, and the median of the bytes."""
    return Cost(min(one.wall for one in rounds), statistics.median(one.passed for one in rounds))


def bare_imap(arena: Arena, port: int) -> None:
    """Sign in and SELECT, as plain as can be."""
    client = imaplib.IMAP4("127.0.0.1", port)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.login(arena.user, arena.dovecot.password)
    client.select("INBOX")
    client.logout()


def bare_pop3(arena: Arena, port: int) -> None:
    """Sign in and ask for what is there, as plain as can be."""
    client = poplib.POP3("127.0.0.1", port)
    client.user(arena.user)
    client.pass_(arena.dovecot.password)
    client.uidl()
    client.list()
    client.quit()


def original(number: int) -> bytes:
    """Write one kept mail; all have the same size."""
    return (
        b"From: Ada <ada@acme.example>\r\nMessage-ID: <%012d@kept.example>\r\n"
        b"Subject: Mail\r\n\r\nIt does not print.\r\n"
    ) % number


def fill(arena: Arena, kept: int) -> None:
    """Put the mails into the Maildir, and their rows into the tables."""
    arena.deliver(original(1))
    folder = arena.dovecot.maildir(arena.user) / "new"
    owner = folder.stat()
    for number in range(2, kept + 1):
        path = folder / f"{time.time():.0f}.M{number:09}P{os.getpid()}.bench"
        path.write_bytes(original(number))
        os.chown(path, owner.st_uid, owner.st_gid)
    access = arena.access()
    with access.outside().mailbox(access.inbox(arena.name)) as mailbox:
        place, uids = mailbox.place, [one.uid for one in mailbox.listing()]
    values = {
        "kept": kept,
        "original": original(1),
        "server": f"127.0.0.1:{arena.imap_port}",
        "login": place.login,
        "uidvalidity": place.uidvalidity,
        "cursor": int(uids[-1]) if place.uidvalidity else 0,
        "uids": uids,
    }
    with psycopg2.connect(arena.database.url) as connection, connection.cursor() as cursor:
        cursor.execute(KEPT, values)
        cursor.execute(
            "UPDATE mailticket.message m SET attempt = a.id"
            " FROM mailticket.attempt a WHERE a.message = m.id"
        )
    connection.close()
    connection = psycopg2.connect(arena.database.url)
    connection.autocommit = True
    connection.cursor().execute("VACUUM ANALYZE")
    connection.close()


def measure(server: DatabaseServer, dovecot: Dovecot, protocol: str, kept: int, n: int) -> bool:
    """Fill one mailbox, look at it again and again, print; tell whether it is within the mark."""
    database = server.migrated()
    database.rows("INSERT INTO mailticket.organization (name) VALUES ('Acme')")
    counting = Counting(dovecot.port if protocol == "imap" else dovecot.pop3_port)
    counting.start()
    arena = Arena(dovecot, database, fields={"protocol": protocol})
    arena.imap_port = counting.port
    fill(arena, kept)
    bare = bare_imap if protocol == "imap" else bare_pop3
    access = arena.access()
    db, inbox = access.database(), access.inbox(arena.name)

    def begun(number: int) -> Passage:
        turn = Turn(arena.name, f"look {number}", "fetch")
        Runs(db).release_lease(arena.name, f"look {number - 1}")
        return begin(db, turn, lambda: inbox, access.outside(db=db))

    def look(passage: Passage) -> None:
        counts = take_step(passage, "fetch")
        assert counts["fetched"] == counts["gone"] == 0, counts

    def run(number: int) -> None:
        counts, _ = run_once(db, inbox, f"run {number}", access.outside(db=db))
        assert counts == {}, counts

    floor, looked = costs(counting, n, [(int, lambda _: bare(arena, counting.port)), (begun, look)])
    Runs(db).release_lease(arena.name, f"look {n}")
    [whole] = costs(counting, max(3, n // 4), [(int, run)])
    tracemalloc.start()
    look(begun(n + 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    Runs(db).release_lease(arena.name, f"look {n + 1}")
    wall, passed = looked.wall / floor.wall, looked.passed / floor.passed
    print(f"{protocol}, {kept:,} kept messages, nothing new (best of {n})")
    for title, one in (("  bare", floor), ("  look", looked), ("  whole run", whole)):
        print(f"{title:14}{one.wall * 1000:9.1f} ms{one.passed:12,.0f} bytes")
    print(f"  look / bare {wall:8.1f} x wall{passed:9.1f} x bytes; peak {peak / 2**20:.1f} MiB")
    database_of = database
    db.close()
    server.drop(database_of)
    return max(wall, passed) <= MOST


def main() -> None:
    """Measure, print, and fail where the mark is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kept", type=int, nargs="+", default=[JUDGED_AT, 100_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--protocol", nargs="+", default=["imap", "pop3"])
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    missed = []
    server = DatabaseServer.start()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)
        dovecot = Dovecot(Path(name) / "dovecot")
        try:
            dovecot.start()
            for protocol in options.protocol:
                for kept in options.kept:
                    within = measure(server, dovecot, protocol, kept, options.rounds)
                    if kept == JUDGED_AT and not within:
                        missed.append(protocol)
        finally:
            dovecot.close()
            server.stop()
    if missed:
        sys.exit(f"above {MOST:g} times the floor: {', '.join(missed)}")
    print(f"at {JUDGED_AT:,} kept messages within {MOST:g} times the floor")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
