"""Airflow's four components, as separate programs on one machine (LocalExecutor)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from demo.home import CLONE, Secrets, write_private
from demo.ports import LOOPBACK
from demo.program import Program

COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    # Logs are read from the files they are written to: nobody has to serve them.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""Component → its airflow command; docker-compose.yaml runs the same. The api-server is first."""

MIGRATE = ("db", "migrate")
USER = "admin"


class AirflowFailed(Exception):
    """An airflow command ended with an error; the message quotes it."""


@dataclass(slots=True)
class Airflow:
    """One Airflow: its home, its port, the address of its metadata database."""

    home: Path
    logs: Path
    port: int
    database: str
    """``postgresql+psycopg2://…``."""
    secrets: Secrets
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the environment, e.g. ``AIRFLOW__CORE__PARALLELISM``."""
    _programs: list[Program] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of the UI."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Build what every component, command and task finds in its environment."""
        inherited = {key: value for key, value in os.environ.items() if _is_neutral(key)}
        return inherited | self._paths() | self._configuration() | dict(self.settings)

    def migrate(self) -> None:
        """Bring the metadata database up to this version of Airflow."""
        self.run(*MIGRATE)

    def run(self, *command: str) -> str:
        """Run one airflow command to its end and return what it printed.

        Raises ``AirflowFailed``.
        """
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode("utf-8", "replace")[-4000:]
            raise AirflowFailed(f"airflow {' '.join(command)} failed:\n{said}")
        return done.stdout.decode("utf-8", "replace")

    def start(self) -> None:
        """Start all components; they become ready later (``is_ready``)."""
        self.home.mkdir(parents=True, exist_ok=True)
        write_private(self._passwords, json.dumps({USER: self.secrets.admin_password}))
        environment = self.environment()
        for name, command in COMPONENTS.items():
            program = Program(
                name=f"airflow {name}",
                command=[sys.executable, "-m", "airflow", *command],
                log=self.logs / f"{name}.log",
                environment=environment,
                folder=self.home,
            )
            self._programs.append(program)
            program.start()

    def stop(self) -> None:
        """Stop all components, by force after their grace.

        The scheduler waits for the tasks that run, and these report to the api-server until their
        end: it goes last, or each of them would be found dead at the next start.
        """
        api_server, others = self._programs[:1], self._programs[1:]
        for program in others:
            program.ask_to_stop()
        for program in [*others, *api_server]:
            program.stop()
        self._programs.clear()

    def component(self, name: str) -> Program:
        """Give one component, to be stopped or started alone."""
        return next(each for each in self._programs if each.name == f"airflow {name}")

    def require_alive(self) -> None:
        """Raise ``ProgramDied`` unless all components run."""
        for program in self._programs:
            program.require_alive()

    def ill_components(self) -> list[str]:
        """Name the components that do not report themselves healthy (yet)."""
        try:
            # No proxy of the environment stands between us and our own loopback.
            with build_opener(ProxyHandler({})).open(
                f"{self.url}/api/v2/monitor/health", timeout=5
            ) as answer:
                health = json.load(answer)
        except (URLError, OSError, ValueError):
            return ["api-server"]
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return [part for part in parts if (health.get(part) or {}).get("status") != "healthy"]

    def wait_until_ready(self, tell: Callable[[str], None], seconds: float = 300) -> None:
        """Return once all components are healthy; ``tell`` is told what is awaited."""
        deadline = time.monotonic() + seconds
        while ill := self.ill_components():
            self.require_alive()
            if time.monotonic() > deadline:
                raise AirflowFailed(f"not healthy after {seconds:.0f} s: {', '.join(ill)}")
            tell(", ".join(ill))
            time.sleep(0.5)

    @property
    def _passwords(self) -> Path:
        return self.home / "passwords.json"

    def _paths(self) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(CLONE / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CLONE / "plugins"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "PYTHONPATH": str(CLONE / "plugins"),
            "NO_PROXY": _without_proxy(os.environ.get("NO_PROXY") or os.environ.get("no_proxy")),
        }

    def _configuration(self) -> dict[str, str]:
        return {
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": self.secrets.fernet_key,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            # A log line says why a message was rejected: at its end.
            "AIRFLOW__API__DEFAULT_WRAP": "True",
            "AIRFLOW__API__SECRET_KEY": self.secrets.api_secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secrets.jwt_secret,
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # On a busy machine a supervisor misses the end of its task and looks again after this
            # many seconds, 5 by default; so long its worker is free for no other task.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # So that an api-server may be away for 15 s, as by default.
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "15",
        }


def _is_neutral(variable: str) -> bool:
    """Tell whether a variable of the caller's shell may reach our Airflow.

    Another Airflow's settings must not, and without byte code every task starts slower.
    """
    return not variable.startswith("AIRFLOW") and variable not in {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPATH",
        "PYTHONHOME",
        "no_proxy",
    }


def _without_proxy(hosts: str | None) -> str:
    return ",".join(filter(None, [hosts, LOOPBACK, "localhost"]))
