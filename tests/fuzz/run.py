"""Fuzz one target, or all of them in turn, with atheris.

    .venv/bin/python tests/fuzz/run.py [--seconds 60] [--corpus DIR ...] [TARGET ...]

Atheris is no requirement, since it is not there for every Python: where it is missing, it is
installed into .cache/fuzz; where that fails, this ends with 69. Inputs that were found stay in
.cache/fuzz/found/<target>, what broke in .cache/fuzz/broken, one file each: make a test of it
before mending. An input may take 10 s and 1 GB.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "fuzz"
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "include"), str(ROOT / "tests")]
sys.path.append(str(CACHE / "packages"))

NOT_HERE = 69
"""Exit status: libFuzzer has none like it."""
NAMES = ("mail", "header", "html", "new_html", "new_text", "pattern", "style")
MOST_BYTES = 20_000
SECONDS_PER_INPUT = 10
MEGABYTES = 1024


def provide() -> bool:
    """Make atheris importable; tell whether that worked."""
    try:
        import atheris  # noqa: F401, PLC0415 - it may be missing
    except ImportError:
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--only-binary=:all:"]
        command = [*install, "--target", str(CACHE / "packages"), "atheris"]
        return subprocess.run(command, check=False).returncode == 0
    return True


def plant(name: str, folders: list[Path]) -> Path:
    """Write the first inputs of a target, each under its hash."""
    from fuzz.targets import TARGETS  # noqa: PLC0415 - after the path is set

    garden = CACHE / "found" / name
    garden.mkdir(parents=True, exist_ok=True)
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    for seed in (*TARGETS[name].seeds(), *(file.read_bytes() for file in files)):
        if len(seed) <= MOST_BYTES:
            (garden / hashlib.sha256(seed).hexdigest()[:32]).write_bytes(seed)
    return garden


def attack(name: str, seconds: int, folders: list[Path]) -> int:
    """Fuzz one target in a process of its own: libFuzzer ends the one that it runs in."""
    garden, broken = plant(name, folders), CACHE / "broken"
    broken.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--inside", name, str(garden)]
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MOST_BYTES}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={broken}/{name}-",
        f"-dict={HERE / words_of(name)}",
        "-print_final_stats=1",
    ]
    return subprocess.run([*command, *options], check=False).returncode


def words_of(name: str) -> str:
    """Name the libFuzzer dictionary of a target."""
    from fuzz.targets import TARGETS  # noqa: PLC0415 - after the path is set

    return TARGETS[name].words


def inside(name: str, arguments: list[str]) -> None:
    """Run in the process that libFuzzer takes over."""
    import atheris  # noqa: PLC0415 - provided just before

    with atheris.instrument_imports(include=["mailticket", "selectolax"]):
        from fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented

    atheris.Setup([sys.argv[0], *arguments], TARGETS[name].attack)
    atheris.Fuzz()


def main() -> int:
    """Read the arguments; the status is that of the first target that broke."""
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--corpus", type=Path, action="append", default=[], help="more inputs")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if not provide():
        sys.stderr.write("atheris is not to be had for this Python\n")
        return NOT_HERE
    os.environ.setdefault("PYTHONHASHSEED", "0")
    for name in options.targets or NAMES:
        if status := attack(name, options.seconds, options.corpus):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
