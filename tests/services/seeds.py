"""Where the tests of faults let things fail, told in one list when all of them have ended."""

from __future__ import annotations

import pytest

SEED = "MAILTICKET_SEED"
"""With it in the environment, a test of faults fails at the same places again."""
KILLS = "kills"


def tell(reporter: pytest.TerminalReporter) -> None:
    """Print each test's seed and how many processes it killed, and their sum."""
    reports = [report for found in reporter.stats.values() for report in found]
    ended = [report for report in reports if getattr(report, "when", "") == "teardown"]
    given = {report.nodeid: dict(report.user_properties) for report in ended}
    seeds = {test: one for test, one in given.items() if SEED in one}
    if not seeds:
        return
    reporter.section("seeds of the tests of faults")
    for test, one in sorted(seeds.items()):
        kills = f"{one[KILLS]} kills" if KILLS in one else ""
        reporter.write_line(f"{SEED}={one[SEED]:<6} {kills:>10}  {test}")
    total = sum(one.get(KILLS, 0) for one in given.values())
    reporter.write_line(f"{total} kills were counted")
