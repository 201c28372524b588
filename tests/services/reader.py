"""Somebody who types what the pages say, in a clone."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from demo.postgres import _binary
from services.pages import ROOT

_SHOWN = ("bin", "bench", "include", "plugins", ".venv")


@dataclass(frozen=True, slots=True)
class Reader:
    """Call it with a command line; what differs from a fresh environment goes by keyword."""

    clone: Path
    """Shows what a clone shows, and has room for files of the reader's own."""

    @classmethod
    def within(cls, folder: Path) -> Reader:
        """Make the clone."""
        clone = folder / "clone"
        clone.mkdir()
        for name in _SHOWN:
            if (ROOT / name).exists():
                (clone / name).symlink_to(ROOT / name)
        return cls(clone)

    def __call__(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        programs = (Path(_binary("psql")).parent, ROOT / ".venv" / "bin", os.environ["PATH"])
        neutral = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
        own = {
            "AIRFLOW_HOME": str(self.clone.parent / "airflow"),
            "PATH": ":".join(map(str, programs)),
        }
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.clone,
            env={**neutral, **own, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
