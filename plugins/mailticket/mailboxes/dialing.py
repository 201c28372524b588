"""From a host name to a connected socket, with words for every way in which that fails."""

from __future__ import annotations

import socket
import ssl

from mailticket.errors import ConfigurationError, MailboxUnavailable
from mailticket.mailboxes import tls
from mailticket.mailboxes.login import MailboxLogin

Address = tuple[socket.AddressFamily, tuple[object, ...]]


def resolve(login: MailboxLogin) -> list[Address]:
    """Look the host up; a name that is not found is named."""
    try:
        found = socket.getaddrinfo(login.host, login.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise MailboxUnavailable(
            f"the name {login.host} is not found ({why}): check the Connection's host"
        ) from None
    return [(family, address) for family, _, _, _, address in found]


def connect(login: MailboxLogin, addresses: list[Address]) -> socket.socket:
    """Connect to the first address that answers; the last one's failure is told."""
    failure = OSError("it has no address")
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(login.timeout)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
            continue
        # Commands are small and answered one by one: Nagle would add 40 ms to each.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection
    raise _unreached(login, failure) from None


def _unreached(login: MailboxLogin, error: OSError) -> MailboxUnavailable:
    if isinstance(error, ConnectionRefusedError):
        return MailboxUnavailable(
            f"{login.server} refused the connection: check the port, and that the server runs"
        )
    if isinstance(error, TimeoutError):
        return MailboxUnavailable(
            f"{login.server} did not answer within {login.timeout:g} s: check host and port, "
            f"and whether a firewall is in between"
        )
    return MailboxUnavailable(
        f"{login.server} cannot be reached ({error.strerror or error}): check network and host"
    )


def secure(connection: socket.socket, login: MailboxLogin) -> ssl.SSLSocket:
    """Speak TLS on a connected socket; raises ``InsecureConnection`` and closes it."""
    try:
        return tls.context_for(login).wrap_socket(connection, server_hostname=login.host)
    except ConfigurationError:
        connection.close()
        raise
    except TimeoutError:
        connection.close()
        raise MailboxUnavailable(
            f"{login.server} did not answer the TLS handshake within {login.timeout:g} s: "
            f"check port and TLS mode (tls = {login.tls})"
        ) from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError) as error:
        connection.close()
        raise _broken_off(login, error) from None
    except ssl.SSLError as error:
        connection.close()
        raise tls.explain(error, login) from None
    except (OSError, ValueError) as error:
        connection.close()
        raise _broken_off(login, error) from None


def _broken_off(login: MailboxLogin, error: Exception) -> MailboxUnavailable:
    return MailboxUnavailable(
        f"{login.server} broke off the TLS handshake ({error}): check port and TLS mode"
    )


def dial(login: MailboxLogin) -> socket.socket:
    """Resolve, connect and, with implicit TLS, encrypt."""
    connection = connect(login, resolve(login))
    return secure(connection, login) if login.tls == "implicit" else connection


def peer_certificate(connection: socket.socket) -> bytes | None:
    """Give the server's certificate in DER; ``None`` where nothing is encrypted."""
    return connection.getpeercert(True) if isinstance(connection, ssl.SSLSocket) else None
