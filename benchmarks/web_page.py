"""Measure how many frames per second exported pages draw in headless Chromium, on one core.

    foreframe export push site-push --web
    taskset -c 0 python benchmarks/web_page.py site-push

`taskset` keeps everything on one core: the server, this program, and Chromium with its drawing.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import threading
from pathlib import Path
from typing import Any

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
FASTEST = """() => {
  const pace = document.getElementById('pace');
  pace.value = 60;
  pace.dispatchEvent(new Event('input'));
}"""
STEP = "Number(document.body.dataset.step)"
# Counts pictures over a time inside the page, so that asking costs nothing.
COUNT = f"""seconds => new Promise(done => {{
  const [from, began] = [{STEP}, performance.now()];
  setTimeout(() => done(({STEP} - from) / (performance.now() - began) * 1000), seconds * 1000);
}})"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def measure(browser: Any, site: Path, warm_s: float, measured_s: float) -> float:
    """Return the frames per second of a page with one future, after it was running for a while."""
    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.goto(f"http://localhost:{server.server_port}/")
        page.wait_for_function("document.body.dataset.step === '0'", timeout=120_000)
        page.evaluate(FASTEST)
        if page.is_visible("#track"):
            page.uncheck("#track")  # a dance that is followed ends with its recording
        page.keyboard.press(" ")
        page.wait_for_timeout(1000 * warm_s)
        return float(page.evaluate(COUNT, measured_s))
    finally:
        page.close()
        server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sites", nargs="+", type=Path, help="folders of `foreframe export --web`")
    parser.add_argument("--warm-s", type=float, default=3.0)
    parser.add_argument("--measured-s", type=float, default=4.0)
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        for site in given.sites:
            rate = measure(browser, site, given.warm_s, given.measured_s)
            print(f"{site.name}: {rate:.1f} frames/s")
        browser.close()


if __name__ == "__main__":
    main()
