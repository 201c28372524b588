"""Make docs/demo.png: what bin/demo prints on a terminal, as a terminal shows it.

It needs a font with Japanese letters (Debian: ``fonts-vlgothic``). Run as
``PYTHONPATH=include:tests .venv/bin/python -m browser.picture_of_demo docs/demo.png``.
"""

from __future__ import annotations

import html
import os
import pty
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 132, 60
FROM, TO = "Tickets", "Stopping"
STYLE = """
body { margin: 0; background: #1e1e24 }
pre { margin: 0; padding: 14px 18px; width: fit-content; color: #d8d8d8;
      font: 15px/19px "DejaVu Sans Mono", monospace }
i { display: inline-block; font-style: normal; width: 1ch; height: 19px; vertical-align: top }
i.wide { width: 2ch }
"""


def main(target: str) -> None:
    """Run the demo once, and picture the end of what it says: from the table of tickets on."""
    lines = _printed().replace("\r\n", "\n").split("\n")
    texts = [Text.from_ansi(_without_secrets(line)) for line in lines]
    start = next(n for n, text in enumerate(texts) if text.plain.strip() == FROM)
    end = next(n for n, text in enumerate(texts) if n > start and TO in text.plain)
    _shoot(_page(texts[start : end - 1]), Path(target))


def _printed() -> str:
    """Run it on a terminal of its own, so that it prints as it does for a person."""
    said = bytearray()

    def read(terminal: int) -> bytes:
        chunk = os.read(terminal, 65536)
        said.extend(chunk)
        return chunk

    with tempfile.TemporaryDirectory() as folder:
        size = f"stty cols {COLUMNS} rows {ROWS}; exec"
        command = f"{size} '{sys.executable}' -m demo --once --home '{folder}/demo'"
        pty.spawn(["sh", "-c", command], read)
    return said.decode("utf-8", "replace")


def _without_secrets(line: str) -> str:
    return re.sub(r"(password |postgresql://)\S+", r"\1…", line)


def _page(texts: Sequence[Text]) -> str:
    lines = "\n".join("".join(_cells(text)) for text in texts)
    return f"<meta charset=utf-8><style>{STYLE}</style><pre>{lines}</pre>"


def _cells(text: Text) -> Iterator[str]:
    """Give each letter a cell of its own, or two: fonts disagree on the width of some."""
    for segment in text.render(Console()):
        bold = "font-weight: bold" if segment.style and segment.style.bold else ""
        for letter in segment.text.rstrip("\n"):
            wide = "wide" if cell_len(letter) > 1 else ""
            yield f'<i class="{wide}" style="{bold}">{html.escape(letter)}</i>'


def _shoot(page_source: str, target: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_content(page_source)
        page.locator("pre").screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
