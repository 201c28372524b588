"""The vault of this database: Airflow's Fernet keys, tried on the row that opens with them only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from mailticket.store.postgres import Database
from mailticket.vault import Vault, keyed_hash


@dataclass(frozen=True, slots=True)
class Safe:
    """An opened vault, and the key of this database's hashes."""

    vault: Vault
    key: str

    def hash(self, *words: str) -> bytes:
        """Recognise secrets without keeping them."""
        return keyed_hash(self.key, *words)


def open_safe(db: Database, keys: str) -> Safe:
    """Open the vault, making it the first time; raises ``VaultClosed``.

    What was sealed with a former key is sealed anew with the first one as it is read.
    """
    vault = Vault(keys)
    sealed = db.value("vault_row")
    if sealed is None:
        db.rows("make_vault", sealed=vault.seal(secrets.token_urlsafe(32)))
        sealed = db.value("vault_row")
    key = vault.unseal(sealed)
    if vault.is_stale(sealed):
        db.rows("reseal_vault", sealed=vault.seal(key), former=sealed)
    return Safe(vault, key)


def reseal(db: Database, keys: str) -> int:
    """Seal everything that is kept with the first key, so that the others may go; give how much."""
    vault = open_safe(db, keys).vault
    count = 0
    with db.transaction():
        for name, query in (("sealed_tokens", "reseal_token"), ("sealed_grants", "reseal_grant")):
            for row in db.rows(name):
                secret = vault.unseal(row["sealed"])
                count += 1
                if vault.is_stale(row["sealed"]):
                    former = row.pop("sealed")
                    db.rows(query, sealed=vault.seal(secret), former=former, **row)
    return count


def forget(db: Database) -> None:
    """Drop all tokens, and the vault with them: its key is lost."""
    with db.transaction():
        for query in ("forget_tokens", "forget_grants", "forget_vault"):
            db.rows(query)
