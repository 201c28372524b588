"""Secrets sealed with Airflow's Fernet keys: the only file that knows Fernet.

Airflow's own ``get_fernet`` returns plain text, silently, where no key is set; here that is an
error. Keys are a comma-separated list as in ``core.fernet_key``: the first seals, all of them open.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet  # noqa: TID251  # its owner

from mailticket.errors import VaultClosed

NO_KEY = (
    "Airflow has no Fernet key, so that no token can be kept encrypted: set core.fernet_key "
    "(AIRFLOW__CORE__FERNET_KEY), the same wherever Airflow runs"
)
WRONG_KEY = (
    "Airflow's Fernet key is not the one that tokens were kept with: set the former one after the "
    "new one in core.fernet_key (new,former), the same wherever Airflow runs; if it is lost, "
    "bin/mailticket reseal --forget drops what was kept"
)
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
"""16 MB and some 50 ms: a fingerprint of a password must not be guessed by trying many."""


class Vault:
    """Seals and opens with the keys of ``core.fernet_key``."""

    def __init__(self, keys: str) -> None:
        if not keys.strip():
            raise VaultClosed(NO_KEY)
        try:
            fernets = [Fernet(key.strip().encode()) for key in keys.split(",")]
        except (ValueError, UnicodeError):
            raise VaultClosed(
                "core.fernet_key is no Fernet key: 32 bytes in URL-safe base64, several of them "
                "separated by commas"
            ) from None
        self._first, self._all = fernets[0], MultiFernet(fernets)

    def seal(self, secret: str) -> str:
        """Encrypt with the first key."""
        return self._first.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Decrypt with any key; raises ``VaultClosed`` when none fits."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise VaultClosed(WRONG_KEY) from None

    def is_stale(self, sealed: str) -> bool:
        """Tell whether it was sealed with another key than the first."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return True
        return False


def keyed_hash(key: str, *words: str) -> bytes:
    """Recognise secrets without keeping them (HMAC-SHA-256)."""
    return hmac.new(key.encode(), json.dumps(words).encode(), "sha256").digest()


def slow_hash(salt: bytes, words: Sequence[object]) -> bytes:
    """Recognise what a person may have chosen, passwords included (scrypt)."""
    return hashlib.scrypt(json.dumps(words, sort_keys=True).encode(), salt=salt, **_SCRYPT)
