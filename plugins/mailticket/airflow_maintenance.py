"""The DAG that once a day compares mailboxes with rows, purges, and tells what nobody looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from airflow.sdk import DAG, TriggerRule, task  # noqa: TID251

from mailticket.airflow_access import in_airflow
from mailticket.airflow_metrics import give_out
from mailticket.airflow_task import RetryAsTold, Told
from mailticket.errors import MailticketError
from mailticket.listener import MAINTENANCE_DAG, MARK, NOTE
from mailticket.maintenance import maintain
from mailticket.purging import purge
from mailticket.store.measuring import Measuring

_PORTION = 50
"""Inboxes of one mapped task: with a thousand, twenty tasks, a few of them at a time."""
_AT_ONCE = 2
_DOC = """### Maintenance of all inboxes, once a day

- `reconcile` compares what each mailbox holds with what the rows say. Messages that somebody
  removed are marked; deletions that a server took back are repeated; a message without a row is
  fetched by the next run of its inbox.
- `purge` deletes what is old: originals by `raw_retention_days`, events by `event_retention_days`,
  runs that found nothing, and files that nothing names any more; also of inboxes that are not
  active, out of reach, or not configured any more (as their last run was configured).
- `report` is red when an inbox was not read for a day, or cannot be compared for a reason that will
  not pass by itself: its log names them.

Trigger it at any time: it repeats nothing and stops no run.
"""


def maintenance_dag() -> DAG:
    """Make the DAG; which inboxes there are is read when it runs."""
    with DAG(
        MAINTENANCE_DAG,
        schedule="23 3 * * *",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        doc_md=_DOC,
        description="Mailboxes compared with rows, purged, and inboxes that nobody reads told",
        tags=["mailticket"],
        default_args={
            "owner": "mailticket",
            "retries": 2,
            "retry_delay": timedelta(minutes=2),
            "retry_policy": RetryAsTold(),
        },
    ) as dag:
        found = task(task_id="reconcile", max_active_tis_per_dagrun=_AT_ONCE)(_reconcile).expand(
            names=task(task_id="inboxes")(_portions)()
        )
        last = task(task_id="report", trigger_rule=TriggerRule.ALL_DONE)(_report)(found)
        task(task_id="purge")(_purge)() >> last
    return dag


def _portions() -> list[list[str]]:
    """Give the active inboxes in portions; at least one, which may be empty."""
    configuration, _ = in_airflow().configuration()
    active = [name for name, inbox in configuration.inboxes.items() if inbox.active]
    return [active[at : at + _PORTION] for at in range(0, max(1, len(active)), _PORTION)]


def _reconcile(names: list[str], **context: Any) -> dict[str, Any]:
    """Reconcile some inboxes; give how many, and the lines that a person must see."""
    access = in_airflow()
    configuration, _ = access.configuration()
    inboxes = [configuration.inboxes[name] for name in names if name in configuration.inboxes]
    log = structlog.get_logger("mailticket")
    told: list[str] = []
    try:
        db = access.database()
        holder = f"{MAINTENANCE_DAG} {context['dag_run'].run_id}"
        for upkeep in maintain(db, inboxes, holder, lambda _: access.outside(db=db)):
            (log.error if upkeep.needs_a_person else log.info)(upkeep.line())
            told += [upkeep.line()] if upkeep.needs_a_person else []
        give_out(Measuring(db).levels([inbox.name for inbox in inboxes]))
        db.close()
    except MailticketError as error:
        log.error(str(error))  # noqa: TRY400  one line says it
        raise Told(str(error), again=error.transient) from None
    return {"inboxes": len(inboxes), "told": told}


def _purge() -> dict[str, int]:
    """Delete, in batches, what is old; give how many of each kind."""
    access = in_airflow()
    log = structlog.get_logger("mailticket")
    try:
        configuration, _ = access.configuration()
        db = access.database()
        purged = purge(db, configuration)
        db.close()
    except MailticketError as error:
        log.error(str(error))  # noqa: TRY400  one line says it
        raise Told(str(error), again=error.transient) from None
    said = ", ".join(f"{number} {what}" for what, number in purged.items())
    log.info(f"purged: {said}")
    return purged


def _report(found: Any, **context: Any) -> dict[str, int]:
    """Leave the note, and redden the run if a person has to act."""
    results = [one for one in (found if found is not None else ()) if one]
    told = [line for one in results for line in one["told"]]
    counts = {"inboxes": sum(one["inboxes"] for one in results), "to_be_seen": len(told)}
    note = f"{counts['inboxes']} inboxes, {len(told)} to be seen"
    context["ti"].xcom_push(key=NOTE, value=MARK + note)
    states = context["ti"].get_task_states(
        dag_id=context["dag_run"].dag_id, run_ids=[context["dag_run"].run_id]
    )
    failed = sorted(
        name
        for name, state in states.get(context["dag_run"].run_id, {}).items()
        if state == "failed"
    )
    log = structlog.get_logger("mailticket")
    for line in (*told, *(f"{name} failed: see there" for name in failed)):
        log.error(line)
    if told or failed:
        raise Told("; ".join([*told, *failed]), again=False)
    return counts
