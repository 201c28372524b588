"""One DAG per inbox: the only library file that knows Airflow's DAG API.

What runs is in ``ingest.py``; here it gets its schedule, its retries and its colours.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (  # noqa: TID251
    DAG,
    Asset,
    AssetAlias,
    TriggerRule,
    get_parsing_context,
    task,
)
from airflow.sdk.exceptions import (  # noqa: TID251
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

from mailticket.airflow_access import Access, in_airflow
from mailticket.config import INBOXES, SETTINGS, Configuration, Inbox
from mailticket.errors import Fault, MailticketError, NeverBegan
from mailticket.ingest import STEPS, begin, failures, take_step
from mailticket.passage import Counts, Passage

PREFIX = "mailticket_inbox_"
CONFIGURATION_DAG = "mailticket_configuration"
TICKETS = AssetAlias("mailticket_tickets")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_LOG = logging.getLogger("mailticket")
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_RETRIES = {
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
}
# What was read must become tickets, and what is committed must be settled, whatever became of the
# step before; only the last task must not run green over a failure.
_AFTER_ANYTHING = ("upsert_ticket", "forward_errors", "cleanup")


class MessagesFailedError(AirflowException):
    """The run did its work, and some messages failed: somebody has to look."""


def dags() -> Iterator[DAG]:
    """Give the DAG of each inbox and the one that shows configuration faults.

    A process that runs a task asks for one DAG only: with a thousand inboxes, making all of them
    would cost each task seconds.
    """
    wanted = get_parsing_context().dag_id
    access = in_airflow()
    if wanted and wanted.startswith(PREFIX):
        yield _dag(wanted.removeprefix(PREFIX), None, (), "")
        return
    configuration, fallen_back = access.configuration()
    yield configuration_dag(configuration, fallen_back)
    for inbox in configuration.inboxes.values():
        yield inbox_dag(inbox)
    for name, faults in configuration.broken.items():
        if _NAME.fullmatch(name):  # no DAG can be called otherwise; the static one tells of it
            yield broken_dag(name, faults)
    if not wanted:
        _remember_valid(access)


def _remember_valid(access: Access) -> None:
    """Keep the last valid version; a secrets backend that is read-only must not cost the DAGs."""
    try:
        access.remember_valid()
    except Exception as error:  # noqa: BLE001  Airflow raises different errors by where the file is parsed
        _LOG.info("the valid version of %s is not remembered: %s", INBOXES, error)


def inbox_dag(inbox: Inbox) -> DAG:
    """Make the DAG of an inbox; only its name goes into the tasks."""
    schedule = timedelta(seconds=inbox.periodicity) if inbox.active else None
    return _dag(inbox.name, schedule, (inbox.ticket_class,), inbox.describe())


def broken_dag(name: str, faults: Sequence[Fault]) -> DAG:
    """Keep the DAG of an inbox whose configuration is wrong, unscheduled, with the faults."""
    told = "\n".join(f"- {_code(str(fault))}" for fault in faults)
    doc = f"### Inbox {name} is switched off by its configuration\n\n{told}\n\nMend the Variable."
    return _dag(name, None, ("fault",), doc)


def _dag(name: str, schedule: timedelta | None, tags: Sequence[str], doc: str) -> DAG:
    with DAG(
        PREFIX + name,
        schedule=schedule,
        start_date=_BEGINNING,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        doc_md=doc,
        description=f"Mail of inbox {name} becomes tickets",
        tags=["mailticket", *tags],
        default_args=_RETRIES,
    ) as dag:
        _tasks(name)
    return dag


def _tasks(name: str) -> None:
    made: list[Any] = []
    for step in STEPS:
        current = _task(step)(name)
        if made:
            made[-1] >> current
        made.append(current)
    # The leaf that gives the colour sees every task, or an all_done one would hide a failure.
    for earlier in made[:-1]:
        earlier >> made[-1]


def _task(step: str) -> Callable[[str], Any]:
    rule = TriggerRule.ALL_DONE if step in _AFTER_ANYTHING else TriggerRule.NONE_FAILED
    more: dict[str, Any] = {"outlets": [TICKETS]} if step == "upsert_ticket" else {}
    if step == "report":
        more["retries"] = 0

    @task(task_id=step, trigger_rule=rule, doc_md=STEPS[step].__doc__, **more)
    def take(inbox: str, **context: Any) -> Counts:
        return _take(step, inbox, context)

    return take


def _take(step: str, inbox: str, context: dict[str, Any]) -> Counts:
    access = in_airflow()
    run = context["dag_run"]
    db = None
    try:
        db = access.database()
        passage = begin(
            db,
            inbox,
            step,
            run.run_id,
            lambda: access.inbox(inbox),
            access.outside(run.dag_id),
            run.clear_number or 0,
        )
        counts = take_step(passage, step)
        if step == "upsert_ticket":
            _announce(passage, context["outlet_events"])
        failed = failures(passage) if step == "report" else []
    except NeverBegan as error:
        raise AirflowSkipException(str(error)) from None
    except MailticketError as error:
        if error.transient:
            raise
        raise AirflowFailException(str(error)) from None
    finally:
        if db:
            db.close()
    if failed:
        context["ti"].xcom_push(key="return_value", value=counts)
        raise MessagesFailedError("\n".join(failed))
    return counts


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


def configuration_dag(configuration: Configuration, fallen_back: Sequence[Fault]) -> DAG:
    """Make the static DAG that lists every fault of the configuration."""
    faults = [*fallen_back, *configuration.all_faults]
    if faults:
        told = "\n".join(f"- {_code(str(fault))}" for fault in faults)
        doc = f"### {len(faults)} faults in the Variables {INBOXES} and {SETTINGS}\n\n{told}"
    else:
        doc = f"### {len(configuration.inboxes)} inboxes, no faults"
    if fallen_back:
        doc += "\n\nUntil it is mended, the last valid version is in force."
    return DAG(
        CONFIGURATION_DAG,
        schedule=None,
        start_date=_BEGINNING,
        doc_md=doc,
        description=f"{len(faults)} configuration faults" if faults else "No configuration faults",
        tags=["mailticket", *(["fault"] if faults else [])],
        is_paused_upon_creation=False,
    )


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("\n", " ") + "`"
