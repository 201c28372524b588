"""Writes a run's counts into its note, so that they are seen without opening a log (SPEC 6.2).

A task cannot set its run's note; the scheduler calls this when a run ends. Nothing here may ever
hurt the scheduler: whatever goes wrong is logged and forgotten.

And it lets the processes of a triggerer and of a DAG processor share what all have loaded.
"""

from __future__ import annotations

import gc
import logging
import sys
from typing import Any

from airflow.listeners import hookimpl  # noqa: TID251
from airflow.models.xcom import XComModel  # noqa: TID251
from sqlalchemy.orm import object_session

DAG_PREFIX = "mailticket_inbox_"
MAINTENANCE_DAG = "mailticket_maintenance"
NOTE = "note"
"""The XCom in which the last task leaves what the note shall say."""
MARK = "mailticket: "
"""Begins our notes; one that begins otherwise is a person's, and stays."""
_FORKING = {"airflow.jobs.triggerer_job_runner", "airflow.jobs.dag_processor_job_runner"}
_LONGEST = 999
_LOG = logging.getLogger("mailticket.listener")


@hookimpl
def on_starting(component: Any) -> None:  # noqa: ARG001  Airflow calls it by this name
    """Let no collection of garbage look at what is loaded before a component forks.

    Looking writes into each object: each of a triggerer's two processes would get its own copy of
    all, some hundred megabytes, as soon as the first trigger starts, and each reading of a DAG file
    would copy it, too. Airflow's scheduler does the same.
    """
    if not _FORKING.isdisjoint(sys.modules):
        gc.collect()
        gc.freeze()


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Note what a green run came to."""
    _note(dag_run, msg)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Note what a red run came to."""
    _note(dag_run, msg)


def _note(dag_run: Any, _msg: str) -> None:
    if not str(dag_run.dag_id).startswith((DAG_PREFIX, MAINTENANCE_DAG)):
        return
    try:
        session = object_session(dag_run)
        if session is None or (dag_run.note and not dag_run.note.startswith(MARK)):
            return
        text = _left_by_the_last_task(session, dag_run)
        if text:
            dag_run.note = text[:_LONGEST]
    except Exception:  # noqa: BLE001  the scheduler goes on, note or no note
        _LOG.exception("the note of run %s cannot be written", dag_run.run_id)


def _left_by_the_last_task(session: Any, dag_run: Any) -> str:
    query = XComModel.get_many(
        run_id=dag_run.run_id, key=NOTE, task_ids="report", dag_ids=dag_run.dag_id
    ).with_only_columns(XComModel.value)
    # A savepoint of the connection: the session's own would commit, which the scheduler forbids.
    connection = session.connection()
    with connection.begin_nested():
        found = connection.execute(query).first()
    return str(XComModel.deserialize_value(found)) if found is not None else ""
