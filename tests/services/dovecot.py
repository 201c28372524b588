"""A Dovecot of our own on loopback: IMAP and POP3, any user, one password, Maildir."""

from __future__ import annotations

import base64
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from demo.ports import LOOPBACK, free_ports, wait_until_open
from services.certificates import Authority, Certificate

_CONFIGURATION = """\
protocols = imap pop3
base_dir = {run}
state_dir = {run}
log_path = {log}
listen = {host}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
first_valid_uid = 1
mail_location = maildir:{mail}/%u/Maildir
mail_fsync = never
pop3_uidl_format = %08Xu%08Xv
ssl = {ssl}
{tls}
{oauth}
passdb {{
  driver = static
  {static_mechanisms}
  args = password={{PLAIN}}{password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
protocol imap {{
  mail_max_userip_connections = {connections}
}}
{extra}
"""
_OAUTH2 = """\
introspection_mode = post
introspection_url = {url}
active_attribute = active
active_value = true
username_attribute = username
"""


@dataclass(slots=True)
class Dovecot:
    """One server, stopped until ``start``; ``restart`` keeps ports and mail.

    ``folder`` receives its configuration, log and certificates. The mail lies in a folder of
    its own below the system's temporary one: as root, Dovecot reads mail as an ordinary user,
    to whom pytest's folders are closed, and its sockets' paths must stay short.
    """

    folder: Path
    tls: bool = False
    """Offer STARTTLS and STLS, and implicit TLS on ``imaps_port`` and ``pop3s_port``."""
    tls_required: bool = False
    """Refuse to sign in without TLS."""
    certificate: Certificate | None = None
    """Another one than the good one that ``authority`` issues."""
    mechanisms: str = "plain login cram-md5 apop xoauth2"
    """XOAUTH2 takes the password as its token."""
    introspection_url: str = ""
    """Asked about each token of XOAUTH2 (RFC 7662), instead of taking the password as one."""
    connections: int = 50
    """How many connections one user may have at a time."""
    extra: str = ""
    """More lines of configuration, e.g. ``imap_capability = IMAP4rev1 IDLE``."""
    password: str = "secret"
    host: str = LOOPBACK
    port: int = 0
    imaps_port: int = 0
    pop3_port: int = 0
    pop3s_port: int = 0
    authority: Authority = field(init=False)
    _home: Path = field(init=False)
    _running: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _numbers: count[int] = field(init=False, default_factory=count)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(self.folder / "tls")
        self._home = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self._home.chmod(0o711)
        (self._home / "run").mkdir()
        self._own_mail_folder(self._home / "mail")
        numbers = free_ports(4)
        self.port = self.port or numbers[0]
        self.imaps_port = self.imaps_port or numbers[1]
        self.pop3_port = self.pop3_port or numbers[2]
        self.pop3s_port = self.pop3s_port or numbers[3]

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "dovecot.log"

    def start(self) -> None:
        """Start it and wait for its greeting."""
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(self._configuration())
        self._running = subprocess.Popen([_program(), "-F", "-c", str(configuration)])
        try:
            wait_until_open(self.port, self._alive)
        except RuntimeError as error:
            said = self.log.read_text() if self.log.exists() else ""
            raise RuntimeError(f"Dovecot did not start: {said}") from error

    def stop(self) -> None:
        """Stop it, connections included; the mail stays for a later ``start``."""
        if not self._running:
            return
        self._running.terminate()
        try:
            self._running.wait(10)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    def restart(self) -> None:
        """Stop and start it, on the same ports, with the same mail."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it for good and remove the mail."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        """Name the Maildir of a user's folder (hierarchies are written with ``/``)."""
        top = self._home / "mail" / user / "Maildir"
        return top if folder == "INBOX" else top / ("." + _modified_utf7(folder).replace("/", "."))

    def deliver(self, user: str, original: bytes, folder: str = "INBOX") -> None:
        """Put one mail into a folder, which is created when missing, by Maildir's own rules."""
        maildir = self.maildir(user, folder)
        for part in ("cur", "new", "tmp"):
            self._own_mail_folder(maildir / part)
        number = next(self._numbers)
        name = f"{int(time.time())}.M{number:06}P{os.getpid()}.test"
        written = maildir / "tmp" / name
        written.write_bytes(original)
        self._own(written)
        written.rename(maildir / "new" / name)

    def forget_uids(self, user: str, folder: str = "INBOX") -> None:
        """Raise a folder's UIDVALIDITY and number its mail anew (while nobody has it open)."""
        maildir = self.maildir(user, folder)
        for index in maildir.glob("dovecot.index*"):
            index.unlink()
        listing = maildir / "dovecot-uidlist"
        validity = re.search(r" V(\d+) ", listing.read_text().partition("\n")[0])
        after = int(validity[1]) + 1 if validity else int(time.time())
        listing.write_text(f"3 V{after} N1\n")

    def _alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def _configuration(self) -> str:
        ids = _identities()
        ssl = "required" if self.tls_required else "yes" if self.tls else "no"
        return _CONFIGURATION.format(
            run=self._home / "run",
            mail=self._home / "mail",
            log=self.log,
            host=self.host,
            mechanisms=self.mechanisms,
            ssl=ssl,
            tls="" if ssl == "no" else self._tls(),
            password=self.password,
            port=self.port,
            imaps_port=0 if ssl == "no" else self.imaps_port,
            pop3_port=self.pop3_port,
            pop3s_port=0 if ssl == "no" else self.pop3s_port,
            connections=self.connections,
            oauth=self._oauth(),
            static_mechanisms="mechanisms = plain login cram-md5 apop"
            * bool(self.introspection_url),
            extra=self.extra,
            **ids,
        )

    def _oauth(self) -> str:
        if not self.introspection_url:
            return ""
        settings = self._home / "oauth2.conf"
        settings.write_text(_OAUTH2.format(url=self.introspection_url))
        return f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {settings}\n}}"

    def _tls(self) -> str:
        pair = self.certificate or self.authority.issue()
        return f"ssl_cert = <{pair.certificate}\nssl_key = <{pair.key}"

    def _own_mail_folder(self, path: Path) -> None:
        """Create a folder, and those above it, for the user who reads the mail."""
        missing = [each for each in (path, *path.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700)
            self._own(each)

    def _own(self, path: Path) -> None:
        ids = _identities()
        if os.geteuid() == 0:
            os.chown(path, int(ids["uid"]), int(ids["gid"]))


def _program() -> str:
    found = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not found:
        raise RuntimeError("Dovecot is missing: apt-get install dovecot-imapd dovecot-pop3d")
    return found


def _identities() -> dict[str, str]:
    """Name the users under which Dovecot's parts run: root's Dovecot refuses to be root."""
    if os.geteuid() == 0:
        mail = pwd.getpwnam("mail")
        return {
            "internal_user": "dovecot",
            "internal_group": "dovecot",
            "login_user": "dovenull",
            "uid": str(mail.pw_uid),
            "gid": str(mail.pw_gid),
        }
    user = pwd.getpwuid(os.geteuid())
    return {
        "internal_user": user.pw_name,
        "internal_group": str(user.pw_gid),
        "login_user": user.pw_name,
        "uid": str(user.pw_uid),
        "gid": str(user.pw_gid),
    }


def _modified_utf7(folder: str) -> str:
    """Encode a folder's name as RFC 3501, 5.1.3 wants it on the wire and Dovecot on disk."""
    return re.sub("[^ -~]+", _shifted, folder.replace("&", "&-"))


def _shifted(run: re.Match[str]) -> str:
    packed = base64.b64encode(run[0].encode("utf-16-be")).decode()
    return f"&{packed.rstrip('=').replace('/', ',')}-"
