"""What several test modules share."""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browsers
import pytest
from browsers import Browser

# A shell has what it runs in the background ignore Ctrl-C, and so would what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if missing := browsers.missing():
        message = f"no browser here: {', '.join(missing)} (apt-get install chromium-driver)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    with browsers.started(tmp_path_factory.mktemp("chromium")) as driver:
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
