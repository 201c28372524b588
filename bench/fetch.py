"""How fast mails are fetched, beside plain imaplib (POP3: poplib) doing the same.

    .venv/bin/python bench/fetch.py [--n 1000] [--rounds 5] [--protocol imap pop3]

Starts its own Dovecot and PostgreSQL on loopback and makes the mails (``make_corpus.py``). The
floor and our mailbox take the same originals from the server, in turn; the step ``fetch`` stores
them in PostgreSQL, too. Ratios of the best within one run count; seconds do not.
"""

from __future__ import annotations

import argparse
import imaplib  # noqa: TID251 - the floor
import json
import poplib  # noqa: TID251 - the floor
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

import structlog  # noqa: E402

from mailticket.steps.fetch import BATCH_BYTES  # noqa: E402
from services.arena import Arena  # noqa: E402
from services.database import DatabaseServer  # noqa: E402
from services.dovecot import Dovecot  # noqa: E402

USER = "bench@example.com"
SLOWEST = 3.0
"""So many times the floor fetching may take."""
poplib._MAXLINE = 10**7  # type: ignore[attr-defined]  # noqa: SLF001


def floor_imap(arena: Arena) -> tuple[int, float]:
    """Fetch all originals, 200 at a time, in a moment's script; give their bytes."""
    begun = time.perf_counter()
    client = imaplib.IMAP4(arena.dovecot.host, arena.dovecot.port)
    client.login(arena.user, arena.dovecot.password)
    client.select("INBOX")
    uids = client.uid("SEARCH", "ALL")[1][0].decode().split()
    size = 0
    for start in range(0, len(uids), 200):
        answer = client.uid("FETCH", ",".join(uids[start : start + 200]), "(BODY.PEEK[])")[1]
        size += sum(len(part[1]) for part in answer if isinstance(part, tuple))
    client.logout()
    return size, time.perf_counter() - begun


def floor_pop3(arena: Arena) -> tuple[int, float]:
    """Fetch all originals, one after the other; give their bytes."""
    begun = time.perf_counter()
    client = poplib.POP3(arena.dovecot.host, arena.dovecot.pop3_port)
    client.user(arena.user)
    client.pass_(arena.dovecot.password)
    size = 0
    for number in range(1, len(client.list()[1]) + 1):
        size += sum(len(line) + 2 for line in client.retr(number)[1])
    client.quit()
    return size, time.perf_counter() - begun


def ours(arena: Arena) -> tuple[int, float]:
    """List and fetch all originals as the step does, and drop them."""
    access = arena.access()
    db = access.database()
    db.rows("lock_server", server="")  # connected, as it is when a step opens its mailbox
    start = time.perf_counter()
    with access.outside(db=db).mailbox(access.inbox(arena.name)) as mailbox:
        fetched = mailbox.originals(mailbox.listing(), BATCH_BYTES)
        size = sum(len(one.original or b"") for one in fetched)
    wall = time.perf_counter() - start
    db.close()
    return size, wall


def measure(server: DatabaseServer, dovecot: Dovecot, protocol: str, rounds: int) -> bool:
    """Take all of it, print, and tell whether it is within the mark."""
    floor_of = floor_imap if protocol == "imap" else floor_pop3
    arena = Arena(dovecot, server.migrated(), user=USER, fields={"protocol": protocol})
    arena.imap_port = dovecot.port if protocol == "imap" else dovecot.pop3_port
    arena.settings["max_messages_per_run"] = 100_000
    taken = [(floor_of(arena), ours(arena)) for _ in range(rounds)]
    [size] = {size for pair in taken for size, _ in pair}  # both the same, each time
    floor, fetched = (min(wall for _, wall in each) for each in zip(*taken, strict=True))
    start = time.perf_counter()
    arena.steps("run", "fetch")
    stored = time.perf_counter() - start
    print(f"{protocol}, {size / 1e6:.1f} MB (best of {rounds})")
    for title, wall in (("floor", floor), ("our mailbox", fetched), ("step, stored", stored)):
        print(f"  {title:14}{wall:8.2f} s{size / wall / 1e6:8.1f} MB/s{wall / floor:7.1f} x floor")
    return fetched / floor <= SLOWEST


def main() -> None:
    """Measure, print, and fail where the mark is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--protocol", nargs="+", default=["imap", "pop3"])
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    server = DatabaseServer.start()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make = [sys.executable, str(ROOT / "bench" / "make_corpus.py"), "--n", str(options.n)]
        subprocess.run([*make, "--out", str(folder / "mails")], check=True, stdout=-3)
        dovecot = Dovecot(folder / "dovecot")
        try:
            dovecot.start()
            for line in (folder / "mails" / "manifest.jsonl").read_text("utf-8").splitlines():
                path = folder / "mails" / json.loads(line)["file"]
                dovecot.deliver(USER, path.read_bytes())
            missed = [
                p for p in options.protocol if not measure(server, dovecot, p, options.rounds)
            ]
        finally:
            dovecot.close()
            server.stop()
    if missed:
        sys.exit(f"more than {SLOWEST:g} times the floor: {', '.join(missed)}")
    print(f"within {SLOWEST:g} times the floor")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
