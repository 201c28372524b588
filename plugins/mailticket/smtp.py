"""Sending through an SMTP server (RFC 5321): with smtp_session.py the owner of smtplib.

Not by ``SMTP.sendmail``: it does not tell a break before a mail's last byte from one after it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib  # noqa: TID251  # this is its owner
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from mailticket.enclosure import in_seven_bits
from mailticket.errors import MailRefused, MailServerUnavailable
from mailticket.outgoing import one_line
from mailticket.smtp_login import SmtpLogin, smtp_login_from
from mailticket.smtp_session import connected, said_by

__all__ = ["MailServer", "SmtpLogin", "smtp_login_from"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)
_UNWRITABLE = re.compile(r"[\s<>\x00-\x1f\x7f]")
# The server's answers that say something of the session, not of this mail (RFC 4954, 6; 5321, 4.2):
# bad sequence, sign in first, TLS first, credentials invalid. The mail waits until that is mended.
_OF_THE_SESSION = frozenset({500, 502, 503, 530, 534, 535, 538})
# RFC 3463 and Exchange: the null sender may not be used by this login.
_SENDER_REFUSED = ("5.1.7", "5.1.8", "5.7.60", "SendAsDenied")
_TOO_BIG = ("5.3.4", "5.2.3")
_FULL = "5.2.2"  # shares the code 552 with too big a mail
_QUIT_SECONDS = 5


class MailServer:
    """A session for several mails, opened on entering and again when the server ended it."""

    def __init__(self, login: SmtpLogin) -> None:
        self._login = login
        self._session: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        self._session = connected(self._login)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        with contextlib.suppress(OSError, smtplib.SMTPException, ValueError):
            if session.sock is not None:
                session.sock.settimeout(_QUIT_SECONDS)
                session.quit()
        session.close()

    def send(self, sender: str, recipient: str, raw: bytes) -> None:
        """Hand one mail in for one recipient; ``""`` as sender is the null sender ``<>``.

        Returning means that the server took it. ``MailRefused``: it never will.
        ``MailServerUnavailable``: try later; ``maybe_taken`` when the connection broke between the
        mail's last byte and the answer, ``only_this_mail`` when others may pass meanwhile.
        """
        session = self._open()
        try:
            _send(session, sender, recipient, raw, self._login.data_timeout)
        except MailRefused as refused:
            stand_in = self._login.from_email
            if sender or not stand_in or not refused.sender_refused:
                raise
            _send(self._open(), stand_in, recipient, raw, self._login.data_timeout)

    def _open(self) -> smtplib.SMTP:
        session = self._session
        if session is not None and session.sock is not None and _answers(session):
            return session
        self._session = connected(self._login)
        return self._session


def _send(
    session: smtplib.SMTP, sender: str, recipient: str, raw: bytes, data_timeout: float
) -> None:
    mail, options = _for_server(session, _LINE_END.sub(b"\r\n", raw), (sender, recipient))
    try:
        _command(session, f"MAIL FROM:<{sender}>{options}", of_sender=True)
        _command(session, f"RCPT TO:<{recipient}>")
        _command(session, "DATA")
        _content(session, mail, data_timeout)
    except MailServerUnavailable as unavailable:
        if not unavailable.only_this_mail:
            session.close()
        raise


def _for_server(
    session: smtplib.SMTP, mail: bytes, addresses: tuple[str, str]
) -> tuple[bytes, str]:
    """Fit a mail to what the server can (RFC 6152, 6531, 1870): the mail, and MAIL's options."""
    for address in addresses:
        if _UNWRITABLE.search(address) or not address.isprintable():
            raise MailRefused(f"{address!r} cannot be written in a command")
    options = ""
    header = mail[: mail.find(b"\r\n\r\n")]
    if not header.isascii() or not "".join(addresses).isascii():
        if not session.has_extn("smtputf8"):
            raise MailRefused("the mail server knows no addresses beyond ASCII (SMTPUTF8)")
        options += " SMTPUTF8"
    if not mail.isascii():
        if session.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        else:
            mail = in_seven_bits(mail)
    if not session.has_extn("size"):
        return mail, options
    limit = session.esmtp_features.get("size", "")
    if limit.isdecimal() and 0 < int(limit) < len(mail):
        reason = f"the mail has {len(mail)} bytes, the mail server takes {limit}"
        raise MailRefused(reason, too_big=True)
    return mail, f"{options} SIZE={len(mail)}"


def _command(session: smtplib.SMTP, line: str, *, of_sender: bool = False) -> None:
    verb = line.partition(":")[0]
    with _network(f"{verb} was not answered"):
        session.send(line.encode() + b"\r\n")
        code, text = session.getreply()
    if code == (354 if line == "DATA" else 250) or code == 251:  # noqa: PLR1714,PLR2004
        return
    refusal = _refusal(code, text, verb, of_sender)
    _reset(session, refusal)
    raise refusal


def _content(session: smtplib.SMTP, mail: bytes, data_timeout: float) -> None:
    stuffed = _DOT.sub(b"..", mail)  # RFC 5321, 4.5.2
    end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
    usual = session.sock.gettimeout() if session.sock else None
    with _network("the connection broke within the mail"):
        if session.sock:
            session.sock.settimeout(data_timeout)
        session.send(stuffed + end)
    with _network("the mail was sent, but not answered", maybe_taken=True):
        code, text = session.getreply()
    if code == -1:
        raise MailServerUnavailable(f"the mail was answered by {said_by(text)}", maybe_taken=True)
    if session.sock:
        session.sock.settimeout(usual)
    if not 200 <= code < 300:  # noqa: PLR2004  # RFC 5321, 4.2.1: 2yz is success
        refusal = _refusal(code, text, "the mail")
        _reset(session, refusal)
        raise refusal


def _refusal(
    code: int, text: bytes, what: str, of_sender: bool = False
) -> MailRefused | MailServerUnavailable:
    said = said_by(text)
    reason = f"the mail server answers {what} with {code} {said}"
    if code == 421 or not 400 <= code < 600 or code in _OF_THE_SESSION:  # noqa: PLR2004
        return MailServerUnavailable(reason)
    if code < 500:  # noqa: PLR2004  # 4yz: greylisting, mailbox full, too many
        return MailServerUnavailable(reason, only_this_mail=True)
    return MailRefused(
        reason,
        too_big=said.startswith(_TOO_BIG) or (code == 552 and not said.startswith(_FULL)),  # noqa: PLR2004
        sender_refused=of_sender or any(word in said for word in _SENDER_REFUSED),
    )


def _reset(session: smtplib.SMTP, refusal: MailRefused | MailServerUnavailable) -> None:
    """Make the session ready for the next mail, or give it up."""
    if isinstance(refusal, MailServerUnavailable) and not refusal.only_this_mail:
        return
    try:
        session.rset()
    except (OSError, ValueError):
        session.close()


def _answers(session: smtplib.SMTP) -> bool:
    """Tell whether the server is still there: it may end a session after some mails or minutes."""
    try:
        return session.noop()[0] == 250  # noqa: PLR2004
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _network(what: str, *, maybe_taken: bool = False) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        reason = f"{what}: {one_line(str(error), 300)}"
        raise MailServerUnavailable(reason, maybe_taken=maybe_taken) from error
