"""Writes a run's counts into its note, so that they are seen without opening a log (SPEC 6.2).

A task cannot set its run's note; the scheduler calls this when a run ends. Nothing here may ever
hurt the scheduler: whatever goes wrong is logged and forgotten.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl  # noqa: TID251
from airflow.models.xcom import XComModel  # noqa: TID251
from sqlalchemy.orm import object_session

from mailticket.steps.report import summary

DAG_PREFIX = "mailticket_inbox_"
MARK = "mailticket: "
"""Begins our notes; one that begins otherwise is a person's, and stays."""
_LONGEST = 999
_LOG = logging.getLogger("mailticket.listener")


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Note what a green run came to."""
    _note(dag_run, msg)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Note what a red run came to."""
    _note(dag_run, msg)


def _note(dag_run: Any, _msg: str) -> None:
    if not str(dag_run.dag_id).startswith(DAG_PREFIX):
        return
    try:
        session = object_session(dag_run)
        if session is None or (dag_run.note and not dag_run.note.startswith(MARK)):
            return
        with session.begin_nested():
            counts = _counts(session, dag_run)
            if counts:
                dag_run.note = (MARK + summary(counts))[:_LONGEST]
    except Exception:  # the scheduler goes on, note or no note
        _LOG.exception("the note of run %s cannot be written", dag_run.run_id)


def _counts(session: Any, dag_run: Any) -> dict[str, int]:
    query = XComModel.get_many(
        run_id=dag_run.run_id, key="return_value", task_ids="report", dag_ids=dag_run.dag_id
    )
    found = session.scalars(query).first()
    value = XComModel.deserialize_value(found) if found is not None else None
    return {str(k): int(v) for k, v in value.items()} if isinstance(value, dict) else {}
