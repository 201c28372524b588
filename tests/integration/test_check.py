"""Check connection (SPEC 2.7): what is wrong, in one sentence with the cure, on real servers."""

from __future__ import annotations

import json
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from demo.ports import LOOPBACK
from mailticket.commands.checking import check_database, check_mail_server, check_mailbox
from mailticket.commands.deciding import judge_for
from mailticket.errors import ConfigurationError
from mailticket.mailboxes.check import CheckStep, check
from mailticket.mailboxes.login import MailboxLogin
from mailticket.mailboxes.opening import open_mailbox
from services.certificates import Authority, Certificate, self_signed
from services.database import Database
from services.dovecot import Dovecot
from services.oauth_server import OAuthServer
from services.post_office import PostOffice
from services.tenant import Tenant

MakeDovecot = Callable[..., Dovecot]
PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3"])


def login(server: Dovecot, protocol: str, **options: Any) -> MailboxLogin:
    ports = {
        ("imap", True): server.imaps_port,
        ("imap", False): server.port,
        ("pop3", True): server.pop3s_port,
        ("pop3", False): server.pop3_port,
    }
    usual: dict[str, Any] = {
        "host": "localhost",
        "port": ports[protocol, options.get("tls") == "implicit"],
        "login": "check",
        "password": server.password,
        "tls": "none",
        "ca": str(server.authority.ca),
        "timeout": 0.5,
        "read_timeout": 2,
        "protocol": protocol,
    }
    return MailboxLogin(**(usual | options))


def failing(tried: MailboxLogin, folder: str = "INBOX", move_to: str = "") -> CheckStep:
    """Give the step that fails; it is the last one."""
    steps = check(tried, folder, move_to)
    assert [step.ok for step in steps] == [True] * (len(steps) - 1) + [False]
    assert "\n" not in steps[-1].detail
    return steps[-1]


@contextmanager
def silent() -> Iterator[int]:
    """Give a port whose server has no room for one more connection, and never answers."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        for _ in range(4):
            caller = sockets.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


# -- the way to the server -------------------------------------------------------------------------


@PROTOCOLS
def test_a_name_a_port_and_a_firewall_are_told_apart(dovecot: Dovecot, protocol: str) -> None:
    name = failing(login(dovecot, protocol, host="no-such-host.invalid"))
    assert name.name == "resolve"
    assert re.search(r"is not found .*: check the Connection's host$", name.detail)
    port = failing(login(dovecot, protocol, port=1))
    assert port.name == "connect"
    assert "refused the connection: check the port" in port.detail
    with silent() as busy:
        firewall = failing(login(dovecot, protocol, port=busy))
    assert firewall.name == "connect"
    assert re.search(r"did not answer within 0\.5 s: check .* firewall", firewall.detail)


@PROTOCOLS
def test_a_wrong_tls_mode_is_named_in_either_direction(dovecot: Dovecot, protocol: str) -> None:
    plain, secure = login(dovecot, protocol), login(dovecot, protocol, tls="implicit")
    too_much = failing(replace(plain, tls="implicit"))
    assert "does not speak TLS from the first byte on this port; use tls = start" in too_much.detail
    for tls in ("none", "starttls"):
        too_little = failing(replace(secure, tls=tls))  # type: ignore[arg-type]
        assert too_little.name == "greeting"
        assert too_little.detail.endswith("expects TLS from the first byte: set tls = implicit")


@PROTOCOLS
def test_a_server_without_starttls_is_never_spoken_to_in_clear(
    make_dovecot: MakeDovecot, protocol: str
) -> None:
    step = failing(login(make_dovecot(), protocol, tls="starttls"))
    assert step.name == "TLS"
    assert "mail is never read in clear instead: use tls = implicit and its port" in step.detail


@pytest.mark.parametrize(
    ("protocol", "other"), [("imap", "pop3_port"), ("pop3", "port")], ids=["imap", "pop3"]
)
def test_the_port_of_another_protocol_is_named(dovecot: Dovecot, protocol: str, other: str) -> None:
    step = failing(login(dovecot, protocol, port=getattr(dovecot, other)))
    spoken = "IMAP but POP3" if protocol == "imap" else "POP3 but IMAP"
    assert f"does not speak {spoken}: check the port and the protocol" in step.detail


# -- the certificate -------------------------------------------------------------------------------

CERTIFICATES = {
    "expired": (r"it has expired .*administrator has to renew it.*valid until 20\d\d-", "ours"),
    "name": (r"is for another name .*use the name on the certificate.*names mail\.exam", "ours"),
    "unknown": (r"authority that is not known here.*Extra as ca.*issuer CN=mailticket te", ""),
    "self-signed": (r"is signed by itself .*put it into the Connection's Extra as ca", ""),
}


def certificate(kind: str, authority: Authority, folder: Path) -> Certificate:
    if kind == "self-signed":
        return self_signed(folder)
    hosts = ("mail.example",) if kind == "name" else ("localhost",)
    return authority.issue(*hosts, days=-1 if kind == "expired" else 30)


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_certificate_that_is_not_trusted_is_told_with_why_and_whose_it_is(
    make_dovecot: MakeDovecot, tmp_path: Path, kind: str
) -> None:
    authority = Authority(tmp_path)
    server = make_dovecot(tls=True, certificate=certificate(kind, authority, tmp_path))
    words, trusted = CERTIFICATES[kind]
    ca = str(authority.ca) if trusted else ""
    for protocol in ("imap", "pop3"):
        for tls in ("implicit", "starttls"):
            step = failing(login(server, protocol, tls=tls, ca=ca))
            assert step.name == "TLS"
            assert re.search(words, step.detail), step.detail


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_that_wants_a_client_certificate_gets_it(
    make_dovecot: MakeDovecot, tmp_path: Path, protocol: str
) -> None:
    authority = Authority(tmp_path)
    asks = f"ssl_ca = <{authority.ca}\nssl_verify_client_cert = yes\nssl_require_crl = no\n"
    server = make_dovecot(tls=True, extra=f"{asks}auth_ssl_require_client_cert = yes\n")
    own = authority.issue("robot")
    given = {"client_cert": str(own.certificate), "client_key": own.key.read_text()}
    assert check(login(server, protocol, tls="implicit", **given))[-1].ok
    assert not check(login(server, protocol, tls="implicit"))[-1].ok


def test_the_tests_authority_stands_up_to_strict_verification(dovecot: Dovecot) -> None:
    import ssl  # noqa: PLC0415

    context = ssl.create_default_context(cafile=dovecot.authority.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection((LOOPBACK, dovecot.imaps_port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.version()


# -- signing in ------------------------------------------------------------------------------------


@PROTOCOLS
def test_a_refused_password_is_told(dovecot: Dovecot, protocol: str) -> None:
    step = failing(login(dovecot, protocol, password="wrong"))
    assert step.name == "sign in"
    assert re.search(
        r"refused to sign check in .*: check login and password in|; check", step.detail
    )


@PROTOCOLS
def test_a_way_to_sign_in_that_is_not_offered_comes_with_those_that_are(
    make_dovecot: MakeDovecot, protocol: str
) -> None:
    step = failing(login(make_dovecot(mechanisms="plain"), protocol, auth="CRAM-MD5"))
    assert step.name == "sign in"
    assert re.search(r"does not offer CRAM-MD5; it offers PLAIN: change .*auth", step.detail)


@PROTOCOLS
def test_a_server_that_takes_no_plain_password_says_what_to_change(
    make_dovecot: MakeDovecot, protocol: str
) -> None:
    step = failing(login(make_dovecot(mechanisms="cram-md5"), protocol))
    assert step.name == "sign in"
    assert "change auth" in step.detail


_LIMITS = """
protocol pop3 {
  mail_max_userip_connections = 1
}
"""


@PROTOCOLS
def test_a_server_that_has_had_enough_is_told_from_a_wrong_password(
    make_dovecot: MakeDovecot, protocol: str
) -> None:
    tried = login(make_dovecot(connections=1, extra=_LIMITS), protocol)
    with open_mailbox(tried):
        step = failing(tried)
    assert step.name == "sign in"
    assert re.search(r"cannot sign check in now: .*; it passes by itself", step.detail)
    assert check(tried)[-1].ok


# -- folders ---------------------------------------------------------------------------------------


def test_a_missing_folder_comes_with_the_nearest_names(dovecot: Dovecot) -> None:
    dovecot.deliver("check", b"Subject: x\r\n\r\n", "Support/Done")
    step = failing(login(dovecot, "imap"), "Suport.Done")
    assert step.name == "open folder"
    assert "the nearest are 'Support/Done'" in step.detail
    step = failing(login(dovecot, "imap"), "INBOX", "Done")
    assert step.name == "move_to"
    assert "there is no folder 'Done'" in step.detail
    assert "the nearest are 'Support/Done'" in step.detail
    assert check(login(dovecot, "imap"), "INBOX", "Support/Done")[-1].ok


def test_a_folder_for_reading_only_is_said(make_dovecot: MakeDovecot, tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("* owner lr\n")
    common = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder != common and common in folder.parents:
            folder.chmod(0o755)  # Dovecot reads mail, and rights, as an ordinary user
    server = make_dovecot(
        extra=f"protocol imap {{\n  mail_plugins = acl\n}}\nplugin {{\n  acl = vfile:{rights}\n}}\n"
    )
    server.deliver("check", b"Subject: x\r\n\r\n")
    details = {step.name: step.detail for step in check(login(server, "imap"))}
    assert "for reading only: nothing can be deleted" in details["open folder"]
    assert details["count"] == "it holds 1 message"


# -- what the command says -------------------------------------------------------------------------


@pytest.fixture
def tenant(dovecot: Dovecot, database: Database, tmp_path: Path) -> Iterator[Tenant]:
    authority = Authority(tmp_path / "authority")
    oauth = OAuthServer(authority.issue())
    oauth.start()
    yield Tenant(oauth, dovecot, database, str(authority.ca), user="check")
    oauth.stop()


def said(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    well = check_mailbox(tenant.access(), tenant.inbox, with_database=True)
    return well, capsys.readouterr().out


def test_the_token_endpoint_has_its_own_line(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.oauth.answer = web.json_response({"access_token": tenant.dovecot.password})
    tenant.token()
    well, lines = said(tenant, capsys)
    assert well, lines
    assert "ok     encryption: tokens are kept with Airflow's Fernet key" in lines
    assert re.search(r"ok     token: localhost:\d+ gives a token \(client credentials\)", lines)
    assert len(tenant.oauth.forms) == 2  # a check asks anew, whatever is kept


@pytest.mark.parametrize(
    ("grant", "keys", "answer", "line"),
    [
        (
            "client_credentials",
            None,
            web.json_response({"error": "invalid_client"}, status=401),
            r"FAILED token: .*refuses \(invalid_client\): check client_id and client_secret",
        ),
        ("refresh_token", "", None, r"FAILED encryption: .*no Fernet key.*set core\.fernet_key"),
        (
            "refresh_token",
            "wrong",
            None,
            r"FAILED encryption: .*is not the one that tokens were kept with: set the former one",
        ),
    ],
)
def test_what_is_wrong_with_tokens_is_told(  # noqa: PLR0917
    tenant: Tenant,
    capsys: pytest.CaptureFixture[str],
    grant: str,
    keys: Any,
    answer: Any,
    line: str,
) -> None:
    tenant.use(grant)
    if keys is not None:
        tenant.token()
        tenant.keys = "A" * 43 + "=" if keys else ""
    tenant.oauth.answer = answer
    well, lines = said(tenant, capsys)
    assert not well
    assert re.search(line, lines), lines


def test_a_name_in_rules_off_that_is_no_rule_is_told_by_check_and_explain(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.fields = {"rules_off": ["too_bigg"]}
    assert not check_database(tenant.access(), tenant.inbox)
    assert "did you mean too_big?" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="did you mean too_big"):
        judge_for("support", tenant.access())


# -- the mail server -------------------------------------------------------------------------------


def mail_server(
    tenant: Tenant, capsys: pytest.CaptureFixture[str], extra: dict[str, Any], **fields: Any
) -> str:
    """Give the line about the mail server."""
    usual = {"host": LOOPBACK, "port": 1, "login": None, "password": None} | fields
    tenant.smtp = {**usual, "extra": json.dumps({"timeout": 0.5, **extra})}
    well = check_mail_server(tenant.access(), tenant.inbox, with_database=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("ok    " if well else "FAILED")
    return line


def test_without_a_mail_server_nothing_goes_out_and_nothing_is_wrong(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_mail_server(tenant.access(), tenant.inbox, with_database=True)
    assert capsys.readouterr().out.startswith("note   mail server: there is no Airflow Connection")


def test_what_is_wrong_with_the_mail_server_is_told(
    tenant: Tenant, capsys: pytest.CaptureFixture[str], post_office: PostOffice, dovecot: Dovecot
) -> None:
    plain = {"tls": "none"}
    there = {"port": post_office.port}
    secure = {"port": dovecot.imaps_port, "host": "localhost"}
    lines = {
        "ok     mail server: 127.0.0.1": mail_server(tenant, capsys, plain, **there),
        "name is not known": mail_server(tenant, capsys, plain, host="no-such-host.invalid"),
        "nothing listens there (port?)": mail_server(tenant, capsys, plain),
        "from the first byte on this port; use tls = starttls": mail_server(
            tenant, capsys, {"tls": "implicit"}, **there
        ),
        "it offers no STARTTLS": mail_server(tenant, capsys, {"tls": "starttls"}, **there),
        "authority that is not known here": mail_server(tenant, capsys, {}, **secure),
        "SMTP AUTH extension not supported": mail_server(
            tenant, capsys, plain, login="me", password="secret", **there
        ),
    }
    for words, line in lines.items():
        assert words in line


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_mail_server_that_refuses_the_login_is_told(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    office = PostOffice(tokens=lambda _user, token: token == "right")
    office.start()
    try:
        given = {"tls": "none", "auth_type": "oauth2", "access_token": "wrong"}
        line = mail_server(tenant, capsys, given, login="me", port=office.port)
        assert re.search("refuses the login: 535 .*; check login and token.*next try", line)
        given["access_token"] = "right"
        line = mail_server(tenant, capsys, given, login="me", port=office.port)
        assert "signs me in" in line
        line = mail_server(
            tenant, capsys, {"tls": "none"}, login="me", password="x", port=office.port
        )
        assert "No suitable authentication method found" in line
    finally:
        office.stop()
