"""Take the pictures of the pages for the documentation: docs/images/report.png, explorer_{light,dark}.png and show.png.

Run it from the repository's root after `dvc repro`, where Chromium is: ``python -m benchmarks.page_pictures``.
"""

import threading
from pathlib import Path

import cv2
import numpy as np

from pipeline.config import load
from pipeline.show.page import render
from pipeline.show.server import open_server
from pipeline.show.trial import find
from pipeline.show.video import media_type_of
from tests.browser_factory import Browser, open_browser

FOLDER = Path("docs/images")
PAGE = Path("reports/index.html")
TRIAL = "video18"


def main() -> None:
    with open_browser() as browser:
        browser.size(1200, 1500)
        browser.theme("light")
        browser.open(PAGE.resolve().as_uri())
        _take(browser, "report")
        for theme in ("light", "dark"):
            browser.theme(theme)
            browser.size(1200, 1100)
            browser.open(f"{PAGE.resolve().as_uri()}#trial={TRIAL}")
            browser.run("document.querySelector('#explore').scrollIntoView()")
            _take(browser, f"explorer_{theme}")
        _show(browser)


def _show(browser: Browser) -> None:
    params = load()
    shown = find(TRIAL, params, root=Path())
    assert shown.video is not None
    page = render(shown, params, root=Path(), notes=[]).encode()
    with open_server(page, (shown.video, media_type_of(shown.video)), port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        browser.theme("light")
        browser.size(1300, 1100)
        browser.open(f"http://localhost:{server.server_port}/")
        browser.wait("return document.getElementById('video').readyState >= 2")
        browser.run("document.getElementById('video').currentTime = 6.5")
        browser.wait("return !document.getElementById('video').seeking")
        _take(browser, "show")
        server.shutdown()
        thread.join()


def _take(browser: Browser, name: str) -> None:
    browser.wait("return new Promise(done => setTimeout(() => done(true), 700))")
    picture = np.ascontiguousarray(browser.picture()[:, :, ::-1])
    cv2.imwrite(str(FOLDER / f"{name}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
