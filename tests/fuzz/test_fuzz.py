"""A minute of fuzzing for each target; longer by hand (run.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.run import NAMES, NOT_HERE
from fuzz.targets import TARGETS

RUN = Path(__file__).with_name("run.py")


def test_every_target_has_a_name() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_first_inputs_of_a_target_hold(name: str) -> None:
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in seeds[::5]:
        TARGETS[name].attack(seed)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_minute_of_fuzzing_finds_nothing(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--seconds", "60", name],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode == NOT_HERE:
        pytest.skip("atheris is not to be had for this Python")
    assert done.returncode == 0, done.stderr[-4000:]
