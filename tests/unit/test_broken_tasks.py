"""Which tasks a run names as failed: those that share a step are one of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mailticket.airflow_task import _broken_tasks


@pytest.mark.parametrize(
    ("states", "broken"),
    [
        ({"fetch": "success", "parse": "success"}, []),
        ({"fetch": "failed", "parse": "upstream_failed"}, ["fetch"]),
        ({"fetch": "success", "parse_0": "success", "parse_1": "failed"}, ["parse"]),
        ({"parse_0": "failed", "parse_12": "failed", "cleanup": "failed"}, ["parse", "cleanup"]),
        ({"parse_0": "success", "parse_1": "removed", "report": "running"}, []),
    ],
)
def test_tasks_that_share_a_step_are_named_once(states: dict[str, str], broken: list[str]) -> None:
    run = SimpleNamespace(dag_id="mailticket_inbox_support", run_id="run")
    ti = SimpleNamespace(get_task_states=lambda **_: {"run": states})
    assert _broken_tasks({"dag_run": run, "ti": ti}) == broken
