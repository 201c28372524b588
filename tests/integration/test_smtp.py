"""Mail handed to real SMTP servers on real sockets, well-behaved and otherwise."""

from __future__ import annotations

import base64
import datetime as dt
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailticket.errors import ConfigurationError, MailRefused, MailServerUnavailable
from mailticket.smtp import MailServer, SmtpLogin

RAW = b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n"
SENDER = "help@help.example"
RECIPIENT = "ann@x.example"


class Desk:
    """An aiosmtpd handler that keeps what it takes, and answers as it is told."""

    def __init__(self, **answers: str | Callable[[str], str]) -> None:
        self.answers = answers
        self.taken: list[tuple[str, list[str], bytes, list[str]]] = []
        self.sessions = 0

    def _answer(self, verb: str, argument: str) -> str:
        answer = self.answers.get(verb, "")
        return answer if isinstance(answer, str) else answer(argument)

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        hidden = self._answer("hide", hostname)
        return [r for r in responses if not hidden or hidden not in r]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if refused := self._answer("mail", address):
            return refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if refused := self._answer("rcpt", address):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self._answer("data", "")
        if answer == "die":
            server.transport.abort()
            return "250 nobody hears this"
        if answer:
            return answer
        taken = (envelope.mail_from, envelope.rcpt_tos, envelope.content, envelope.mail_options)
        self.taken.append(taken)
        return "250 taken"


@contextmanager
def serving(desk: Desk, **options: Any) -> Iterator[SmtpLogin]:
    controller = Controller(desk, hostname="127.0.0.1", port=_free_port(), **options)
    controller.start()
    try:
        yield SmtpLogin("127.0.0.1", controller.port, tls="none", timeout=30, data_timeout=30)
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def scripted(
    *script: bytes | None, greet: bytes = b"220 hi\r\n", heard: list[bytes] | None = None
) -> Iterator[SmtpLogin]:
    """Serve one session from a script: a line is read, then answered; ``None`` hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(greet)
            for answer in script:
                line = lines.readline()
                if heard is not None:
                    heard.append(line)
                while answer is not None and answer.startswith(b"END") and line != b".\r\n":
                    line = lines.readline()
                if answer is None:
                    return
                connection.sendall(answer.removeprefix(b"END"))
            if b"QUIT\r\n" in (line.upper() for line in lines):
                connection.sendall(b"221 bye\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield SmtpLogin("127.0.0.1", port, tls="none", timeout=3, data_timeout=3)
    finally:
        listener.close()
        thread.join(5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a self-signed certificate for localhost: a PEM file of key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(pem + signed.public_bytes(serialization.Encoding.PEM))
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


# -- taken --------------------------------------------------------------------------------------


def test_one_session_takes_several_mails() -> None:
    desk = Desk()
    with serving(desk) as login, MailServer(login) as server:
        for number in range(3):
            server.send(SENDER, f"r{number}@x.example", RAW)
    assert [(t[0], t[1]) for t in desk.taken] == [
        (SENDER, [f"r{number}@x.example"]) for number in range(3)
    ]
    assert desk.sessions == 1


def test_the_null_sender_is_sent_as_such() -> None:
    desk = Desk()
    with serving(desk) as login, MailServer(login) as server:
        server.send("", RECIPIENT, RAW)
    assert desk.taken[0][0] in {"", "<>", None}


def test_bytes_arrive_as_they_are_dots_and_8_bit_included() -> None:
    desk = Desk()
    raw = RAW + b".\r\n..\r\n.x\r\n\xff\x80 caf\xc3\xa9\r\n" + b"y" * 998 + b"\r\nno end"
    with serving(desk) as login, MailServer(login) as server:
        server.send(SENDER, RECIPIENT, raw)
    assert desk.taken[0][2] == raw + b"\r\n"
    assert "BODY=8BITMIME" in desk.taken[0][3]


def test_a_stray_line_end_cannot_smuggle_a_second_mail() -> None:
    desk = Desk()
    smuggler = RAW + b"x\n.\r\nMAIL FROM:<evil@x>\r\n\r.\rRCPT TO:<y@z>\n.\n"
    with serving(desk) as login, MailServer(login) as server:
        server.send(SENDER, RECIPIENT, smuggler)
        server.send(SENDER, RECIPIENT, RAW)
    assert [t[0] for t in desk.taken] == [SENDER, SENDER]
    assert b"MAIL FROM:<evil@x>" in desk.taken[0][2]
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", desk.taken[0][2])


def test_an_address_beyond_ascii_asks_for_smtputf8() -> None:
    desk = Desk()
    with serving(desk, enable_SMTPUTF8=True) as login, MailServer(login) as server:
        server.send(SENDER, "jörg@x.example", RAW)
        server.send(SENDER, RECIPIENT, RAW)
    assert desk.taken[0][1] == ["jörg@x.example"]
    assert "SMTPUTF8" in desk.taken[0][3]
    assert "SMTPUTF8" not in desk.taken[1][3]


def test_a_server_without_8bitmime_gets_seven_bits() -> None:
    from mailticket.enclosure import multipart, original_part  # noqa: PLC0415

    desk = Desk(hide="8BITMIME")
    original = b"Subject: \xe9\r\n\r\n\xff\r\n"
    raw = b"Subject: x\r\n" + multipart("id@x", (b"\r\nhello", original_part(original)))
    with serving(desk) as login, MailServer(login) as server:
        server.send(SENDER, RECIPIENT, raw)
    assert desk.taken[0][2].isascii()
    assert b"application/octet-stream" in desk.taken[0][2]
    assert "BODY=8BITMIME" not in desk.taken[0][3]


def test_a_session_that_the_server_ended_between_mails_is_opened_again() -> None:
    desk = Desk()
    with serving(desk, timeout=1.5) as login, MailServer(login) as server:
        server.send(SENDER, RECIPIENT, RAW)
        threading.Event().wait(2.5)
        server.send(SENDER, RECIPIENT, RAW)
    assert len(desk.taken) == 2
    assert desk.sessions == 2


# -- refused ------------------------------------------------------------------------------------


def test_a_refused_recipient_is_final_and_the_next_mail_passes() -> None:
    desk = Desk(rcpt=lambda to: "550 5.1.1 no such person" if to.startswith("nobody") else "")
    with serving(desk) as login, MailServer(login) as server:
        with pytest.raises(MailRefused, match=r"550 5\.1\.1 no such person"):
            server.send(SENDER, "nobody@x.example", RAW)
        server.send(SENDER, RECIPIENT, RAW)
    assert [t[1] for t in desk.taken] == [[RECIPIENT]]
    assert desk.sessions == 1


def test_refused_content_is_final() -> None:
    with (
        serving(Desk(data="554 5.6.0 we do not like it")) as login,
        MailServer(login) as server,
        pytest.raises(MailRefused, match="do not like it") as raised,
    ):
        server.send(SENDER, RECIPIENT, RAW)
    assert not raised.value.too_big


def test_a_mail_over_the_servers_size_is_refused_before_it_is_sent() -> None:
    desk = Desk()
    with serving(desk, data_size_limit=1000) as login, MailServer(login) as server:
        with pytest.raises(MailRefused, match="1000") as raised:
            server.send(SENDER, RECIPIENT, RAW + b"x" * 1000)
        server.send(SENDER, RECIPIENT, RAW)
    assert raised.value.too_big
    assert len(desk.taken) == 1


@pytest.mark.parametrize(
    ("answer", "too_big"),
    [("552 5.3.4 too big", True), ("552 too big", True), ("552 5.2.2 mailbox full", False)],
)
def test_too_big_is_told_from_a_full_mailbox(answer: str, *, too_big: bool) -> None:
    with (
        serving(Desk(data=answer)) as login,
        MailServer(login) as server,
        pytest.raises(MailRefused) as raised,
    ):
        server.send(SENDER, RECIPIENT, RAW)
    assert raised.value.too_big is too_big


@pytest.mark.parametrize(
    "recipient",
    ["a@b\r\nRCPT TO:<x@y>", "a@b>\tSIZE=1", "a b@c", "<a@b>", "a\0@b", "a@b\x85", "a\ud800@b"],
)
def test_an_address_that_is_a_command_is_refused_unsent(recipient: str) -> None:
    desk = Desk()
    with serving(desk) as login, MailServer(login) as server:
        with pytest.raises(MailRefused, match="cannot be written"):
            server.send(SENDER, recipient, RAW)
        with pytest.raises(MailRefused, match="cannot be written"):
            server.send(recipient, RECIPIENT, RAW)
    assert not desk.taken


def test_without_smtputf8_an_address_beyond_ascii_is_refused() -> None:
    with (
        serving(Desk(), enable_SMTPUTF8=False) as login,
        MailServer(login) as server,
        pytest.raises(MailRefused, match="SMTPUTF8"),
    ):
        server.send(SENDER, "jörg@x.example", RAW)


def test_where_the_null_sender_is_refused_from_email_stands_in() -> None:
    desk = Desk(mail=lambda sender: "" if "@" in sender else "550 5.7.60 no null sender here")
    with serving(desk) as login:
        with MailServer(replace(login, from_email="robot@help.example")) as server:
            server.send("", RECIPIENT, RAW)
        with MailServer(login) as server, pytest.raises(MailRefused, match="null sender"):
            server.send("", RECIPIENT, RAW)
    assert [t[0] for t in desk.taken] == ["robot@help.example"]


def test_a_refused_recipient_is_not_tried_with_another_sender() -> None:
    asked: list[str] = []
    desk = Desk(rcpt=lambda to: asked.append(to) or "550 5.1.1 nobody")  # type: ignore[func-returns-value]
    with (
        serving(desk) as login,
        MailServer(replace(login, from_email="robot@help.example")) as server,
        pytest.raises(MailRefused),
    ):
        server.send("", RECIPIENT, RAW)
    assert asked == [RECIPIENT]


# -- later --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_4xx_makes_this_mail_wait_and_no_other(stage: str) -> None:
    once = iter([f"451 4.7.1 greylisted at {stage}"])
    desk = Desk(**{stage: lambda _: next(once, "")})
    with serving(desk) as login, MailServer(login) as server:
        with pytest.raises(MailServerUnavailable, match=f"greylisted at {stage}") as raised:
            server.send(SENDER, RECIPIENT, RAW)
        assert raised.value.only_this_mail
        assert not raised.value.maybe_taken
        server.send(SENDER, RECIPIENT, RAW)
    assert len(desk.taken) == 1
    assert desk.sessions == 1


def test_a_421_ends_the_session_and_burns_no_mail() -> None:
    once = iter(["421 4.3.2 closing"])
    desk = Desk(rcpt=lambda _: next(once, ""))
    with serving(desk) as login, MailServer(login) as server:
        with pytest.raises(MailServerUnavailable) as raised:
            server.send(SENDER, RECIPIENT, RAW)
        assert not raised.value.only_this_mail
        server.send(SENDER, RECIPIENT, RAW)
    assert desk.sessions == 2


@pytest.mark.parametrize("answer", ["530 5.7.0 sign in first", "503 bad sequence"])
def test_a_5xx_about_the_session_burns_no_mail(answer: str) -> None:
    with (
        serving(Desk(mail=answer)) as login,
        MailServer(login) as server,
        pytest.raises(MailServerUnavailable, match=answer[:3]) as raised,
    ):
        server.send(SENDER, RECIPIENT, RAW)
    assert not raised.value.only_this_mail


def test_a_server_that_dies_after_the_whole_mail_may_have_taken_it() -> None:
    with (
        serving(Desk(data="die")) as login,
        MailServer(login) as server,
        pytest.raises(MailServerUnavailable) as raised,
    ):
        server.send(SENDER, RECIPIENT, RAW)
    assert raised.value.maybe_taken


def test_a_server_that_thinks_long_about_a_whole_mail_is_waited_for() -> None:
    desk = Desk(data=lambda _: time.sleep(2.5) or "")  # type: ignore[func-returns-value]
    with serving(desk) as login, MailServer(replace(login, timeout=1.5)) as server:
        server.send(SENDER, RECIPIENT, RAW)
    assert len(desk.taken) == 1


EHLO = b"250 hi\r\n"
OK = b"250 ok\r\n"
GO = b"354 go\r\n"


def test_a_server_that_never_answers_the_mail_may_have_taken_it() -> None:
    with scripted(EHLO, OK, OK, OK, GO) as login, MailServer(login) as server:
        with pytest.raises(MailServerUnavailable, match="not answered") as raised:
            server.send(SENDER, RECIPIENT, RAW)
        assert raised.value.maybe_taken


def test_an_answer_to_the_mail_that_is_no_answer_leaves_it_open() -> None:
    with (
        scripted(EHLO, OK, OK, OK, GO, b"ENDxyz garbage\r\n") as login,
        MailServer(login) as server,
        pytest.raises(MailServerUnavailable, match="garbage") as raised,
    ):
        server.send(SENDER, RECIPIENT, RAW)
    assert raised.value.maybe_taken


@pytest.mark.parametrize(
    "script",
    [
        (EHLO, OK, None),
        (EHLO, OK, OK, None),
        (EHLO, OK, OK, OK, None),
        (EHLO, OK, OK, OK, b"x\r\n"),
    ],
)
def test_a_server_that_dies_before_the_mail_was_sent_has_not_taken_it(
    script: tuple[bytes | None, ...],
) -> None:
    with scripted(*script) as login, MailServer(login) as server:
        with pytest.raises(MailServerUnavailable) as raised:
            server.send(SENDER, RECIPIENT, RAW)
        assert not raised.value.maybe_taken
        assert not raised.value.only_this_mail


def test_a_server_that_dies_within_the_mail_has_not_taken_it() -> None:
    huge = RAW + (b"x" * 76 + b"\r\n") * 400_000
    with scripted(EHLO, OK, OK, OK, GO, None) as login, MailServer(login) as server:
        with pytest.raises(MailServerUnavailable, match="within the mail") as raised:
            server.send(SENDER, RECIPIENT, huge)
        assert not raised.value.maybe_taken


def test_a_4xx_after_the_mail_was_sent_is_an_answer() -> None:
    with (
        scripted(EHLO, OK, OK, OK, GO, b"END451 later\r\n", OK) as login,
        MailServer(login) as server,
        pytest.raises(MailServerUnavailable, match="later") as raised,
    ):
        server.send(SENDER, RECIPIENT, RAW)
    assert not raised.value.maybe_taken


# -- out of reach -------------------------------------------------------------------------------


def opened(login: SmtpLogin) -> str:
    with pytest.raises(MailServerUnavailable) as raised, MailServer(login):
        pass
    assert "secret" not in str(raised.value)
    return str(raised.value)


def test_without_tls_no_certificate_is_read() -> None:
    with serving(Desk()) as login, MailServer(replace(login, ca="/nowhere/ca.pem")) as server:
        server.send("a@x.example", "b@x.example", b"Subject: x\r\n\r\ny\r\n")


def test_words_tell_a_closed_port_from_a_wrong_name_from_silence() -> None:
    assert "nothing listens" in opened(SmtpLogin("127.0.0.1", _free_port(), tls="none"))
    assert "name is not known" in opened(SmtpLogin("nowhere.invalid", 25, tls="none"))
    with scripted(greet=b"") as silent:
        assert "no answer within 0.2 s" in opened(replace(silent, timeout=0.2))


def test_a_host_that_can_be_no_host_is_out_of_reach() -> None:
    assert opened(SmtpLogin("a" * 100 + "..b", 25, tls="none"))


def test_a_greeting_that_is_no_welcome_is_passed_on() -> None:
    with scripted(greet=b"554 go away\r\n") as login:
        assert "554 go away" in opened(login)


# -- TLS and sign-in ----------------------------------------------------------------------------


def test_starttls_that_is_not_offered_is_never_replaced_by_clear_text() -> None:
    desk = Desk()
    with serving(desk) as login:
        assert "no STARTTLS" in opened(replace(login, tls="starttls"))
    assert not desk.taken


def test_implicit_tls_on_a_plain_port_is_said() -> None:
    with serving(Desk()) as login:
        assert "TLS mode implicit" in opened(replace(login, tls="implicit"))


@pytest.mark.parametrize("form", ["file", "text"])
def test_starttls_with_a_trusted_certificate_takes_the_mail(certificate: Path, form: str) -> None:
    desk = Desk()
    ca = str(certificate) if form == "file" else certificate.read_text()
    context = server_context(certificate)
    with serving(desk, tls_context=context, require_starttls=True) as login:
        trusting = replace(login, host="localhost", tls="starttls", ca=ca)
        with MailServer(trusting) as server:
            server.send(SENDER, RECIPIENT, RAW)
    assert len(desk.taken) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_is_not_trusted_stops_all_unless_switched_off(
    certificate: Path, tls: Any
) -> None:
    desk = Desk()
    context = server_context(certificate)
    options = {"tls_context": context} if tls == "starttls" else {"ssl_context": context}
    with tls_port(desk, tls, options) as login:
        wary = replace(login, host="localhost", tls=tls)
        assert "not trusted" in opened(wary)
        with MailServer(replace(wary, verify=False)) as server:
            server.send(SENDER, RECIPIENT, RAW)
    assert len(desk.taken) == 1


def test_a_certificate_for_another_name_is_not_trusted(certificate: Path) -> None:
    with serving(Desk(), tls_context=server_context(certificate)) as login:
        named = replace(login, host="127.0.0.1", tls="starttls", ca=str(certificate))
        assert "not trusted" in opened(named)


@contextmanager
def tls_port(desk: Desk, tls: str, options: dict[str, Any]) -> Iterator[SmtpLogin]:
    """Serve with STARTTLS, or with TLS at once (whose start aiosmtpd cannot check itself)."""
    if tls == "starttls":
        with serving(desk, **options) as login:
            yield login
        return
    controller = _ImplicitTls(desk, hostname="127.0.0.1", port=_free_port(), **options)
    controller.start()
    try:
        yield SmtpLogin("127.0.0.1", controller.port, timeout=5, data_timeout=5)
    finally:
        controller.stop()


class _ImplicitTls(Controller):
    def _trigger_server(self) -> None:
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        with socket.create_connection((self.hostname, self.port), 5) as plain:
            unchecked.wrap_socket(plain).recv(100)


def test_a_ca_file_that_cannot_be_read_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    absent = SmtpLogin("127.0.0.1", 25, ca=str(tmp_path / "absent.pem"))
    with pytest.raises(ConfigurationError, match="Extra ca"), MailServer(absent):
        pass


def accepting(login: str, password: str) -> Callable[..., AuthResult]:
    def check(_server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and given == LoginPassword(
            login.encode(), password.encode()
        )
        return AuthResult(success=known, handled=False)

    return check


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("password", ["secret", "sécrèt €"])
def test_a_password_signs_in_also_beyond_ascii(password: str) -> None:
    desk = Desk()
    options = {"auth_required": True, "auth_require_tls": False}
    with serving(desk, authenticator=accepting("me", password), **options) as login:
        with MailServer(replace(login, login="me", password=password)) as server:
            server.send(SENDER, RECIPIENT, RAW)
        wrong = opened(replace(login, login="me", password=password + "secret"))
        assert re.search("refuses the login: 535", wrong)
        with MailServer(login) as server, pytest.raises(MailServerUnavailable, match="530"):
            server.send(SENDER, RECIPIENT, RAW)
    assert len(desk.taken) == 1


def test_an_access_token_signs_in_by_xoauth2_and_is_not_sent_twice() -> None:
    refusal = b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n"
    hello = b"250-hi\r\n250 AUTH XOAUTH2\r\n"
    heard: list[bytes] = []
    with scripted(hello, refusal, b"535 5.7.3 expired\r\n", heard=heard) as login:
        assert "535 5.7.3 expired" in opened(replace(login, login="me", access_token="secret"))
    assert heard[1].startswith(b"AUTH XOAUTH2 ")
    assert base64.b64decode(heard[1].split()[2]) == b"user=me\1auth=Bearer secret\1\1"
    assert heard[2] == b"\r\n"
    with (
        scripted(hello, b"235 welcome\r\n") as login,
        MailServer(replace(login, login="me", access_token="secret")),
    ):
        pass


def test_a_server_without_sign_in_is_told_when_one_is_configured() -> None:
    with serving(Desk(hide="AUTH")) as login:
        assert "AUTH" in opened(replace(login, login="me", password="secret"))
