"""What mails that want to exhaust their reader cost: each one explained in a process of its own.

    .venv/bin/python bench/hostile.py [words of names]

Start-up taken off; it prints CPU time, the peak of resident memory, and the answer. No
mail may take more than 5 s of CPU or 1 GB (issue 3).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests")]

from ingest import Measured, measure  # noqa: E402

from services.hostile_mails import hostile_mails  # noqa: E402

SECONDS, MEBIBYTES = 5, 1024
PROGRAM = str(ROOT / "bin" / "mailticket")


def explained(file: Path) -> Measured:
    """Explain one file by the program."""
    return measure([PROGRAM, "explain", "--jsonl", str(file)], dict(os.environ))


def row(title: str, file: Path, idle: float) -> bool:
    """Print one line of the table; tell whether the mail took too much.

    In a child: a process that was big once makes its children look big.
    """
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        took = explained(file)
        cpu = took.cpu - idle
        sizes = f"{file.stat().st_size / 1000:8.0f}{cpu:8.2f}{took.peak_mib:7.0f}"
        print(f"{title:44}{sizes}  {told(took.output)[:70]}", flush=True)
        os._exit(cpu > SECONDS or took.peak_mib > MEBIBYTES)
    return os.waitpid(child, 0)[1] != 0


def told(line: str) -> str:
    """Say in a few words what was answered."""
    answer = json.loads(line)
    if not answer["ok"]:
        return str(answer["error"])
    message = answer["message"]
    first = next(iter(message["defects"]), "")
    return f"{len(message['body']['text'])} characters of text; {first}"


def written(folder: Path, words: list[str]) -> list[tuple[str, Path]]:
    """Write the mails in a child: a process that was big once makes its children look big."""
    if (child := os.fork()) == 0:
        for number, (title, raw) in enumerate(hostile_mails()):
            if not words or any(word in title for word in words):
                (folder / f"{number:03} {title.replace('/', ' ')}").write_bytes(raw)
        os._exit(0)
    os.waitpid(child, 0)
    return [(file.name[4:], file) for file in sorted(folder.iterdir())]


def main() -> int:
    """Print the table; the status is 1 when a mail took too much."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        mails = written(Path(name), sys.argv[1:])
        plain = Path(name) / "plain.eml"
        plain.write_bytes(b"Subject: x\r\n\r\nx")
        idle = explained(plain)
        print(f"start-up: {idle.cpu:.2f} s CPU, {idle.peak_mib:.0f} MiB")
        print(f"{'':44}{'KB':>8}{'CPU s':>8}{'MiB':>7}  answer")
        worst = sum(row(title, file, idle.cpu) for title, file in mails)
    print(f"{worst} above {SECONDS} s of CPU or {MEBIBYTES} MiB")
    return bool(worst)


if __name__ == "__main__":
    sys.exit(main())
