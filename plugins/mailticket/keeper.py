"""Signing in with care: a token that is of use, and no refused sign-in repeated quickly.

Whoever signs in, by whatever protocol, asks the login's ``keeper`` first and tells it how that
ended. Accounts get locked by sign-ins that are refused again and again, so that a refused one is
put off: a minute, doubled each time, an hour at most, for all who use the same Airflow Connection.
It is over at once when the Connection is changed, when a sign-in succeeds (that of
``bin/mailticket check`` too) or when a person triggers or clears a run.

A task does it by ``signed_in``; a trigger, which must not block its event loop, does it by
``signed_in_apart``, since each of these calls may ask the database and the token endpoint::

    token = keeper.begin()                    # "" where there is none; raises SignInPutOff and kin
    while True:
        try:
            ...                               # sign in, with the token if there is one
        except SignInRefused as error:        # the server's NO, never a lost connection
            token = keeper.refused(token, error)   # another token to try once, or raises for good
        else:
            keeper.accepted()
            break

``access.mailbox_login(inbox).keeper`` is that of an inbox. What it raises is of the error tree, and
says when the next try is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from mailticket.errors import MailServerRefusedSignIn, MailticketError, SignInRefused

T = TypeVar("T")


class Keeper(Protocol):
    """Knows whether now is the time, and with which token; for one sign-in after the other."""

    def begin(self) -> str:
        """Give a token, ``""`` where none is needed.

        Raises ``SignInPutOff`` before its time, and what fetching a token raises.
        """
        ...

    def refused(self, token: str, error: MailticketError) -> str:
        """Give another token to be tried once; else note the refusal and raise it, with its end."""
        ...

    def accepted(self) -> None:
        """Forget that it was ever refused."""
        ...


def signed_in(keeper: Keeper | None, token: str, attempt: Callable[[str], T]) -> T:
    """Sign in by ``attempt``, which connects and takes a token; without a keeper just that."""
    if keeper is None:
        return attempt(token)
    token = keeper.begin() or token
    while True:
        try:
            session = attempt(token)
        except (SignInRefused, MailServerRefusedSignIn) as error:
            token = keeper.refused(token, error)
            continue
        keeper.accepted()
        return session


async def signed_in_apart(
    keeper: Keeper | None, token: str, attempt: Callable[[str], Awaitable[T]]
) -> T:
    """Do as ``signed_in`` does on an event loop, the keeper's part in a thread."""
    if keeper is None:
        return await attempt(token)
    token = await asyncio.to_thread(keeper.begin) or token
    while True:
        try:
            session = await attempt(token)
        except SignInRefused as error:
            token = await asyncio.to_thread(keeper.refused, token, error)
            continue
        await asyncio.to_thread(keeper.accepted)
        return session
