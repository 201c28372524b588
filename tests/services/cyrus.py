"""A Cyrus of our own on loopback: IMAP and POP3, any user, any password.

Debian's package cannot be installed beside Dovecot's: bin/test unpacks it into ``.cache/cyrus``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from demo.home import CLONE
from demo.ports import LOOPBACK, free_ports, wait_until_open

UNPACKED = CLONE / ".cache" / "cyrus"
_PROGRAMS = ("master", "imapd", "pop3d", "ctl_cyrusdb")
_STATE = ("db", "proc", "socket", "log", "msg", "ptclient", "user", "quota", "sync", "lock")
_IMAPD = """\
configdirectory: {home}/state
defaultpartition: default
partition-default: {home}/mail
cyrus_user: {user}
admins: cyrus
servername: localhost
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
tls_server_cert: disabled
autocreate_quota: 0
autocreate_post: yes
altnamespace: {plain_names}
unixhierarchysep: {plain_names}
statuscache: no
{extra}
"""
_MASTER = """\
START {{
  recover cmd="{home}/bin/ctl_cyrusdb -C {home}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{home}/bin/imapd -C {home}/imapd.conf" listen="{host}:{port}" prefork=0
  pop3 cmd="{home}/bin/pop3d -C {home}/imapd.conf" listen="{host}:{pop3_port}" prefork=0
}}
EVENTS {{
}}
"""


def is_there() -> bool:
    """Tell whether it was unpacked."""
    return (UNPACKED / "usr/lib/cyrus/bin/imapd").exists()


@dataclass(slots=True)
class Cyrus:
    """One server, stopped until ``start``."""

    plain_names: bool = True
    """Folders as ``Support/2026``; else as Cyrus has them by itself: ``INBOX.Support.2026``."""
    extra: str = ""
    """More lines of imapd.conf."""
    password: str = "any"
    host: str = LOOPBACK
    port: int = 0
    pop3_port: int = 0
    _home: Path = field(init=False)
    _running: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.port, self.pop3_port = free_ports(2)
        self._home = Path(tempfile.mkdtemp(prefix="cyrus-"))
        self._home.chmod(0o755)

    def start(self) -> None:
        """Start it and wait until it listens; as root it runs as nobody."""
        self._install()
        command: list[str | Path] = [self._home / "bin/master", "-C", self._home / "imapd.conf"]
        command += ["-M", self._home / "cyrus.conf", "-p", self._home / "state/pid"]
        root = os.geteuid() == 0
        self._running = subprocess.Popen(
            [*(("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups") if root else ()),
             *command],
            env=os.environ | {"LD_LIBRARY_PATH": str(self._home / "lib")},
            cwd=self._home,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until_open(self.port, lambda: self._running is not None and not self._running.poll())

    def close(self) -> None:
        """Stop it for good and remove the mail."""
        if self._running:
            self._running.terminate()
            try:
                self._running.wait(10)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _install(self) -> None:
        """Copy it to where an ordinary user may read it, and configure it."""
        (self._home / "bin").mkdir()
        for program in _PROGRAMS:
            shutil.copy(UNPACKED / "usr/lib/cyrus/bin" / program, self._home / "bin")
        libraries = self._home / "lib"
        libraries.mkdir()
        for path in UNPACKED.glob("**/lib/*-linux-gnu/*.so*"):
            shutil.copy(path, libraries)
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        values = {
            "home": self._home,
            "user": user,
            "plain_names": "yes" if self.plain_names else "no",
            "extra": self.extra,
            "host": self.host,
            "port": self.port,
            "pop3_port": self.pop3_port,
        }
        (self._home / "imapd.conf").write_text(_IMAPD.format(**values))
        (self._home / "cyrus.conf").write_text(_MASTER.format(**values))
        for name in ("mail", *(f"state/{part}" for part in _STATE)):
            (self._home / name).mkdir(parents=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (self._home, *self._home.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
