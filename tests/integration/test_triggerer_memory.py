"""What a triggerer has loaded before it forks is shared by its two processes, and stays so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.home import CLONE

pytestmark = pytest.mark.slow

STARTED = """
import gc, sys
{first}
from airflow.jobs.job import Job
Job(heartrate=5)  # as each component does before it begins
print(gc.get_freeze_count())
"""
TRIGGERER = "import airflow.jobs.triggerer_job_runner"


@pytest.mark.parametrize(("first", "is_frozen"), [(TRIGGERER, True), ("", False)])
def test_only_a_triggerer_keeps_the_collector_off_what_it_has_loaded(
    first: str, is_frozen: bool, tmp_path: Path
) -> None:
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CLONE / "plugins"),
        "PYTHONPATH": str(CLONE / "plugins"),
    }
    command = [sys.executable, "-c", STARTED.format(first=first)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    frozen = int(done.stdout.split()[-1])
    assert (frozen > 100_000) == is_frozen
    assert is_frozen or frozen == 0
