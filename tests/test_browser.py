"""Every page in a real browser: no other host, no error, all maths drawn, nothing wider than a phone."""

import functools
import shutil
import threading

import pytest
from the_book import SITE, pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed, so no page was opened in a browser"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address():
    """The built site, served on this machine."""
    import http.server

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format, *arguments):
            pass

    assert (SITE / "index.html").exists(), "there is no built book: run `make html` first"
    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Visit:
    """A page that was opened, and everything that went wrong on it."""

    def __init__(self, browser, url, home, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.trouble = []
        self.page.on("request", lambda r: self._note(not r.url.startswith((home, "data:", "blob:")), "asks", r.url))
        self.page.on("response", lambda r: self._note(r.status >= 400, r.status, r.url))
        self.page.on("console", lambda m: self._note(m.type == "error", "console", m.text))
        self.page.on("pageerror", lambda error: self._note(True, "script", str(error)))
        self.page.goto(url, wait_until="load")
        self.page.wait_for_function("!window.MathJax || !!(MathJax.startup && MathJax.startup.promise)", timeout=30_000)
        self.page.evaluate("window.MathJax ? MathJax.startup.promise.then(() => true) : true")

    def _note(self, is_trouble, kind, what):
        if is_trouble:
            self.trouble.append(f"{kind}: {what}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.context.close()


@pytest.mark.parametrize("page", pages())
def test_a_page_loads_by_itself_and_draws_all_maths(browser, address, page):
    with Visit(browser, f"{address}/{page}.html", address, viewport={"width": 1300, "height": 900}) as visit:
        assert visit.trouble == []
        undrawn = visit.page.evaluate(
            "[...document.querySelectorAll('.math')]"
            ".filter(e => !e.querySelector('mjx-container')).map(e => e.textContent)"
        )
        assert undrawn == []
        assert visit.page.locator("mjx-merror").count() == 0
        assert "???" not in visit.page.locator("article").inner_text()


@pytest.mark.parametrize("page", pages())
def test_a_page_fits_a_phone(browser, address, page):
    with Visit(browser, f"{address}/{page}.html", address, viewport=PHONE) as visit:
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], visit.page.evaluate(
            "[...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
        )

        if page == "api":  # formulas in docstrings are written for the terminal: they scroll in their box
            return
        wide = visit.page.evaluate(
            "[...document.querySelectorAll('div.math, div.math mjx-container')]"
            ".filter(e => e.scrollWidth > e.clientWidth + 2).map(e => e.closest('[id]').id)"
        )
        assert wide == [], "these equations are wider than a phone: break them"


@pytest.mark.parametrize("page", pages())
def test_a_page_opens_from_disk(browser, page):
    home = SITE.as_uri()
    with Visit(browser, f"{home}/{page}.html", home) as visit:
        assert visit.trouble == []


@pytest.mark.parametrize("page", pages())
def test_the_html_of_a_page_is_small(page):
    assert (SITE / f"{page}.html").stat().st_size < 1_500_000


def test_the_slider_moves_by_keyboard_and_by_its_button(browser, address):
    with Visit(browser, f"{address}/index.html", address) as visit:
        slider, image = visit.page.locator(".frame-slider input"), visit.page.locator(".frame-slider img")
        label = visit.page.locator(".frame-slider output")
        slider.fill("0")
        shown, said = image.get_attribute("src"), label.inner_text()
        slider.focus()
        visit.page.keyboard.press("ArrowRight")
        assert image.get_attribute("src") != shown and label.inner_text() != said
        assert slider.get_attribute("aria-valuetext") == label.inner_text()
        button = visit.page.locator(".frame-slider button")
        button.click()
        assert button.get_attribute("aria-label") == "Pause"
        visit.page.wait_for_function("document.querySelector('.frame-slider input').value > 2")
        button.click()
        assert button.get_attribute("aria-label") == "Play"


def test_dark_mode_follows_the_reader(browser, address):
    with Visit(browser, f"{address}/index.html", address, color_scheme="dark") as visit:
        red, green, blue = visit.page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        assert max(red, green, blue) < 60
