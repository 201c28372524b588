"""SECURITY.md is true where that can be seen: what it names exists, and README leads to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")


def test_every_test_and_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"[`(]((?:tests|plugins|docs|bin|include)/[\w./-]+)", PAGE))
    assert len(named) > 30
    commands = {name for name in named if name.startswith("bin/")}
    assert commands == {"bin/mailticket", "bin/setup"}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_defence_names_a_test() -> None:
    table = PAGE.partition("## What is defended")[2].partition("## What is not defended")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row] == []


def test_the_page_gives_no_address_that_nobody_reads() -> None:
    assert not re.search(r"[\w.-]+@[\w.-]+\.\w+", PAGE)


def test_the_readme_leads_to_it() -> None:
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text("utf-8")


def test_settings_that_the_page_names_are_settings() -> None:
    told = (ROOT / "docs/configuration.md").read_text("utf-8")
    names = re.findall(
        r"`((?:limit|cap|subject|unknown|debug|big|maximum)_?[a-z_]*)(?::[^`]*)?`", PAGE
    )
    assert len(set(names)) > 8
    assert [name for name in sorted(set(names)) if f"`{name}`" not in told] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_is_locked_with_a_hash(lock: str) -> None:
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / lock).read_text("utf-8"))[1:]
    assert len(entries) > 20
    assert [each for each in entries if "==" not in each or "--hash=sha256:" not in each] == []


def test_nothing_is_installed_without_hashes() -> None:
    for name in ("bin/setup", "include/docker/Dockerfile"):
        text = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text("utf-8"))
        lines = [line for line in text.splitlines() if re.search(r"pip install\b.* -r ", line)]
        assert lines, name
        assert [line for line in lines if "--require-hashes" not in line] == []
