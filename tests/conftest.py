"""What several test modules share."""

import ipaddress
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_CHROMIUM = Path("/usr/bin/chromium")
_DRIVER = Path("/usr/bin/chromedriver")
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1366,900"
).split()


class Browser(webdriver.Chrome):
    """A Chromium that resolves no host, and tells what it asked for and complained about."""

    def open(self, path: Path, *, width: int = 1366, height: int = 768) -> None:
        """Open a file in a window of this size, with empty logs."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.get("about:blank")
        self.get_log("browser")
        self.get_log("performance")
        self.get(path.as_uri())

    def complaints(self) -> list[str]:
        """Return what the console holds since the last call."""
        return [entry["message"] for entry in self.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.get_log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    missing = [str(program) for program in (_CHROMIUM, _DRIVER) if not program.exists()]
    if missing:
        message = f"no browser here: {', '.join(missing)} (apt-get install chromium-driver)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    options = webdriver.ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (
        *_FLAGS,
        f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Browser(options=options, service=Service(str(_DRIVER))) as driver:
        yield driver


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Callable[..., Browser]:
    """Return what opens a page's text in the browser."""

    def open_page(page: str, **size: int) -> Browser:
        path = tmp_path / "carte.html"
        path.write_text(page, encoding="utf-8")
        browser.open(path, **size)
        return browser

    return open_page


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every address but this machine's own: what a browser's driver listens on."""
    connect, connect_ex, resolve = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def checked(host: object) -> None:
        try:
            here = host == "localhost" or ipaddress.ip_address(str(host)).is_loopback
        except ValueError:
            here = False
        if not here:
            raise OSError(f"a test asked for the network: {host}")

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def connecting(self: socket.socket, address: Any) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                checked(address[0])
            return call(self, address)

        return connecting

    def resolving(host: Any, *rest: Any, **options: Any) -> Any:
        checked(host)
        return resolve(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", resolving)
        yield
