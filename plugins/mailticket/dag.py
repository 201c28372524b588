"""One DAG per inbox, with its schedule, its retries and its order.

What a task does is in ``airflow_task.py``, and what a step does in ``steps/``.
"""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (  # noqa: TID251
    DAG,
    AssetOrTimeSchedule,
    BaseOperator,
    TriggerRule,
    get_parsing_context,
    task,
)

from mailticket.airflow_access import Access, in_airflow
from mailticket.airflow_task import TICKETS, RetryAsTold, check_configuration, take
from mailticket.config import INBOXES, SETTINGS, Configuration, Inbox, describe_faults
from mailticket.errors import Fault
from mailticket.ingest import SHARED, STEPS
from mailticket.listener import MAINTENANCE_DAG
from mailticket.passage import Counts

PREFIX = "mailticket_inbox_"
CONFIGURATION_DAG = "mailticket_configuration"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_LOG = logging.getLogger("mailticket")
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_DEFAULTS = {
    "owner": "mailticket",
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": RetryAsTold(),
}
_AFTER_ANYTHING = ("upsert_ticket", "forward_errors", "cleanup", "report")
"""What was read must become tickets, and what is committed must be settled, whatever became of the
step before. ``report`` sees to it that a failure of any task reddens the run."""
_AT_ONCE = 4
"""Tasks of one backlog that work at the same time: other inboxes need workers, too."""


def dags() -> Iterator[DAG]:
    """Give the DAG of each inbox and the one that shows configuration faults.

    A process that runs a task asks for one DAG only: with a thousand inboxes, making all of them
    would cost each task seconds.
    """
    wanted = get_parsing_context().dag_id
    if wanted and wanted.startswith(PREFIX):
        yield _dag(wanted.removeprefix(PREFIX), None, (), "")
        return
    with _uncollected():
        yield from _all_dags(wanted)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: a thousand DAGs are none, and each look goes over all."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _all_dags(wanted: str | None) -> Iterator[DAG]:
    from mailticket.airflow_maintenance import maintenance_dag  # noqa: PLC0415  as for the trigger

    access = in_airflow()
    configuration, fallen_back = access.configuration()
    yield configuration_dag(configuration, fallen_back)
    if wanted == CONFIGURATION_DAG:
        return
    yield maintenance_dag()
    if wanted == MAINTENANCE_DAG:
        return
    for inbox in configuration.inboxes.values():
        yield inbox_dag(inbox, len(configuration.inboxes))
    for name, faults in configuration.broken.items():
        if _NAME.fullmatch(name):  # no DAG can be called otherwise; the static one tells of it
            yield broken_dag(name, faults)
    _remember_valid(access)


def _remember_valid(access: Access) -> None:
    """Keep the last valid version; a secrets backend that is read-only must not cost the DAGs."""
    try:
        access.remember_valid()
    except Exception as error:  # noqa: BLE001  Airflow raises different errors by where the file is parsed
        _LOG.info("the valid version of %s is not remembered: %s", INBOXES, error)


def inbox_dag(inbox: Inbox, inboxes: int = 1) -> DAG:
    """Make the DAG of an inbox, one of so many; only its name goes into tasks and trigger."""
    from mailticket import watch  # noqa: PLC0415  a task's process has no use for it

    schedule = watch.schedule(inbox, inboxes) if inbox.active else None
    return _dag(inbox.name, schedule, (inbox.ticket_class,), inbox.describe())


def broken_dag(name: str, faults: Sequence[Fault]) -> DAG:
    """Keep the DAG of an inbox whose configuration is wrong, unscheduled, with the faults."""
    doc = (
        f"### Inbox {name} is switched off by its configuration\n\n{describe_faults(faults)}\n"
        f"Mend the Variable {INBOXES}: the inbox goes on by itself within a minute."
    )
    return _dag(name, None, ("fault",), doc, " (configuration fault)")


def _dag(
    name: str, schedule: AssetOrTimeSchedule | None, tags: Sequence[str], doc: str, mark: str = ""
) -> DAG:
    with DAG(
        PREFIX + name,
        dag_display_name=PREFIX + name + mark,
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        doc_md=doc,
        description=f"Mail of inbox {name} becomes tickets",
        tags=["mailticket", *tags],
        default_args=_DEFAULTS,
    ) as dag:
        _tasks()
    return dag


class Step(BaseOperator):
    """Takes one step of a run; what it is called is the step, and its DAG names the inbox.

    An operator of our own, since making a decorated function's task costs four times as much.
    """

    batch: int | None = None

    def execute(self, context: Any) -> Counts | list[int]:
        """Give the step's counts, or the numbers of the batches that the next step shares."""
        inbox = context["dag"].dag_id.removeprefix(PREFIX)
        return take(self.task_id, inbox, context, self.batch)


class SharedStep(Step):
    """Takes a step's work on one batch."""

    def __init__(self, *, batch: int, **of_any_task: Any) -> None:
        super().__init__(**of_any_task)
        self.batch = batch


def _tasks() -> None:
    before: Any = None
    for step in STEPS:
        if step in SHARED:
            shared = SharedStep.partial(max_active_tis_per_dagrun=_AT_ONCE, **_facts(step))
            current: Any = shared.expand(batch=before.output)
        else:
            current = Step(**_facts(step))
            if before is not None:
                before >> current
        before = current


def _facts(step: str) -> dict[str, Any]:
    return {
        "task_id": step,
        "trigger_rule": TriggerRule.ALL_DONE
        if step in _AFTER_ANYTHING
        else TriggerRule.NONE_FAILED,
        "doc_md": STEPS[step].__doc__,
        "outlets": [TICKETS] if step == "upsert_ticket" else [],
    }


def configuration_dag(configuration: Configuration, fallen_back: Sequence[Fault]) -> DAG:
    """Make the static DAG that lists every fault of the configuration."""
    faults = [*fallen_back, *configuration.all_faults]
    told = f"{len(faults)} configuration fault{'' if len(faults) == 1 else 's'}"
    with DAG(
        CONFIGURATION_DAG,
        dag_display_name=f"{CONFIGURATION_DAG} ({told})" if faults else CONFIGURATION_DAG,
        schedule=None,
        start_date=_BEGINNING,
        doc_md=_configuration_doc(configuration, faults, fallen_back),
        description=told if faults else "No configuration faults",
        tags=["mailticket", *(["fault"] if faults else [])],
        is_paused_upon_creation=False,
        default_args=_DEFAULTS,
    ) as dag:
        task(task_id="check", doc_md=check_configuration.__doc__)(check_configuration)()
    return dag


def _configuration_doc(
    configuration: Configuration, faults: Sequence[Fault], fallen_back: Sequence[Fault]
) -> str:
    if not faults:
        return f"### {len(configuration.inboxes)} inboxes, no faults"
    doc = f"### Faults in the Variables {INBOXES} and {SETTINGS}\n\n{describe_faults(faults)}"
    if fallen_back:
        doc += "\nUntil it is mended, the last valid version is in force."
    return doc
