"""One spacecraft, one station and one browser for all tests of the console: the real programs, over TCP."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from hil.rig.program import Program

sync_api = pytest.importorskip("playwright.sync_api", reason="the console is tested with playwright, which is missing")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

SHOTS = Path(__file__).parents[3] / "build" / "console"

# The spacecraft of the tests has executed more than one command soon.
RULES = """
[[limit]]
parameter = "commands_executed"
warning = [0, 1]
"""

PROCEDURE = '''"""Say hello some times."""


def run(sc, times: int = 1):
    for number in range(times):
        with sc.step(f"Hello {number + 1}"):
            sc.test.connection()
'''

# Programs start within some seconds; a machine that does much else takes longer.
START_S_MAX = 60
WAIT_MS_MAX = 20_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Ground:
    """The station in service, its spacecraft, and what a browser has seen of them."""

    address: str
    flight: Program
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def silence(self) -> None:
        """Have the spacecraft say nothing, as behind the horizon."""
        self._signal(signal.SIGSTOP)

    def hear_again(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        process = self.flight._process
        assert process is not None
        os.kill(process.pid, number)


@contextmanager
def in_service(root: Path, *options: str) -> Iterator[Ground]:
    """Run a spacecraft and a station with a console, with more options of ``ground serve``."""
    if CHROMIUM is None:
        pytest.skip("the console is tested with Chromium, which is missing: apt-get install chromium")
    link_port, web_port = free_port(), free_port()
    common = ["--profile", "sband", "--insecure"]
    flight = Program(
        "flight",
        ["--link", f"tcp-listen:127.0.0.1:{link_port}", "--store", str(root / "store"), *common],
        root / "flight.log",
    )
    station = Program(
        "ground",
        [
            "serve", "--link", f"tcp:127.0.0.1:{link_port}", "--archive", str(root / "ground.sqlite"),
            "--socket", str(root / "ground.sock"), "--web", f"127.0.0.1:{web_port}", *options, *common,
        ],
        root / "ground.log",
    )  # fmt: skip
    flight.launch()
    station.launch()
    made = Ground(f"http://127.0.0.1:{web_port}", flight)
    try:
        wait_for(made.address, station)
        yield made
    finally:
        made.hear_again()
        station.stop()
        flight.stop()


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> Iterator[Ground]:
    root = tmp_path_factory.mktemp("console")
    (root / "rules.toml").write_text(RULES)
    (root / "say_hello.py").write_text(PROCEDURE)
    (root / "broken.py").write_text("def run(sc):\n    sc.no_such_service.command()\n")
    with in_service(root, "--rules", str(root / "rules.toml"), "--procedures", str(root)) as made:
        yield made


def wait_for(address: str, station: Program) -> None:
    """Wait until the console answers."""
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(transport=transport, timeout=START_S_MAX) as client:
        for _ in range(START_S_MAX * 10):
            if station.exit_status() is not None:
                raise station.ended()
            try:
                client.get(f"{address}/login").raise_for_status()
                return
            except httpx.TransportError:
                signal.sigtimedwait([], 0.1)
    raise TimeoutError(f"expected the console to answer within {START_S_MAX} s")


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    """A browser for the tests of one file: while it is there, its event loop runs in this thread."""
    if CHROMIUM is None:
        pytest.skip("the console is tested with Chromium, which is missing: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # No name is resolved: what the console wants from elsewhere, it does not get.
        offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", offline])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def page(ground, browser) -> Iterator["sync_api.Page"]:
    """One page for all tests, as an operator keeps one open."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme="dark")
    context.set_default_timeout(WAIT_MS_MAX)
    sync_api.expect.set_options(timeout=WAIT_MS_MAX)
    opened = context.new_page()
    opened.on("request", lambda request: ground.requests.append(request.url))
    opened.on("pageerror", lambda error: ground.complaints.append(str(error)))
    opened.on("console", lambda said: said.type == "error" and ground.complaints.append(said.text))
    opened.goto(ground.address)
    opened.wait_for_selector(".head-cells")
    yield opened
    context.close()


@pytest.fixture
def shoot(page):
    """Take a picture of the page into the build directory."""

    def take(name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png")

    return take
