"""A headless Chromium that resolves no host, for tests, pictures and benchmarks."""

import json
from pathlib import Path

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


def missing() -> list[str]:
    """Return the programs that are not installed."""
    return [str(program) for program in (_CHROMIUM, _DRIVER) if not program.exists()]


def started(profile: Path) -> Browser:
    """Start a browser that keeps its things in a folder; it is a context that ends it."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    for flag in (
        *_FLAGS,
        f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Browser(options=options, service=Service(str(_DRIVER)))
