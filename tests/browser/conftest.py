"""A real server in a process of its own and a real Chromium, for the tests of the page."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.conftest import DATA

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable") if (path := shutil.which(name))), None)
PATIENCE = 30_000  # milliseconds that a page may take on a busy machine
LONGEST_START = 60.0  # seconds; a server that needs more is broken


class Server:
    """The page served by a process that can be killed and started again on the same data."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data, self.port, self._environment = data, free_port(), environment
        self.url = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; returns the seconds until it answered."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("AGENT_", "OPENAI_"))}
        env = ours | {"AGENT_DATA": str(self.data), "PYTHONPATH": str(ROOT)} | self._environment
        began = time.monotonic()
        command = [sys.executable, "-c", f"import app; app.main(port={self.port})"]
        with (self.data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.data, env=env, stdout=log, stderr=log)
        while time.monotonic() - began < LONGEST_START:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url, timeout=LONGEST_START):
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the server did not start: {(self.data / 'server.log').read_text()}")

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(folder: Path, **environment: str) -> Server:
    """A server on an empty database, with the index that the tests share."""
    folder.mkdir(parents=True, exist_ok=True)
    if (DATA / "index").is_dir():
        (folder / "index").symlink_to((DATA / "index").resolve(), target_is_directory=True)
    return Server(folder, **environment)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests; the one that kills it starts it again."""
    made = served(tmp_path_factory.mktemp("page") / "data")
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, or a skip that says why."""
    if CHROMIUM is None:
        if os.environ.get("AGENT_REQUIRE_BROWSER"):
            pytest.fail("AGENT_REQUIRE_BROWSER is set, but no chromium or google-chrome is on the path")
        pytest.skip("no chromium or google-chrome is on the path: the page is not tested")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        expect.set_options(timeout=PATIENCE)
        yield made
        made.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Page]]:
    """New browsers, each with cookies of its own. Whatever they ask for must come from this machine."""
    contexts: list[BrowserContext] = []
    outside: list[str] = []
    broken: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            outside.append(request.url)

    def make(width: int = 1440, height: int = 900, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.on("request", asked)
        context.on("weberror", lambda error: broken.append(str(error.error)))
        context.set_default_timeout(PATIENCE)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert outside == []
    assert broken == []
