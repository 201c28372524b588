"""Make docs/demo.png: what bin/demo prints on a terminal, as a terminal shows it.

Run as ``PYTHONPATH=include:tests .venv/bin/python -m browser.picture_of_demo docs/demo.png``.
"""

from __future__ import annotations

import os
import pty
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from demo.home import CLONE

COLUMNS, ROWS = 132, 60
FROM = "Tickets"


def main(target: str) -> None:
    """Run the demo once, and picture the end of what it says: from the table of tickets on."""
    lines = _printed().replace("\r\n", "\n").split("\n")
    start = next(n for n, line in enumerate(lines) if Text.from_ansi(line).plain.strip() == FROM)
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w"))  # noqa: SIM115
    for line in lines[start:]:
        if "password" not in line and "postgresql://" not in line:
            console.print(Text.from_ansi(line), soft_wrap=True)
    _shoot(console.export_svg(title="bin/demo --once"), Path(target))


def _printed() -> str:
    """Run it on a terminal of its own, so that it prints as it does for a person."""
    said = bytearray()

    def read(terminal: int) -> bytes:
        chunk = os.read(terminal, 65536)
        said.extend(chunk)
        return chunk

    with tempfile.TemporaryDirectory() as folder:
        size = f"stty cols {COLUMNS} rows {ROWS}; exec"
        command = f"{size} '{CLONE}/bin/demo' --once --home '{folder}/demo'"
        pty.spawn(["sh", "-c", command], read)
    return said.decode("utf-8", "replace")


def _shoot(svg: str, target: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_content(f"<style>body {{ margin: 0 }} svg {{ width: 1280px }}</style>{svg}")
        page.locator("svg").first.screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
