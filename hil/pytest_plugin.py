"""The pytest plugin: a team's own tests against a spacecraft and a station over an emulated link, or its own board.

The same test runs over ``--hil-link=loopback`` (virtual time), ``pty``, ``tcp``, or the device of a board. It is silent
until a test asks for one of its fixtures or markers, and until then imports nothing but pytest.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hil.bench.bench import Bench
    from hil.bench.flight import Flight
    from hil.bench.ground import Ground
    from hil.bench.link import Link
    from hil.bench.passes import Passes
    from hil.rig.wiring import Power, Wiring

DEFAULTS = {"link": "loopback", "profile": "serial", "seed": 1}
FIXTURES = ("hil_world", "hil_link", "hil_flight", "hil_ground", "hil_passes")

_BENCH = pytest.StashKey["Bench"]()
_WIRING = pytest.StashKey["Wiring"]()
_TRACED = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("hil", "Starloop: hardware in the loop")
    group.addoption(
        "--hil-link", metavar="LINK", help="loopback (the default), pty, tcp, /dev/ttyX, or the link URL of a board"
    )
    group.addoption(
        "--hil-profile", metavar="NAME", help="link profile: serial (the default), uhf, sband, xband, or a .toml file"
    )
    group.addoption("--hil-seed", metavar="N", help="seed of every random choice; 1 by default")
    group.addoption("--hil-keys", metavar="FILE", help="the ground's key file, if there is a board")
    group.addoption("--hil-insecure", action="store_true", help="the board has no keys and believes every frame")
    group.addoption("--hil-trace", metavar="FILE", help="write which test shows which requirement: .json or .md")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and refuse options that are wrong before anything runs."""
    config.addinivalue_line("markers", "hardware: wants a real board; skipped unless --hil-link names one")
    config.addinivalue_line("markers", "requirement(id, ...): shows that these requirements are met (--hil-trace)")
    if any(config.getoption(name) for name in ("--hil-link", "--hil-profile", "--hil-seed", "--hil-keys")):
        _read_options(config)
    trace = config.getoption("--hil-trace")
    if trace and Path(trace).suffix not in (".json", ".md"):
        raise pytest.UsageError(f"--hil-trace {trace}: expected a file that ends in .json or .md")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say over what tests run, if that was asked for."""
    chosen = {name: config.getoption(f"--hil-{name}") for name in DEFAULTS}
    if not any(chosen.values()):
        return None
    return "hil: " + ", ".join(f"{name} {chosen[name] or default}" for name, default in DEFAULTS.items())


@pytest.fixture
def hil_setup() -> dict[str, Any]:
    """What the bench is made of: tables of a scenario file, ``spacecraft``, ``station``, ``link``. To be overridden."""
    return {}


@pytest.fixture
def hil_power() -> Power | None:
    """The switch of the board's supply, with ``off()`` and ``on()``. To be overridden where there is one."""
    return None


@pytest.fixture
def hil_world(
    request: pytest.FixtureRequest,
    hil_setup: dict[str, Any],
    hil_power: Power | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """The whole bench, switched on: `hil.bench.bench.Bench`."""
    from ccsds.errors import MisuseError
    from hil.bench.bench import Bench
    from hil.bench.setup import BenchSetup
    from ports.errors import PortLostError

    wiring, profile, seed = _read_options(request.config)
    folder = tmp_path_factory.mktemp("hil")
    node = request.node
    try:
        setup = BenchSetup(wiring=wiring, profile=profile, seed=seed, tables=hil_setup)
        bench = Bench(setup, folder, hil_power)
    except (MisuseError, PortLostError) as error:
        pytest.fail(f"hil: {error}", pytrace=False)
    node.stash[_BENCH] = bench
    node.user_properties += [
        ("hil_link", _shown_link(request.config)),
        ("hil_profile", profile),
        ("hil_seed", seed),
        ("hil_folder", str(folder)),
        ("hil_replay", _replay(node, request.config)),
    ]
    with bench:
        yield bench


@pytest.fixture
def hil_ground(hil_world: Bench) -> Ground:
    """The station and its operator: `hil.bench.ground.Ground`."""
    return hil_world.ground


@pytest.fixture
def hil_flight(hil_world: Bench) -> Flight:
    """The spacecraft, from beside it: `hil.bench.flight.Flight`."""
    return hil_world.flight


@pytest.fixture
def hil_link(hil_world: Bench) -> Link:
    """The emulated link: `hil.bench.link.Link`."""
    return hil_world.link


@pytest.fixture
def hil_passes(hil_world: Bench) -> Passes:
    """The pass schedule: `hil.bench.passes.Passes`."""
    return hil_world.passes


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what wants a board, and note what shows which requirement."""
    traced = config.stash.setdefault(_TRACED, {})
    has_device = None
    for item in items:
        for mark in item.iter_markers("requirement"):
            for name in (name for name in mark.args if isinstance(name, str)):
                item.user_properties.append(("requirement", name))
                traced.setdefault(name, []).append(item.nodeid)
        # A team may have a marker of that name of its own, on tests that are none of ours.
        if item.get_closest_marker("hardware") and set(FIXTURES) & set(getattr(item, "fixturenames", ())):
            if has_device is None:
                has_device = _read_options(config)[0].is_device
            if not has_device:
                link = _shown_link(config)
                item.add_marker(pytest.mark.skip(reason=f"wants a board: --hil-link=/dev/ttyX, found {link}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Skip a test that wants what this wiring cannot do."""
    try:
        return (yield)
    except AssertionError as error:
        flight = sys.modules.get("hil.bench.flight")
        if flight is not None and isinstance(error, flight.NotHereError):
            pytest.skip(str(error))
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach to a failure what it needs to be seen again."""
    report = yield
    bench = item.stash.get(_BENCH, None)
    if bench is not None and report.failed:
        report.sections.append(("hil: what happened last", "\n".join(bench.latest_lines())))
        report.sections.append(("hil: how to see it again", _how_to_see(bench, item)))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show which requirements were shown to be met, and write it down if that was asked for."""
    traced = config.stash.get(_TRACED, {})
    path = config.getoption("--hil-trace")
    reports = [
        (report.nodeid, report.outcome, [str(value) for key, value in report.user_properties if key == "requirement"])
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
    ]
    if not traced and not path and not any(names for _, _, names in reports):
        return
    from hil.bench.trace import Trace

    trace = Trace()
    for name, nodes in traced.items():
        for node in nodes:
            trace.expect(name, node)
    for node, outcome, names in reports:
        for name in names:
            trace.note(name, node, outcome)
    if trace.requirements:
        terminalreporter.section("requirements")
        for line in trace.lines():
            terminalreporter.write_line(line)
    if path:
        text = trace.to_json() if Path(path).suffix == ".json" else trace.to_markdown()
        Path(path).write_text(text, encoding="utf-8")
        terminalreporter.write_line(f"requirement trace: {path}")


def _read_options(config: pytest.Config) -> tuple[Wiring, str, int]:
    """Read the options that say over what tests run.

    Raises:
        UsageError: One is wrong, in one line.
    """
    from ccsds.errors import MisuseError
    from hil.rig.wiring import Wiring
    from mission.profile_file import open_profile

    seed = config.getoption("--hil-seed") or str(DEFAULTS["seed"])
    if not seed.isdecimal():
        raise pytest.UsageError(f"--hil-seed {seed}: expected a number of 0 or above")
    keys = config.getoption("--hil-keys")
    if keys and not Path(keys).is_file():
        raise pytest.UsageError(f"--hil-keys {keys}: expected the ground's key file, found none")
    link = _shown_link(config)
    try:
        profile = str(config.getoption("--hil-profile") or DEFAULTS["profile"])
        open_profile(profile)
        if config.stash.get(_WIRING, None) is None:
            config.stash[_WIRING] = Wiring.of(
                link, keys_path=Path(keys) if keys else None, is_insecure=bool(config.getoption("--hil-insecure"))
            )
    except MisuseError as error:
        raise pytest.UsageError(f"--hil-link {link}: {error}") from None
    return config.stash[_WIRING], profile, int(seed)


def _shown_link(config: pytest.Config) -> str:
    return str(config.getoption("--hil-link") or DEFAULTS["link"])


def _replay(item: pytest.Item, config: pytest.Config) -> str:
    """Give the command that runs a test in the same way."""
    options = [
        f"--hil-{name}={shlex.quote(value)}" for name in ("link", "profile", "seed", "keys")
        if (value := config.getoption(f"--hil-{name}"))
    ]  # fmt: skip
    if config.getoption("--hil-insecure"):
        options.append("--hil-insecure")
    return " ".join(["pytest", shlex.quote(item.nodeid), *options])


def _how_to_see(bench: Bench, item: pytest.Item) -> str:
    files = [path for path in sorted(bench.folder.iterdir()) if path.suffix in (".bin", ".jsonl", ".log", ".pcapng")]
    rows = [("seed", str(bench.seed)), ("link", bench.link.wiring.text), ("profile", bench.setup.profile)]
    rows += [("failed at", f"{bench.now_s:.3f} s")]
    for name, counts in (("up", bench.link.up), ("down", bench.link.down)):
        rows.append(
            (name, f"{counts.octets_sent} octets sent, {counts.octets_lost} lost, {counts.bits_flipped} bits flipped")
        )
    rows += [("capture" if path.suffix in (".bin", ".pcapng") else "log", str(path)) for path in files]
    rows.append(("replay", _replay(item, item.config)))
    return "\n".join(f"{name:10} {text}" for name, text in rows)
