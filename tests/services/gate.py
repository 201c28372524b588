"""All that a pass says to its servers and hears from them, turn by turn; one turn may go wrong."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import psycopg2  # noqa: TID251 -- it ends connections from beside

from demo.ports import LOOPBACK
from services.database import Database

Fault = Literal["kill", "cut", "gone", "terminate", "hang"]
"""``kill`` the process, ``cut`` the connection, the server is ``gone`` from then on, PostgreSQL
``terminate``\\ s the session, the server ``hang``\\ s."""
_LETTERS = 60


@dataclass(frozen=True, slots=True)
class Turn:
    """One side begins to speak: before that is passed on, the turn may go wrong."""

    number: int
    server: str
    asks: bool
    """The pass speaks; else the server, which has done by then what it was asked for."""
    words: str

    @property
    def commits(self) -> bool:
        return self.server == "postgres" and self.words.startswith("COMMIT")

    @property
    def begins(self) -> bool:
        """No transaction is open yet: whoever looks from beside waits for no lock."""
        return self.asks and self.server == "postgres" and self.words.startswith("BEGIN")

    @property
    def sends(self) -> bool:
        return self.server == "smtp"

    @property
    def settles(self) -> bool:
        verbs = ("MOVE", "COPY", "STORE", "EXPUNGE", "DELE", "QUIT")
        return self.server in ("imap", "pop3") and any(verb in self.words for verb in verbs)

    def __str__(self) -> str:
        who = "asks" if self.asks else "answers"
        return f"turn {self.number}: {self.server} {who} {self.words!r}"


@dataclass
class _Line:
    """A connection: who spoke last, and what was asked last."""

    name: str
    client: socket.socket
    server: socket.socket
    asked: bool | None = None
    words: str = ""


@dataclass
class Gate:
    """Servers by name (``imap``, ``pop3``, ``smtp``, ``postgres``) and port, behind other ports.

    A turn is counted when its first bytes come by, so that its number does not depend on how the
    network cuts what follows.
    """

    servers: Mapping[str, int]
    database: Database | None = None
    """Whose sessions ``terminate`` ends."""
    ports: dict[str, int] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    at: int = 0
    """The number of the turn that goes wrong; 0: none."""
    fault: Fault = "kill"
    met: Turn | None = None
    """The turn that went wrong."""
    outlasted: bool = False
    """A pass did not give a server up that hung."""
    gone: set[str] = field(default_factory=set)
    meanwhile: Callable[[Turn], None] | None = None
    """Called before each turn is passed on."""

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listeners = {}
        for name in self.servers:
            listener = socket.create_server((LOOPBACK, 0), backlog=50)
            self._listeners[name] = listener
            self.ports[name] = listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(name, listener), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for listener in self._listeners.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    # -- what goes wrong --------------------------------------------------------------------------

    def arm(self, at: int, fault: Fault = "kill") -> None:
        """Count from one again; ``at`` is the turn that goes wrong."""
        with self._lock:
            self.turns.clear()
            self.gone.clear()
            self.at, self.fault, self.met = at, fault, None

    def disarm(self) -> None:
        """Let all pass, and every server be there."""
        with self._lock:
            self.at = 0
            self.gone.clear()

    # -- passing on -------------------------------------------------------------------------------

    def _accept(self, name: str, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if name in self.gone:
                client.close()
                continue
            try:
                server = socket.create_connection((LOOPBACK, self.servers[name]))
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(name, client, server)
            for asks in (True, False):
                threading.Thread(target=self._pass_on, args=(line, asks), daemon=True).start()

    def _pass_on(self, line: _Line, asks: bool) -> None:
        source, target = (line.client, line.server) if asks else (line.server, line.client)
        with contextlib.suppress(OSError):
            while said := source.recv(1 << 18):
                if not self._passes(line, asks, said):
                    break
                target.sendall(said)
        for one in (line.client, line.server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _passes(self, line: _Line, asks: bool, said: bytes) -> bool:
        with self._lock:
            if line.name in self.gone:
                return False
            if line.asked is asks:
                return True
            line.asked = asks
            line.words = _words(line.name, said) if asks else line.words
            turn = Turn(len(self.turns) + 1, line.name, asks, line.words)
            self.turns.append(turn)
            strikes = turn.number == self.at
            if strikes:
                self.met = turn
                if self.fault == "gone":
                    self.gone.add(line.name)
        if self.meanwhile:
            self.meanwhile(turn)
        return not strikes or self._survives(line)

    def _survives(self, line: _Line) -> bool:
        """Do what goes wrong; tell whether the turn is passed on."""
        if self.fault == "kill":
            if owner := _owner(line.client.getpeername()[1], self.ports[line.name], os.getpid()):
                os.kill(owner, signal.SIGKILL)
        elif self.fault == "hang":
            self._hang(line)
        elif self.fault == "terminate" and self.database and line.name == "postgres":
            self._terminate(line.server.getsockname()[1])
            return True
        return False

    def _hang(self, line: _Line) -> None:
        """Say nothing for as long as the pass waits, a minute at the most."""
        for _ in range(1200):
            if self._over.wait(0.05) or _left(line.client):
                return
        self.outlasted = True

    def _terminate(self, port: int) -> None:
        assert self.database
        connection = psycopg2.connect(self.database.url)
        connection.autocommit = True
        try:
            connection.cursor().execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE client_port = %s",
                [port],
            )
        finally:
            connection.close()


def _left(client: socket.socket) -> bool:
    """Tell whether it closed its side, though something that it said before may not be read yet."""
    poll = select.poll()
    with contextlib.suppress(ValueError):  # what was closed has no number
        poll.register(client, select.POLLRDHUP)
        return bool(poll.poll(0))
    return True


def _owner(port: int, gate: int, parent: int) -> int:
    """Find the child that speaks from a port to the gate, not those that it forked; 0: it ended.

    Both ports count: another process of this machine may speak from the same one to elsewhere.
    """
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    ends = f"0100007F:{port:04X}", f"0100007F:{gate:04X}"
    inode = next((row[9] for row in rows if (row[1], row[2]) == ends), "none")
    name, above = f"socket:[{inode}]", dict[int, int]()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if any(str(fd.readlink()) == name for fd in (process / "fd").iterdir()):
                stat = (process / "stat").read_text().rpartition(") ")[2].split()
                above[int(process.name)] = int(stat[1])
    assert parent not in above, "what is to be killed must be a child"
    found = next((pid for pid in above if above[pid] not in above), 0)
    # A process beside a pass that was killed lives on for a moment, without a parent of ours.
    ours = not found or _descends(found, parent) or os.getpgid(found) == os.getpgid(parent)
    assert ours, "it is none of ours"
    return found


def _descends(process: int, parent: int) -> bool:
    while process > 1:
        stat = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
        process = int(stat[1])
        if process == parent:
            return True
    return False


def _words(server: str, said: bytes) -> str:
    """Say what is asked, so that a person finds the place in the code."""
    text = said[5:] if server == "postgres" else said
    lines = [line.strip(b" \0\r") for line in text.split(b"\n")]
    lines = [line for line in lines if line and not line.startswith(b"--")] or [b""]
    line = b" ".join(lines[:2] if lines[0] == b"BEGIN;" else lines[:1])[:_LETTERS]
    if server == "postgres" and lines[-1] == b"COMMIT" and len(lines) > 1:
        line = b"COMMIT after " + line
    return line.decode("ascii", "replace").replace("\0", "").strip()


def chosen(
    turns: Iterable[Turn], *, most: int, pick: Callable[[list[Turn], int], list[Turn]]
) -> list[Turn]:
    """Choose turns to fail at: at each send and settle, and of the rest as many as are left."""
    turns = list(turns)
    always = [turn for turn in turns if turn.sends or turn.settles]
    commits = [turn for turn in turns if turn.commits]
    others = [turn for turn in turns if turn not in always and turn not in commits]
    always = always if len(always) <= most // 2 else pick(always, most // 2)
    commits = commits if len(commits) <= most // 3 else pick(commits, most // 3)
    left = most - len(always) - len(commits)
    return sorted([*always, *commits, *pick(others, min(left, len(others)))], key=_number)


def _number(turn: Turn) -> int:
    return turn.number
