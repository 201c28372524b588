"""From a login to a connection of the event loop, and its errors in words that runs use, too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from mailticket.errors import MailboxUnavailable, MailticketError
from mailticket.mailboxes import dialing, server_words, tls
from mailticket.mailboxes.login import MailboxLogin
from mailticket.watching.imap_wire import COMPLAINTS, Wire

COMMAND_SECONDS = 30.0
_READ_AT_ONCE = 2048
# A peer that is gone shows within two minutes.
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 60),
    (socket.TCP_KEEPINTVL, 15),
    (socket.TCP_KEEPCNT, 4),
)
Contexts = Callable[[MailboxLogin], ssl.SSLContext]


async def connected(login: MailboxLogin, contexts: Contexts) -> Wire:
    """Resolve, connect and, with implicit TLS, encrypt."""
    loop = asyncio.get_running_loop()
    async with translated("connecting", login, login.timeout):
        addresses = await asyncio.to_thread(dialing.resolve, login)
        connection = await _dialled(login, addresses)
        encrypted = login.tls == "implicit"
        wire = Wire(loop)
        try:
            await loop.create_connection(
                lambda: wire,
                sock=connection,
                ssl=contexts(login) if encrypted else None,
                server_hostname=login.host if encrypted else None,
            )
        except BaseException:
            connection.close()
            raise
        _shrink(wire.transport)
        return wire


async def _dialled(login: MailboxLogin, addresses: list[dialing.Address]) -> socket.socket:
    """Connect to the first address that answers."""
    failure: OSError | None = None
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
        except OSError as error:
            connection.close()
            failure = error
            continue
        except BaseException:
            connection.close()
            raise
        _keep_alive(connection)
        return connection
    raise dialing._unreached(  # noqa: SLF001 - said as a run says it
        login, failure or OSError("it has no address")
    )


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def secured(login: MailboxLogin, wire: Wire, context: ssl.SSLContext) -> Any:
    """Give the transport that speaks TLS from now on."""
    async with translated("TLS handshake", login, login.timeout):
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(wire.transport, wire, context, server_hostname=login.host)
        _shrink(transport)
        return transport


def _shrink(transport: Any) -> None:
    """Give back most of the 256 KB that asyncio reserves for what a TLS connection reads at once.

    A watcher reads a few lines an hour: what is longer is read in pieces. Where asyncio keeps it
    elsewhere, it stays.
    """
    protocol = getattr(transport, "_ssl_protocol", None)
    if protocol is None or not hasattr(protocol, "_ssl_buffer_view"):
        return
    protocol.max_size = _READ_AT_ONCE
    protocol._ssl_buffer = bytearray(_READ_AT_ONCE)  # noqa: SLF001
    protocol._ssl_buffer_view = memoryview(protocol._ssl_buffer)  # noqa: SLF001


@contextlib.asynccontextmanager
async def translated(
    step: str, login: MailboxLogin, seconds: float | None = None
) -> AsyncIterator[None]:
    """Let only errors of our own out, after so many seconds at the latest."""
    seconds = seconds or COMMAND_SECONDS
    try:
        async with asyncio.timeout(seconds):
            yield
    except MailticketError:
        raise
    except TimeoutError:
        raise MailboxUnavailable(
            f"{login.server} did not answer within {seconds:g} s ({step})"
        ) from None
    except ssl.SSLEOFError as error:
        raise MailboxUnavailable(f"{login.server} broke off ({step}): {error}") from None
    except ssl.SSLError as error:
        raise tls.explain(error, login) from None
    except COMPLAINTS as error:
        words = server_words.blanked(server_words.readable(str(error)), login)
        backoff = server_words.backoff(words)
        raise MailboxUnavailable(f"{login.server} broke off ({step}): {words}", backoff) from None
