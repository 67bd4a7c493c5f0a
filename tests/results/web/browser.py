"""A real browser for tests: Chromium by selenium, talking to nothing but the loopback.

Where there is none the tests are skipped with a line that says so; with
``ANIMESEARCH_REQUIRE_BROWSER=1`` in the environment they fail instead.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIRED = "ANIMESEARCH_REQUIRE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers run tests as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30
"""Seconds until something on a page counts as absent; a busy machine is slow."""


def refuse(problem: str) -> None:
    """Skip, or fail where a browser is required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, but {problem}")
    pytest.skip(f"{problem}: the dashboard is not tried in a browser")


def new_driver(profile: Path) -> Any:
    """A browser with an empty profile; skips or fails where there is none."""
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
    except ImportError:
        refuse("selenium is not installed (the extra 'browsertest')")
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        refuse(f"there is no {'chromedriver' if browser else 'chromium'} on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = str(browser)
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        return webdriver.Chrome(options=options, service=webdriver.ChromeService(str(driver)))
    except WebDriverException as error:
        refuse(f"chromium does not start ({error.msg})")


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The dashboard of ``path`` on a free port of the loopback, in a thread."""
    import uvicorn

    from animesearch.results.web.app import create_app
    from animesearch.results.web.security import access
    from animesearch.results.web.server import _bound
    from animesearch.results.web.store import Store

    with _bound("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        app = create_app(Store(path), access("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(timeout=PATIENCE)


class Browser:
    """What tests do with a page; every wait is for something to be seen, never for a time."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str, ready: str) -> None:
        """Go there, and wait for an element."""
        self.driver.get(address)
        self.find(ready)

    def find(self, selector: str) -> Any:
        """The first element, once there is one."""
        return self.until(lambda: next(iter(self.all(selector)), None), f"no {selector}")

    def all(self, selector: str) -> list[Any]:
        """The elements that are there now."""
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """Their texts as written, hidden ones too."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
        )
        found: list[str] = self.driver.execute_script(script, selector)
        return found

    def until(self, found: Any, problem: str) -> Any:
        """What ``found`` gives, once it is true."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(
            self.driver, PATIENCE, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: found(), problem)

    def press(self, *keys: str) -> None:
        """Keys into whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def run(self, script: str, *arguments: Any) -> Any:
        """Javascript in the page."""
        return self.driver.execute_script(script, *arguments)

    def emulate(self, width: int, dark: bool) -> None:
        """A screen of that width, in dark or light."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def complaints(self) -> list[str]:
        """What the console holds since the last call: errors of scripts, refused addresses."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
