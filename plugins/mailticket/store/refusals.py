"""Sign-ins that were refused: until when nobody tries again, whichever task or trigger it is."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from mailticket.errors import MailticketError, SignInPutOff
from mailticket.store.postgres import Database, Row
from mailticket.vault import slow_hash

_REASON_CHARACTERS = 500


class Refusals:
    """Those of one Connection; ``words`` is all that it says, secrets included."""

    def __init__(self, db: Database, connection: str, words: Sequence[object]) -> None:
        self._db, self._connection, self._words = db, connection, words

    def ask(self, insists: str = "") -> bool:
        """Ask for leave to try: raises ``SignInPutOff``; tells whether it was refused before.

        ``insists`` names what a person asked for, a run or a command: it gets one try at once.
        """
        row = self._db.row("refusal", connection=self._connection)
        if row is None:
            return False
        if self._was_changed(row):
            self.forget()
            return False
        mine = {"connection": self._connection, "by": insists}
        if insists and self._db.row("claim_insisted", **mine):
            return True
        if self._db.row("claim_try", connection=self._connection):
            return True
        raise SignInPutOff(
            f"the sign-in with the Connection {self._connection} was refused at {row['refused']} "
            f"UTC ({row['reason']}){self._next(row['next_try'])}"
        )

    def note(self, error: MailticketError, insists: str = "") -> str:
        """Put the next try off; give the error's words with when that will be."""
        salt = secrets.token_bytes(16)
        reason = str(error).replace("\0", "")
        row = self._db.row(
            "note_refusal",
            connection=self._connection,
            salt=salt,
            fingerprint=slow_hash(salt, self._words),
            by=insists,
            reason=reason[:_REASON_CHARACTERS],
        )
        return f"{reason}{self._next(row['next_try'] if row else '')}"

    def forget(self) -> None:
        """Take the refusal away."""
        self._db.rows("forget_refusal", connection=self._connection)

    def _was_changed(self, row: Row) -> bool:
        return slow_hash(bytes(row["salt"]), self._words) != bytes(row["fingerprint"])

    def _next(self, at: str) -> str:
        return (
            f"; next try {at} UTC, or at once after the Connection {self._connection} is changed, "
            f"bin/mailticket check succeeds, or somebody triggers or clears a run"
        )
