"""docker-compose.yaml, read by docker-compose itself, against what the demo runs."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from demo.airflow import COMPONENTS, MIGRATE, Airflow
from demo.home import CLONE, Secrets

SECRETS = (
    "MAILTICKET_POSTGRES_PASSWORD",
    "MAILTICKET_FERNET_KEY",
    "MAILTICKET_JWT_SECRET",
    "MAILTICKET_API_SECRET",
    "MAILTICKET_ADMIN_PASSWORD",
)
# What the demo says by its free ports and paths, and containers by names and mounts.
OF_THE_DEMO_ONLY = {
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
}


def compose(*arguments: str, **secrets: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAILTICKET_")}
    with tempfile.NamedTemporaryFile() as empty:  # an operator's own .env is not this test's
        command = ["docker-compose", "--env-file", empty.name, "-f", "docker-compose.yaml"]
        return subprocess.run(
            [*command, *arguments],
            cwd=CLONE,
            env=environment | secrets,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = compose("--profile", "mail", "config", **dict.fromkeys(SECRETS, "given"))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


@pytest.mark.parametrize("profile", [(), ("--profile", "mail")])
def test_with_all_secrets_it_is_valid_and_nothing_is_said(profile: tuple[str, ...]) -> None:
    done = compose(*profile, "config", "-q", **dict.fromkeys(SECRETS, "given"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("missing", SECRETS)
def test_without_one_of_them_it_is_refused_and_the_missing_one_named(missing: str) -> None:
    done = compose("config", "-q", **{name: "given" for name in SECRETS if name != missing})
    assert done.returncode != 0
    assert f"{missing} is missing" in done.stderr.splitlines()[-1].rpartition("in service")[2]


def test_airflow_runs_by_the_commands_of_the_demo(services: dict[str, Any]) -> None:
    ours = {name: tuple(services[name]["command"]) for name in COMPONENTS}
    assert ours == COMPONENTS
    init = (CLONE / "include/docker/init.sh").read_text()
    assert f"airflow {' '.join(MIGRATE)}\n" in init


def test_airflow_is_configured_as_in_the_demo(services: dict[str, Any], tmp_path: Path) -> None:
    demo = Airflow(tmp_path, tmp_path, 1, "postgresql://", Secrets.generate()).environment()
    wanted = {key for key in demo if key.startswith("AIRFLOW__")} - OF_THE_DEMO_ONLY
    same = ("CORE__EXECUTOR", "CORE__PARALLELISM", "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME")
    for name in COMPONENTS:
        environment = services[name]["environment"]
        assert wanted <= environment.keys()
        assert [environment[f"AIRFLOW__{key}"] for key in same] == [
            demo[f"AIRFLOW__{key}"] for key in same
        ]


def test_every_service_that_stays_has_a_health_check(services: dict[str, Any]) -> None:
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {name for name, each in services.items() if each.get("restart") == "no"}


def test_images_are_pinned_and_airflow_is_the_locked_one(services: dict[str, Any]) -> None:
    tags = {service["image"].partition(":")[2] for service in services.values()}
    assert all(re.fullmatch(r"\d+\.\d+(\.\d+)?", tag) for tag in tags)
    lock = (CLONE / "requirements.lock").read_text()
    locked = re.search(r"^apache-airflow==(\S+)", lock, re.MULTILINE)
    dockerfile = (CLONE / "include/docker/Dockerfile").read_text()
    assert locked
    assert f"FROM apache/airflow:slim-{locked[1]}-python3" in dockerfile


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_files_that_containers_run_are_there_and_executable(services: dict[str, Any]) -> None:
    inside = [part for name in ("init", "try-it") for part in services[name]["entrypoint"]]
    scripts = [part.replace("/opt/airflow", str(CLONE)) for part in inside if part.endswith(".sh")]
    assert len(scripts) == 2
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
        assert os.access(script, os.X_OK)
