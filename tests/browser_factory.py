"""A headless Chromium for tests of pages, driven through selenium."""

import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"
REMEDY = "install chromium and chromium-driver (Debian's names)"


def missing() -> str | None:
    """Say what tests of pages lack on this machine, or return None."""
    lacking = [] if any(map(shutil.which, BROWSERS)) else ["Chromium"]
    lacking += [] if shutil.which(DRIVER) else [DRIVER]
    return f"there is no {' and no '.join(lacking)}: {REMEDY}" if lacking else None


class Browser:
    """One window.

    Parameters
    ----------
    driver : of selenium
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: str, *, explorer: bool = True) -> None:
        """Load a page, and wait until its explorer is drawn."""
        self.driver.get("about:blank")
        # The driver does not wait for a blank page, and a page that is asked for meanwhile may never come.
        self.wait("return location.href === 'about:blank' && document.readyState === 'complete'")
        self.driver.get(address)
        if explorer:
            self.wait("return document.getElementById('explorer-panels')?.dataset.ready === 'true'")

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *, seconds: float = 60) -> None:
        """Run a script again and again until it returns a true value."""
        deadline = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < deadline, f"still not so after {seconds:.0f} s: {script}"
            time.sleep(0.05)

    def errors(self) -> list[str]:
        """Return what the console holds of errors and warnings since the last call."""
        log = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [one["message"] for one in log if one["level"] in {"SEVERE", "WARNING"}]

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Set the size of the window in CSS pixels; a phone's is touched, not pointed at."""
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        self._command("Emulation.setTouchEmulationEnabled", enabled=phone)

    def theme(self, name: str) -> None:
        """Prefer the `light` or the `dark` theme, and no motion, in which a click would miss its button."""
        wanted = {"prefers-color-scheme": name, "prefers-reduced-motion": "reduce"}
        features = [{"name": feature, "value": value} for feature, value in wanted.items()]
        self._command("Emulation.setEmulatedMedia", features=features)

    def picture(self) -> NDArray[np.uint8]:
        """Return what the window shows, (height, width, 3) RGB."""
        image = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        return np.asarray(image, dtype=np.uint8)

    def _command(self, name: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(name, parameters)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser, and end it."""
    lacking = missing()
    assert lacking is None, lacking
    options = Options()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which(DRIVER)))
    try:
        driver.set_script_timeout(60)
        yield Browser(driver)
    finally:
        driver.quit()
