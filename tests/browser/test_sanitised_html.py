"""Sanitised HTML in a real browser, without a Content-Security-Policy: nothing runs, nothing loads.

The same page with the raw vectors shows that the trap would close.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from mailticket.sanitise import sanitise

CHROMIUM = shutil.which("chromium")
VECTORS = Path(__file__).parents[1] / "unit" / "hostile_html.txt"
PAGE = "http://page.invalid/"
CHARACTERS = {
    "{NUL}": "\0",
    "{TAB}": "\t",
    "{LF}": "\n",
    "{CR}": "\r",
    "{FF}": "\f",
    "{NBSP}": "\xa0",
    "{BOM}": "\ufeff",
    "{SUR}": "\ufffd",
}
TRAP = """
window.__xss = [];
for (const name of ['alert', 'print', 'confirm', 'prompt', 'open', 'fetch'])
  window[name] = () => { window.__xss.push(name); };
document.addEventListener('securitypolicyviolation', () => window.__xss.push('policy'));
"""
TOUCH_EVERYTHING = """
() => {
  const kinds = ['mouseover', 'pointerover', 'mouseenter', 'focus', 'input', 'toggle', 'load',
                 'error', 'begin', 'animationstart', 'transitionend', 'beforetoggle'];
  for (const element of document.querySelectorAll('*')) {
    for (const kind of kinds) element.dispatchEvent(new Event(kind));
    if (!element.closest('a[href]') && element.click) element.click();  // links may be followed
    if (element.focus) element.focus();
  }
  document.body.style.width = '10px';
}
"""
OVERLAPPING = """
() => [...document.querySelectorAll('.mail *')].filter(e => {
  const position = getComputedStyle(e).position;
  return position !== 'static' && position !== 'relative' || e.id || e.className;
}).length
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield started
        started.close()


def vectors() -> list[str]:
    text = VECTORS.read_text(encoding="utf-8")
    for sign, character in CHARACTERS.items():
        text = text.replace(sign, character)
    return [block.partition("\n")[2] for block in text.split("\n=== ")[1:]]


class Visit:
    """One page, what it asked the network for, and which dialogs it opened."""

    def __init__(self, browser: Browser, html: str, patience: int = 1500) -> None:
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.page: Page = browser.new_page()
        self.page.add_init_script(TRAP)
        self.page.on("dialog", self.dismiss)
        self.page.on("popup", lambda popup: self.requests.append(f"popup {popup.url}"))
        self.page.context.route("**/*", lambda route: self.answer(route, html))
        self.page.goto(PAGE, wait_until="domcontentloaded")
        self.page.evaluate(TOUCH_EVERYTHING)
        self.page.wait_for_timeout(patience)

    def answer(self, route: Route, html: str) -> None:
        if route.request.url == PAGE and not self.requests:
            self.requests.append(PAGE)
            route.fulfill(body=html.encode(), content_type="text/html; charset=utf-8")
        else:
            self.requests.append(route.request.url)
            route.abort()

    def dismiss(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))
        dialog.dismiss()  # type: ignore[attr-defined]

    def executed(self) -> list[str]:
        return list(self.page.evaluate("window.__xss"))


def page_of(fragments: list[str]) -> str:
    mails = "\n".join(f'<div class="mail">{fragment}</div>' for fragment in fragments)
    return f"<!doctype html><html><body><h1>before</h1>{mails}<p id=last>after</p></body></html>"


def test_sanitised_vectors_run_nothing_and_load_nothing(browser: Browser) -> None:
    visit = Visit(browser, page_of([sanitise(vector).html for vector in vectors()]))
    assert visit.executed() == []
    assert visit.dialogs == []
    assert visit.requests == [PAGE]
    assert visit.page.url == PAGE
    assert visit.page.locator("body > .mail").count() == len(vectors())
    assert visit.page.locator("body > #last").inner_text() == "after"
    assert visit.page.evaluate(OVERLAPPING) == 0


def test_sanitised_vectors_in_quirks_mode_and_by_inner_html_are_harmless(browser: Browser) -> None:
    fragments = [sanitise(vector).html for vector in vectors()]
    visit = Visit(browser, page_of(fragments).removeprefix("<!doctype html>"))
    visit.page.evaluate(
        "all => all.forEach(html => { for (const tag of ['div', 'table', 'select', 'svg', 'p'])"
        " { const e = document.createElement(tag); e.innerHTML = html; e.innerHTML = e.innerHTML;"
        " document.body.append(e); } })",
        fragments,
    )
    visit.page.wait_for_timeout(1000)
    assert visit.executed() == []
    assert visit.requests == [PAGE]


def test_the_browser_reads_a_fragment_as_it_is_written(browser: Browser) -> None:
    fragments = [sanitise(vector).html for vector in vectors()]
    visit = Visit(browser, page_of([]))
    read = visit.page.evaluate(
        "all => all.map(html => { const e = document.createElement('div'); e.innerHTML = html;"
        " return e.innerHTML; })",
        fragments,
    )
    assert read == fragments


def test_the_trap_would_close_on_raw_vectors(browser: Browser) -> None:
    executed = requested = 0
    for vector in vectors()[:40]:
        visit = Visit(browser, page_of([vector]), patience=50)
        executed += bool(visit.executed())
        requested += len(visit.requests) > 1
        visit.page.close()
    assert executed > 10
    assert requested > 1
