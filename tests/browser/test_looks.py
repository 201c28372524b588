"""A mail looks the same after sanitising: what a browser computes for each of its words."""

from __future__ import annotations

import email
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from mailticket.sanitise import sanitise

CHROMIUM = shutil.which("chromium")
LOOKS = sorted((Path(__file__).parents[1] / "messages" / "looks").glob("*.eml"))
WORDS = """
() => {
  const seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.replace(/\\s+/g, ' ').trim();
    const parent = walker.currentNode.parentElement;
    if (!text || parent.closest('style,script,title') || !parent.getClientRects().length) continue;
    const look = getComputedStyle(parent);
    let block = parent;
    while (getComputedStyle(block).display === 'inline') block = block.parentElement;
    const box = getComputedStyle(block);
    let ground = parent;
    while (ground.parentElement &&
           getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
      ground = ground.parentElement;
    seen.push([text, look.color, look.fontSize, look.fontWeight, look.fontStyle, look.fontFamily,
               look.textDecorationLine, look.textAlign, box.marginTop, box.marginLeft,
               box.paddingTop, box.borderTopStyle,
               box.borderTopStyle === 'none' ? '' : box.borderTopColor,
               ground === document.documentElement ? 'page' :
               getComputedStyle(ground).backgroundColor]);
  }
  return seen;
}
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


def words(browser: Browser, html: str) -> list[list[Any]]:
    """Give each visible piece of text with what is computed for it."""
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.context.route("**/*", lambda route: route.abort())
    page.set_content(html, wait_until="domcontentloaded")
    seen: list[list[Any]] = page.evaluate(WORDS)
    page.close()
    return seen


@pytest.mark.parametrize("file", LOOKS, ids=lambda file: file.stem)
def test_a_mail_looks_the_same_after_sanitising(browser: Browser, file: Path) -> None:
    payload = email.message_from_bytes(file.read_bytes()).get_payload(decode=True)
    assert isinstance(payload, bytes)
    html = payload.decode("utf-8")
    mode = "<!doctype html>" if html.lower().startswith("<!doctype") else ""
    before = words(browser, html)
    assert len(before) > 5
    assert words(browser, mode + sanitise(html).html) == before


def test_the_comparison_would_see_a_sheet_that_is_lost(browser: Browser) -> None:
    styled, bare = "<style>p{color:red}</style><p>x</p>", "<p>x</p>"
    assert words(browser, styled) != words(browser, bare)
