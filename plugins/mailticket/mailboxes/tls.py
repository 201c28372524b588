"""TLS contexts that verify, and what is wrong with a certificate, in words."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from typing import Protocol

from cryptography import x509

from mailticket.errors import ConfigurationError, Fault, InsecureConnection
from mailticket.mailboxes.login import MailboxLogin


class Peer(Protocol):
    """Whoever was connected to."""

    @property
    def server(self) -> str:
        """Host and port, for people."""
        ...


# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h); for the others OpenSSL's own words serve.
_WHY = {
    9: ("is not valid yet", "check the clocks of both machines"),
    10: ("has expired", "the server's administrator has to renew it"),
    18: ("is signed by itself", "put it into the Connection's Extra as ca if it is really yours"),
    19: (
        "comes from an authority that signs itself and is not known here",
        "put that authority into the Connection's Extra as ca if it is really yours",
    ),
    20: (
        "comes from an authority that is not known here, or comes without those in between",
        "put the authority into the Connection's Extra as ca, or have the server send its chain",
    ),
    21: ("cannot be verified", "have the server send its whole chain"),
    23: ("was revoked", "the server's administrator has to replace it"),
    62: ("is for another name", "use the name on the certificate as the Connection's host"),
    64: ("is for another address", "use the name on the certificate as the Connection's host"),
}


def context_for(login: MailboxLogin) -> ssl.SSLContext:
    """Make the context of a login: verifying, with the system's or the login's own authority."""
    try:
        context = _verifying(login.ca)
    except (OSError, ValueError) as error:
        raise _unusable("ca", error) from None
    if not login.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if login.client_cert:
        _load_client_certificate(context, login)
    return context


def _verifying(ca: str) -> ssl.SSLContext:
    if not ca:
        return ssl.create_default_context()
    path, text = (None, ca) if _is_pem(ca) else (ca, None)
    context = ssl.create_default_context(cafile=path, cadata=text)
    # Strict from Python 3.13 on: it refuses the certificates of many a company's own authority
    # for a missing key identifier. Chain, dates and name are verified all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _load_client_certificate(context: ssl.SSLContext, login: MailboxLogin) -> None:
    try:
        with _as_file(login.client_cert) as certificate, _as_file(login.client_key) as key:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(certificate, key or None, password="")
    except (OSError, ValueError) as error:
        raise _unusable("client_cert", error) from None


def _unusable(name: str, error: Exception) -> ConfigurationError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    return ConfigurationError(
        Fault("", f"Connection Extra: {name}", "…", f"a readable PEM file, or PEM text ({why})")
    )


def _is_pem(written: str) -> bool:
    return "-----BEGIN" in written


@contextlib.contextmanager
def _as_file(written: str) -> Iterator[str]:
    """Give a path for a path or for PEM text: OpenSSL loads client certificates from files."""
    if not _is_pem(written):
        yield written
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(written)
        file.flush()
        yield file.name


def explain(error: ssl.SSLError, peer: Peer) -> InsecureConnection:
    """Say why a handshake failed, and what to do about it."""
    server = peer.server
    if isinstance(error, ssl.SSLCertVerificationError):
        why, cure = _WHY.get(error.verify_code, (f"is refused: {error.verify_message}", ""))
        return InsecureConnection(
            f"the certificate of {server} is not trusted, it {why}"
            f" ({error.verify_message}){f': {cure}' if cure else ''}"
        )
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return InsecureConnection(f"no TLS with {server} ({reason}): {_handshake_cure(reason)}")


def _handshake_cure(reason: str) -> str:
    if "wrong version number" in reason or "record layer failure" in reason or "http" in reason:
        return "it does not speak TLS from the first byte on this port; use tls = starttls there, or the port of implicit TLS"  # noqa: E501
    if "protocol version" in reason or "unsupported protocol" in reason:
        return "it only speaks TLS older than 1.2; it has to be brought up to date"
    if "certificate required" in reason or "handshake failure" in reason or "bad cert" in reason:
        return "it may ask for a client certificate (Extra: client_cert), or shares no cipher"
    return "check port and TLS mode"


def describe_certificate(der: bytes) -> str:
    """Say whose certificate this is, from whom and until when."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        return (
            f"subject {certificate.subject.rfc4514_string() or '(none)'}, "
            f"names {_names(certificate)}, "
            f"issuer {certificate.issuer.rfc4514_string()}, valid until {until}"
        )
    except ValueError as error:
        return f"a certificate that cannot be read ({error})"


def _names(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "(none)"
    return ", ".join(str(name.value) for name in found) or "(none)"
