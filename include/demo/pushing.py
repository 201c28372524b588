"""mail-devel that pushes: ``python pushing.py``, with the options of ``python -m mail_devel``.

It takes mail in one thread and serves IMAP in another, whose event loop it does not wake: without
this, a client that waits hears of its mail up to a minute late.
"""

from __future__ import annotations

import asyncio
import contextlib

from mail_devel import __main__ as mail_devel  # type: ignore[import-untyped]

_EVERY = 0.05


async def stay_awake() -> None:
    """Sleep until it is cancelled, in short naps."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:  # noqa: ASYNC110  the naps are what is wanted
            await asyncio.sleep(_EVERY)


if __name__ == "__main__":
    mail_devel.sleep_forever = stay_awake
    mail_devel.main()
