"""What a task does: it takes its step, and tells Airflow how that ended.

A failure that is understood is told in one line of the log. Airflow writes a traceback under any
exception but ``SystemExit``, which is why ``Told`` is one.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import structlog
from airflow.sdk import Asset, AssetAlias, RetryDecision, RetryPolicy  # noqa: TID251
from airflow.sdk.exceptions import AirflowSkipException  # noqa: TID251

from mailticket.airflow_access import Access, in_airflow
from mailticket.airflow_metrics import give_out
from mailticket.errors import Lapsed, MailboxUnavailable, MailticketError, NeverBegan
from mailticket.ingest import STEPS, Turn, begin, failures, summary, take_step
from mailticket.listener import MARK, NOTE
from mailticket.passage import Counts, Passage
from mailticket.store.measuring import Measuring
from mailticket.store.postgres import Database
from mailticket.store.runs import LEASE_SECONDS

TICKETS = AssetAlias("mailticket_tickets")
_WAIT_FOR_LEASE = LEASE_SECONDS * 0.4
"""Three tries outlive the lease of a pass that died without giving it back."""
_LONGEST_PAUSE = 3600.0
"""Seconds; whatever a server asks for, an inbox is looked at again within the hour."""


class Told(SystemExit):
    """The task failed, and its log says why in one line.

    ``after``: seconds until the next try; None leaves it to the task's own back-off.
    """

    def __init__(self, why: str, *, again: bool, after: float | None = None) -> None:
        super().__init__(why)
        self.code = 1
        self.again = again
        self.after = after


class RetryAsTold(RetryPolicy):
    """Try again what may pass, at once fail what will not; a bug is left to the task's retries."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002  Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Decide by what the failure itself says."""
        if not isinstance(exception, Told):
            return RetryDecision.default()
        if not exception.again:
            return RetryDecision.fail()
        delay = timedelta(seconds=exception.after) if exception.after else None
        return RetryDecision.retry(delay, str(exception.args[0]))


def take(
    step: str, inbox: str, context: dict[str, Any], batch: int | None = None
) -> Counts | list[int]:
    """Take one step of a run; raises ``Told``, or Airflow's skip for a run that never began.

    Gives its counts or, where the next step is shared, the numbers of its batches: one at least,
    so that it is taken in any case.
    """
    access = in_airflow()
    broken = _broken_tasks(context) if step == "report" else []
    db = None
    try:
        db = access.database()
        passage = _begin(db, step, inbox, access, context, batch)
        counts = _measured(passage) if step == "report" else take_step(passage, step)
        if step == "upsert_ticket":
            _announce(passage, context["outlet_events"])
        if step == "report":
            _colour(passage, counts, broken, context["ti"])
    except NeverBegan as error:
        if broken:
            _note(context["ti"], f"{', '.join(broken)} failed, no message was read")
            raise _told(f"{', '.join(broken)} failed: see there") from None
        raise AirflowSkipException(str(error)) from None
    except MailticketError as error:
        raise _told(str(error), again=error.transient, after=_pause(error)) from None
    finally:
        if db:
            db.close()
    if "batches" in counts:
        context["ti"].xcom_push(key="counts", value=counts)
        return list(range(1, max(1, counts["batches"]) + 1))
    return counts


def check_configuration() -> str:
    """Say what is wrong in the Variables as they are now; raises ``Told`` if anything is."""
    configuration, fallen_back = in_airflow().configuration()
    faults = [*fallen_back, *configuration.all_faults]
    if faults:
        raise _told(*map(str, faults))
    return f"{len(configuration.inboxes)} inboxes, no faults"


def _begin(  # noqa: PLR0917
    db: Database,
    step: str,
    inbox: str,
    access: Access,
    context: dict[str, Any],
    batch: int | None,
) -> Passage:
    run = context["dag_run"]
    turn = Turn(inbox, run.run_id, step, run.clear_number or 0, batch)
    outside = access.outside(run.dag_id, insists=_by_hand(run), db=db)
    return begin(db, turn, lambda: access.inbox(inbox), outside)


def _measured(passage: Passage) -> Counts:
    """Take the last step, and give the run's figures to Airflow's metrics."""
    measuring = Measuring(passage.db)
    of_run = measuring.of_run(passage.run)  # the end of the step is where the next count begins
    counts = take_step(passage, "report")
    give_out([*of_run, *measuring.levels([passage.inbox.name])])
    return counts


def _by_hand(run: Any) -> str:
    """Name a run that a person triggered or cleared, each time anew; else ``""``."""
    cleared = run.clear_number or 0
    return f"{run.run_id} {cleared}" if cleared or run.run_type == "manual" else ""


def _announce(passage: Passage, outlet_events: Any) -> None:
    """Tell other DAGs of each change; the event's id makes each extra different from all others."""
    for event in passage.tickets.unannounced(passage.run):
        asset = Asset(f"mailticket_{event['class']}", uri=f"x-mailticket://ticket/{event['class']}")
        extra = {
            "event": event["id"],
            "ticket": event["ref"],
            "class": event["class"],
            "kind": event["kind"],
            "inbox": passage.inbox.name,
        }
        outlet_events[TICKETS].add(asset, extra=extra)


# -- the colour of the run ------------------------------------------------------------------------


def _broken_tasks(context: dict[str, Any]) -> list[str]:
    """Name the run's tasks that failed: the last one runs after anything, and alone decides."""
    run = context["dag_run"]
    states = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
    of_run = states.get(run.run_id, {})
    # Tasks that share a step are called parse_0, parse_1 … here.
    failed = {re.sub(r"_\d+$", "", name) for name, state in of_run.items() if state == "failed"}
    return [step for step in STEPS if step in failed]


def _colour(passage: Passage, counts: Counts, broken: list[str], ti: Any) -> None:
    """Leave counts and note for those who look, then redden the run if somebody has to."""
    failed = failures(passage)
    tasks = [f"{', '.join(broken)} failed"] if broken else []
    _note(ti, summary(counts), *tasks)
    if failed or broken:
        ti.xcom_push(key="return_value", value=counts)
        raise _told(*failed, *(f"{said}: see there" for said in tasks))


def _note(ti: Any, *said: str) -> None:
    """Leave what the run's note shall say; the listener puts it there when the run has ended."""
    ti.xcom_push(key=NOTE, value=MARK + "; ".join(said))


def _told(*lines: str, again: bool = False, after: float | None = None) -> Told:
    log = structlog.get_logger("mailticket")
    for line in lines:
        log.error(line)
    return Told("\n".join(lines), again=again, after=after)


def _pause(error: MailticketError) -> float | None:
    """Give the seconds that a server asked for, or that another pass's lease may last."""
    if isinstance(error, MailboxUnavailable) and error.retry_after is not None:
        return min(max(error.retry_after, 1.0), _LONGEST_PAUSE)
    return _WAIT_FOR_LEASE if isinstance(error, Lapsed) else None
