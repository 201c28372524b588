"""Attempts: what is to be decided, and what was decided about each message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mailticket.decision import Decision, Phase, Status, Step
from mailticket.draft import Draft, to_document
from mailticket.errors import RowRefused
from mailticket.store.copying import number
from mailticket.store.postgres import Database, Row, binary, json_value
from mailticket.store.runs import Run

Stage = Literal["fetched", "accepted", "parsed", "decided"]
DRAFT_BYTES = 2 * 1024**2
"""Of drafts that are loaded together; a greater one is alone."""
IN_ERROR = (Status.ERROR.value, Status.UNDESIRED.value)


def step_documents(steps: Sequence[Step], phase: Phase) -> list[dict[str, str]]:
    """Give steps as they are kept, with the phase that they belong to."""
    return [
        {"rule": s.rule, "outcome": s.outcome, "detail": storable(s.detail), "phase": phase.value}
        for s in steps
    ]


@dataclass(frozen=True, slots=True)
class Record:
    """What one step found about one attempt; without a ruling it goes on to ``stage``."""

    attempt: int
    stage: Stage
    decision: Decision
    decided_in: str
    steps: Sequence[Mapping[str, str]]
    """Of all phases so far."""
    status: Status | None = None
    """Given for a duplicate: that of the first copy."""
    ticket_id: int | None = None

    def values(self) -> tuple[Any, ...]:
        """Give the row that the query ``record`` takes."""
        ruling = self.decision.ruling
        if ruling is None:
            steps = json_value(list(self.steps))
            return (self.attempt, self.stage, "new", None, None, None, None, steps, None)
        return (
            self.attempt,
            "decided",
            (self.status or ruling.verdict.status).value,
            ruling.verdict.value,
            self.decision.decided_by,
            self.decided_in,
            storable(ruling.reason),
            json_value(list(self.steps)),
            self.ticket_id,
        )


def storable(text: str) -> str:
    """Make any text fit for PostgreSQL: no NUL, no lone surrogate, no endless reason."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:4000]


def _portions(rows: Sequence[Row], octets: int) -> Iterator[list[Row]]:
    """Group rows so that the originals of a group fit into so many bytes, or are one."""
    portion: list[Row] = []
    volume = 0
    for row in rows:
        size = row["octets"] or 0
        if portion and volume + size > octets:
            yield portion
            portion, volume = [], 0
        portion.append(row)
        volume += size
    if portion:
        yield portion


class Attempts:
    """What the deciding steps read and write."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def pending(self, run: Run, stage: Stage, batch: int | None = None) -> list[int]:
        """Give the run's undecided attempts at a stage, in the mailbox's order."""
        rows = self._db.rows("pending", run=run.id, stage=stage, batch=batch)
        return [row["attempt"] for row in rows]

    def parsed_in_order(self, run: Run, *, parsing_goes_on: bool = False) -> list[int]:
        """Give what may become tickets now, in the mailbox's order."""
        rows = self._db.rows("parsed_in_order", run=run.id, parsing=parsing_goes_on)
        return [row["attempt"] for row in rows]

    def number_batches(self, run: Run, messages: int, octets: int, batches: int) -> int:
        """Spread what is to be parsed over at most so many batches; give how many these are."""
        given: int = self._db.value(
            "number_batches", run=run.id, messages=messages, bytes=octets, batches=batches
        )
        return given

    def pending_headers(self, run: Run, *, only_whole: bool = False) -> list[tuple[int, int]]:
        """Give what no rule was asked about yet, with the bytes of each header section.

        With ``only_whole``, what comes before the first that was not fetched in full.
        """
        rows = self._db.rows("pending_headers", run=run.id, only_whole=only_whole)
        return [(row["attempt"], row["header_size"]) for row in rows]

    def begun(self, attempts: Sequence[int]) -> set[int]:
        """Give those whose decoding was begun before, and never came to its end."""
        return {row["attempt"] for row in self._db.rows("begun", attempts=list(attempts))}

    def decided_unread(self, run: Run) -> list[int]:
        """Give attempts that the header section alone decided, their content unread."""
        rows = self._db.rows("decided_unread", run=run.id, inbox=run.inbox)
        return [row["attempt"] for row in rows]

    def amend(self, row: Row, decision: Decision, steps: Sequence[Mapping[str, str]]) -> None:
        """Add what the content showed; a ruling replaces that of the header section."""
        ruling = decision.ruling
        self._db.rows(
            "amend",
            attempt=row["attempt"],
            steps=json_value(list(steps)),
            verdict=ruling.verdict.value if ruling else None,
            status=ruling.verdict.status.value if ruling else None,
            decided_by=decision.decided_by if ruling else None,
            reason=storable(ruling.reason) if ruling else None,
        )

    def begin_step(self, inbox: str, step: str) -> bool:
        """Mark a step as at work; tell whether a process ended in the middle of it before."""
        return bool(self._db.value("begin_step", inbox=inbox, step=step))

    def end_step(self, inbox: str, step: str) -> None:
        """Take the mark away."""
        self._db.rows("end_step", inbox=inbox, step=step)

    def strike(self, attempt: int) -> int:
        """Count that a step begins with it, and give how often one did."""
        return int(self._db.value("strike", attempt=attempt))

    def headers(self, attempts: Sequence[int]) -> list[Row]:
        """Load header sections as ``raw`` (None: purged), with what is known of the messages."""
        return self._db.rows("load_headers", attempts=list(attempts))

    def begin_originals(self, attempts: Sequence[int], octets: int) -> Iterator[Row]:
        """Load originals as ``raw`` (None: purged), and count in ``tries`` that they were begun.

        In the order of ``attempts``; of more than ``octets`` together, only one is in memory.
        """
        rows = {
            row["attempt"]: row for row in self._db.rows("begin_originals", attempts=list(attempts))
        }
        for portion in _portions([rows[attempt] for attempt in attempts], octets):
            messages = [row["message"] for row in portion]
            raws = {number(m): raw for m, raw in self._db.copied("originals", messages=messages)}
            for row in portion:
                yield {**row, "raw": raws.pop(row["message"], None)}

    def head(self, attempt: int) -> Row:
        """Load what a failure needs to be recorded and told."""
        row = self._db.row("load_head", attempt=attempt)
        assert row is not None
        return row

    def record(self, run: Run, records: Sequence[Record]) -> set[int]:
        """Write what a step found; give the attempts that were still the run's to decide."""
        values = [record.values() for record in records]
        return {row["id"] for row in self._db.many("record", values, run=run.id)}

    def save_drafts(self, run: Run, drafts: Sequence[tuple[int, Draft]]) -> None:
        """Store what ``parse`` read, by attempt."""
        values = [(attempt, json_value(to_document(draft))) for attempt, draft in drafts]
        self._db.many("save_drafts", values, run=run.id)

    def add_blobs(self, blobs: Mapping[str, bytes]) -> None:
        """Store contents that are not stored yet."""
        if not blobs:
            return
        digests = [bytes.fromhex(digest) for digest in blobs]
        known = {
            bytes(row["sha256"]).hex() for row in self._db.rows("known_blobs", digests=digests)
        }
        # In one order: inboxes that store the same files never block each other.
        fresh = [
            (bytes.fromhex(digest), len(content), content)
            for digest, content in sorted(blobs.items())
            if digest not in known
        ]
        if not fresh:
            return
        try:
            with self._db.savepoint():
                self._db.copy("copy_blobs", fresh)
        except RowRefused:  # another inbox stored one of them at this moment
            self._db.each(
                "add_blob",
                ({"sha256": s, "size": n, "content": binary(c)} for s, n, c in fresh),
            )

    def drafts(self, attempts: Sequence[int]) -> list[Row]:
        """Load parsed attempts, as many as fit into ``DRAFT_BYTES``; nobody is kept off them."""
        return self._db.rows("load_drafts", attempts=list(attempts), octets=DRAFT_BYTES)

    def wait_once_more(self, run: Run, attempt: int) -> None:
        """Leave a message undecided for the next run."""
        self._db.rows("wait_once_more", attempt=attempt, run=run.id)

    def conclude(self, row: Row, run: Run, **values: Any) -> None:
        """Write the verdict of the ticket phase, its event, and where the message belongs."""
        values["reason"] = storable(values["reason"])
        for name in ("steps", "changes", "detail"):
            values[name] = json_value(values[name])
        own = {"attempt": row["attempt"], "message": row["message"], "inbox": run.inbox}
        self._db.later("conclude", run=run.id, **own, **values)

    def forget_drafts(self, run: Run) -> None:
        """Let what the run parsed be parsed again."""
        self._db.rows("forget_drafts", run=run.id)

    def reopen_for_filter(self, run: Run) -> int:
        """Open new attempts for all of the run's messages in error or undesired (SPEC 6.4)."""
        everywhere = ("filter", "parse", "upsert_ticket")
        self._db.rows(
            "restart",
            run=run.id,
            clear_number=run.clear_number,
            configuration=run.configuration,
        )
        return self._reopen(run, IN_ERROR, everywhere, "fetched", ())

    def undesired_for_good(self, run: Run) -> int:
        """Count the run's undesired messages that nobody can decide anew: they were purged."""
        return int(self._db.value("undesired_for_good", run=run.id))

    def reopen_for_parse(self, run: Run, batch: int | None = None) -> int:
        """Open new attempts for what failed in ``parse`` or after it; of one batch, or of all."""
        decided_in = ("parse", "upsert_ticket")
        kept = (Phase.HEADERS,)
        return self._reopen(run, IN_ERROR[:1], decided_in, "accepted", kept, batch=batch)

    def reopen_for_upsert(self, run: Run) -> int:
        """Open new attempts for what failed in ``upsert_ticket``."""
        kept = (Phase.HEADERS, Phase.CONTENT)
        return self._reopen(run, IN_ERROR[:1], ("upsert_ticket",), "parsed", kept)

    def _reopen(
        self,
        run: Run,
        statuses: Sequence[str],
        decided_in: Sequence[str],
        stage: Stage,
        kept: Sequence[Phase],
        *,
        batch: int | None = None,
    ) -> int:
        rows = self._db.rows(
            "reopen",
            run=run.id,
            clear_number=run.clear_number,
            configuration=run.configuration,
            statuses=list(statuses),
            decided_in=list(decided_in),
            stage=stage,
            kept=[phase.value for phase in kept],
            batch=batch,
        )
        return len(rows)

    def find(self, names: Sequence[str]) -> list[Row]:
        """Find messages by number or Message-ID."""
        ids = [int(name) for name in names if name.isdecimal() and len(name) < 19]  # noqa: PLR2004
        return self._db.rows(
            "find_messages", ids=ids, message_ids=[name.strip("<>") for name in names]
        )

    def held(self, inbox: str) -> list[int]:
        """Give the messages of an inbox that wait for a person."""
        return [row["id"] for row in self._db.rows("held_messages", inbox=inbox)]

    def reset(self, messages: Sequence[int]) -> list[int]:
        """Make messages new: the next run decides them again."""
        return [row["id"] for row in self._db.rows("reset_messages", ids=list(messages))]

    def ignore(self, messages: Sequence[int], reason: str) -> list[int]:
        """Set messages aside for good; processed ones stay as they are."""
        rows = self._db.rows("ignore_messages", ids=list(messages), reason=storable(reason))
        return [row["id"] for row in rows]
