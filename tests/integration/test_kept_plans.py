"""Questions that come again and again are planned once, unless a pooler stands between."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import unquote, urlsplit

import pytest

from demo.ports import LOOPBACK
from mailticket.errors import RowRefused
from mailticket.store.copying import Copied, copied_rows, number
from mailticket.store.postgres import Database as Store
from mailticket.store.queries import may_be_planned_once
from services.database import Database

_KEPT = "SELECT count(*)::int AS n FROM pg_prepared_statements"


def _store(database: Database, port: int = 0) -> Store:
    url = urlsplit(database.url)
    return Store(
        host=url.hostname,
        port=port or url.port,
        user=url.username,
        password=unquote(url.password or ""),
        dbname=url.path.lstrip("/"),
    )


def _asked_often(store: Store) -> int:
    """Ask one thing five times; give how many plans the session keeps."""
    with closing(store):
        found = [store.value("ticket_class", name=name) for name in ("Incident", "Change") * 3]
        assert found == ["Incident", "Change"] * 3
        return int(store.execute(_KEPT)[0]["n"])


def test_a_session_keeps_the_plan_of_what_it_is_asked_often(database: Database) -> None:
    assert _asked_often(_store(database)) == 1


_BY_WORD = "SELECT more FROM grown WHERE word = ANY (%(words)s)"


def test_a_plan_that_was_made_for_an_empty_table_does_not_outlive_its_growth(
    database: Database,
) -> None:
    database.rows("CREATE TABLE grown (word text PRIMARY KEY, more char(1000) DEFAULT 'x')")
    with closing(_store(database)) as store:
        _look_up(store, 10)
        assert "Seq Scan" in _plan(store)
        database.rows("INSERT INTO grown SELECT generate_series(1, 5000)")
        _look_up(store, 60)
        assert "Index" in _plan(store)


def _look_up(store: Store, times: int) -> None:
    for word in range(times):
        store.again(_BY_WORD, {"words": [str(word)]})


def _plan(store: Store) -> str:
    [name] = (row["name"] for row in store.execute("SELECT name FROM pg_prepared_statements"))
    return str(store.execute(f"EXPLAIN EXECUTE {name} (ARRAY['7'])"))


def test_a_word_of_a_comment_does_not_keep_a_plan_from_being_kept() -> None:
    assert may_be_planned_once("-- Few have it; the other index reads all.\nSELECT 1")
    assert not may_be_planned_once("SELECT 1; SELECT 2")


def test_behind_a_pooler_no_plan_is_kept(database: Database, pooler: int) -> None:
    assert _asked_often(_store(database, pooler)) == 0


@pytest.fixture
def pooler(database: Database) -> Iterator[int]:
    """Stand between as PgBouncer does: the client is told of a process that does not exist."""
    listener = socket.create_server((LOOPBACK, 0))
    target = (LOOPBACK, urlsplit(database.url).port or 0)
    threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(target)
            for ends in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    key = b"K" + struct.pack("!i", 12)  # BackendKeyData
    with suppress(OSError):
        while piece := source.recv(65536):
            start = piece.find(key)
            if start >= 0:
                piece = piece[: start + 5] + struct.pack("!i", 4242) + piece[start + 9 :]
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def test_a_plan_outlives_the_transaction_that_was_rolled_back(database: Database) -> None:
    with closing(_store(database)) as store:
        for _ in range(4):
            with suppress(RowRefused), store.transaction():
                store.value("ticket_class", name="Incident")
                store.execute("SELECT 1 / 0")
        assert store.value("ticket_class", name="Change") == "Change"


def test_another_connection_plans_anew(database: Database) -> None:
    with closing(_store(database)) as store:
        for _ in range(4):
            store.value("ticket_class", name="Incident")
        store.close()
        assert store.value("ticket_class", name="Change") == "Change"


def test_bytes_go_and_come_as_they_are(database: Database) -> None:
    every = bytes(range(256)) * 700
    rows = [(1, every, True), (2, b"", False)]
    with closing(_store(database)) as store, store.transaction():
        store.execute("SET session_replication_role = replica")
        store.copy("copy_originals", rows)
        found = store.copied("originals", messages=[1, 2, 3])
        whole = store.execute("SELECT message, whole FROM mailticket.original ORDER BY message")
    assert [(number(message), raw) for message, raw in found] == [(1, every), (2, b"")]
    assert [tuple(row.values()) for row in whole] == [(1, True), (2, False)]


def test_rows_are_handed_over_in_small_pieces() -> None:
    copied = Copied([(7, b"abc" * 50, False)])
    pieces = list(iter(lambda: copied.read(16), b""))
    assert max(map(len, pieces)) <= 16
    assert list(copied_rows(b"".join(pieces))) == [(struct.pack("!q", 7), b"abc" * 50, b"\0")]


def test_a_host_that_is_gone_is_noticed_within_a_minute(database: Database) -> None:
    wanted = {
        socket.SO_KEEPALIVE: (socket.SOL_SOCKET, 1),
        socket.TCP_KEEPIDLE: (socket.IPPROTO_TCP, 30),
        socket.TCP_KEEPINTVL: (socket.IPPROTO_TCP, 10),
        socket.TCP_KEEPCNT: (socket.IPPROTO_TCP, 3),
        socket.TCP_USER_TIMEOUT: (socket.IPPROTO_TCP, 60_000),
    }
    with closing(_store(database)) as store:
        store.execute("SELECT 1")
        end = os.dup(store._connection.fileno())
        with socket.socket(fileno=end) as line:
            found = {name: line.getsockopt(level, name) for name, (level, _) in wanted.items()}
    assert found == {name: value for name, (_, value) in wanted.items()}
