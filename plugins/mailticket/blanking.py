"""Secrets taken out of a server's words, in the spellings in which it may echo them.

Some servers answer a sign-in that they do not understand with the very line that was sent: quoted,
in base64 behind the login, or cut off where the words were cut.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote_plus

BLANK = "…"
_TELLING = 12
"""Characters of a secret by which it is recognised, wherever it is cut off."""
_SHORTEST = 4
"""Characters: what is shorter is looked for as a whole only."""
_BASE64 = "[A-Za-z0-9+/=]"


def blanked(words: str, secrets: Iterable[str]) -> str:
    """Put ``…`` in place of each secret, and of the base64 in which one stands."""
    for secret in secrets:
        if not secret:
            continue
        words = words.replace(secret, BLANK)
        if len(secret) >= _SHORTEST:
            words = _pattern(secret).sub(BLANK, words)
    return words


@lru_cache(maxsize=64)
def _pattern(secret: str) -> re.Pattern[str]:
    plain = {secret, secret.replace("\\", "\\\\").replace('"', '\\"'), quote_plus(secret)}
    found = [re.escape(one) for one in plain]
    found += [rf"{re.escape(one[:_TELLING])}\S*" for one in plain if len(one) >= _TELLING]
    found += [rf"{_BASE64}*{re.escape(one[:_TELLING])}{_BASE64}*" for one in _cores(secret)]
    found += [re.escape(cut) + r"\Z" for one in (*plain, *_cores(secret)) for cut in _cuts(one)]
    return re.compile("|".join(sorted(found, key=len, reverse=True)))


def _cores(secret: str) -> Iterator[str]:
    """Give what any base64 holds that this stands in: it depends on how many bytes come before."""
    octets = secret.encode("utf-8", "replace")
    for before in range(3):
        written = base64.b64encode(b"\0" * before + octets).decode().rstrip("=")
        # Groups of six bits that share none with a neighbour.
        core = written[(before * 8 + 5) // 6 : (before + len(octets)) * 8 // 6]
        if len(core) >= _SHORTEST:
            yield core


def _cuts(written: str) -> Iterator[str]:
    """Give the beginnings that may stand at the end of words that were cut."""
    for length in range(min(len(written), _TELLING) - 1, _SHORTEST - 1, -1):
        yield written[:length]
