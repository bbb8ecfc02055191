"""The `flight` program: the spacecraft on a real link, in real time, with its store in a directory.

Together with `flight.disk` and `flight.jobs.process` this is all of the flight software that touches the outside.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import psutil

from ccsds.errors import MisuseError, StarloopError
from ccsds.sdls.key_file import End
from ccsds.sdls.key_store import KeyStore, Standing
from ccsds.time import tai_ns_from_unix
from flight.board.sensors import Board, open_sensors
from flight.configuration import Configuration, configure
from flight.crash import describe_exception, reason_of
from flight.disk import RealDisk
from flight.events import Event, Reported, ResetDue
from flight.inference.messages import server_reply_stream
from flight.inference.server_settings import ServerConfig
from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpora_on_board
from flight.jobs.process import WorkerProcess
from flight.launch import told
from flight.services.boots import BootPolicy, note_crash
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from flight.survival.slots import Begun, SlotStore
from flight.survival.survival import SurvivalConfig
from mission.definition import DICTIONARY
from mission.profile_file import open_profile
from mission.profiles import PROFILES
from mission.slots import SlotKind
from ports.drive import drive
from ports.errors import PortRefusedError
from ports.key_directory import opened_keys, require_choice
from ports.url import parse_url
from ports.watchdog import WatchdogPort, open_watchdog

# Exit statuses. A supervisor starts the program again after any of them; only the first needs a person.
BAD_INPUT_STATUS = 2
RESET_STATUS = 3
CRASH_STATUS = 4

logger = logging.getLogger("flight")

# A battery-backed clock of a board is good to 20 ppm; after a month without correction it is this far off.
CLOCK_UNCERTAINTY_NS = 60_000_000_000

NS_PER_S = 1_000_000_000

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@click.command()
@click.option(
    "--link",
    "link_url",
    required=True,
    metavar="URL",
    help="serial:/dev/ttyTHS1?baud=115200, tcp:host:port, tcp-listen:host:port, udp:…, pty:, or a pyserial URL.",
)
@click.option("--store", required=True, type=click.Path(path_type=Path), help="Directory of the on-board store.")
@click.option(
    "--profile",
    default="serial",
    show_default=True,
    help=f"Link profile: {', '.join(PROFILES)}, or the path of a .toml file.",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    default=("tinyshakespeare",),
    show_default=True,
    help="Corpus to have on board: a name, a path, or NAME=PATH; may be given more than once.",
)
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Key file of the spacecraft, made by `ground keys new`.",
)
@click.option("--insecure", is_flag=True, help="Believe every frame. For a bench, never for a radio.")
@click.option(
    "--watchdog",
    "watchdog_name",
    default="none",
    show_default=True,
    metavar="NAME",
    help="What resets a flight software that hangs: systemd, a device such as /dev/watchdog, or none.",
)
@click.option(
    "--sensors",
    "sensors_name",
    default="none",
    show_default=True,
    metavar="NAME",
    help="What jobs are governed by: auto for the board's own sensors, a TOML file that says where they are, or none.",
)
@click.option("--verbose", is_flag=True, help="Log every report, not only events.")
def main(
    link_url: str,
    store: Path,
    profile: str,
    corpora: tuple[str, ...],
    keys_path: Path | None,
    insecure: bool,
    watchdog_name: str,
    sensors_name: str,
    verbose: bool,
) -> None:
    """Run the flight software on a link until it is interrupted."""
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO, stream=sys.stderr)
    with contextlib.ExitStack() as stack:
        try:
            parse_url(link_url)
            link_profile = open_profile(profile)
            require_choice(keys_path, insecure)
            on_board = find_corpora_on_board(corpora, CorpusSources.from_environment(os.environ))
            keys = stack.enter_context(opened_keys(keys_path, End.SPACECRAFT)) if keys_path is not None else None
            disk = RealDisk(store)
            disk.lock()
            board = open_sensors(sensors_name)
            watchdog = open_watchdog(watchdog_name, os.environ)
            if watchdog is not None:
                # Whatever ends this program in order lets go of the watchdog; what does not is reset by it.
                stack.callback(watchdog.close)
            begun, configuration = configure(SlotStore(disk), DICTIONARY)
        except (StarloopError, OSError) as error:
            click.echo(f"flight: {error}", err=True)
            sys.exit(BAD_INPUT_STATUS)
        for corpus in on_board.values():
            logger.info("corpus %s, SHA-256 %s… %s", corpus.name, corpus.sha256[:12], corpus.notice)
        _log_keys(keys)
        logger.info("sensors: %s", board.sensors or "none, nothing governs jobs")
        config = SpacecraftConfig(
            profile=link_profile,
            tai_offset_ns=_tai_offset_ns(),
            tai_uncertainty_ns=CLOCK_UNCERTAINTY_NS,
            clock_id=_clock_id(),
            server=ServerConfig(memory_octets_max=psutil.virtual_memory().total),
            is_watched=watchdog is not None,
            survival=SurvivalConfig(
                boots=_boot_policy(configuration), was_bitten=watchdog is not None and watchdog.was_bitten
            ),
            configuration=configuration,
            slots=_slots(begun),
        )
        program = _Program(link_url, config, disk, on_board, keys, watchdog, board)
        program.verbose = verbose
        try:
            asyncio.run(program.run())
        except Exception as error:
            if _is_bad_input(error, program):
                click.echo(f"flight: {error}", err=True)
                sys.exit(BAD_INPUT_STATUS)
            # What nobody foresaw is kept for the ground, and the supervisor starts anew.
            logger.exception("the flight software failed")
            with contextlib.suppress(OSError):
                note_crash(disk, describe_exception(error), reason_of(error))
            sys.exit(CRASH_STATUS)
        if program.has_reset:
            sys.exit(RESET_STATUS)


def _is_bad_input(error: Exception, program: "_Program") -> bool:
    """Tell whether it was a store or a port that turned out to be something else, not the running software."""
    is_of_the_start = not program.has_begun and isinstance(error, MisuseError | OSError)
    return is_of_the_start or isinstance(error, PortRefusedError)


class _Worker:
    """A worker process, watched by the event loop (a `flight.jobs.worker_port.WorkerPort`)."""

    def __init__(self, process: WorkerProcess, replied: Callable[[Any, int], None], lost: Callable[[str, int], None]):
        self._process = process
        self._replied = replied
        self._lost = lost

    def launch(self) -> None:
        self.kill()
        self._process.launch()
        asyncio.get_running_loop().add_reader(self._process.fileno(), self._read)

    def send(self, request: msgspec.Struct) -> None:
        self._process.send(request)

    def memory_octets(self) -> int:
        return self._process.memory_octets()

    def kill(self) -> None:
        if self._process.pid is not None:
            asyncio.get_running_loop().remove_reader(self._process.fileno())
            self._process.kill()

    def _read(self) -> None:
        now_ns = time.monotonic_ns()
        for reply in self._process.read_replies():
            self._replied(reply, now_ns)
        reason = self._process.died
        if reason is not None:
            self.kill()
            self._lost(reason, now_ns)


class _Program:
    """The event loop around one spacecraft."""

    verbose = False
    has_begun = False
    """Whether there is a spacecraft: from here on an exception is a crash."""
    has_reset = False
    """Whether it ended because the spacecraft asked for a reset."""
    _failure: Exception | None = None
    """What was raised where a worker was heard, of which the event loop would only write a line."""

    def __init__(
        self,
        link_url: str,
        config: SpacecraftConfig,
        disk: RealDisk,
        corpora: dict[str, CorpusFile],
        keys: KeyStore | None,
        watchdog: WatchdogPort | None,
        board: Board,
    ) -> None:
        self._board = board
        self._keys = keys
        self._watchdog = watchdog
        self._link_url = link_url
        self._config = config
        self._disk = disk
        self._corpora = corpora

    async def run(self) -> None:
        """Run until a signal ends it."""
        self._wake = asyncio.Event()
        root = self._disk.root
        jobs = WorkerProcess(root)
        models = WorkerProcess(root, "flight.inference.worker", server_reply_stream)
        self._workers = (
            _Worker(
                jobs,
                lambda reply, now_ns: self._hear(self._spacecraft.worker_replied, reply, now_ns),
                lambda reason, now_ns: self._hear(self._spacecraft.worker_lost, reason, now_ns),
            ),
            _Worker(
                models,
                lambda reply, now_ns: self._hear(self._spacecraft.model_worker_replied, reply, now_ns),
                lambda reason, now_ns: self._hear(self._spacecraft.model_worker_lost, reason, now_ns),
            ),
        )
        self._spacecraft = Spacecraft(
            self._config,
            self._disk,
            self._workers[0],
            self._corpora,
            time.monotonic_ns(),
            self._keys,
            sensors=self._board.sensors,
            power_limit=self._board.power_limit,
            model_worker=self._workers[1],
        )
        self.has_begun = True
        loop = asyncio.get_running_loop()
        task = self._task = asyncio.ensure_future(
            drive(
                self._spacecraft,
                self._link_url,
                rate_bps=self._config.profile.downlink_rate_bps,
                bits_per_octet=self._config.profile.bits_per_octet,
                on_events=self._log,
                wake=self._wake,
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        feeding = asyncio.ensure_future(self._feed(self._watchdog)) if self._watchdog is not None else None
        try:
            await task
        except asyncio.CancelledError:
            if self._failure is not None:
                raise self._failure from None
            if not self.has_reset:
                self._spacecraft.stop()
            logger.info("reset" if self.has_reset else "stopped")
        finally:
            if feeding is not None:
                feeding.cancel()
            for worker in self._workers:
                worker.kill()

    async def _feed(self, watchdog: WatchdogPort) -> None:
        """Feed the watchdog as long as every essential part makes progress."""
        while True:
            parts = self._spacecraft.starving(time.monotonic_ns())
            if not parts:
                watchdog.feed()
            else:
                logger.error("the watchdog is not fed: %s", ", ".join(part.value for part in parts))
            await asyncio.sleep(watchdog.period_ns / NS_PER_S)

    def _hear(self, take: Callable[[Any, int], None], said: object, now_ns: int) -> None:
        try:
            take(said, now_ns)
        except Exception as error:
            self._failure = error
            self._task.cancel()
            return
        self._wake.set()

    def _log(self, events: list[Event]) -> None:
        for event in events:
            if self.verbose or not isinstance(event, Reported):
                logger.info("%s", event)
            if isinstance(event, ResetDue):
                self.has_reset = True
                self._task.cancel()


def _boot_policy(configuration: Configuration) -> BootPolicy:
    policy = BootPolicy()
    boots = configuration.boots
    return BootPolicy(
        resets_max=boots.get("resets_max", policy.resets_max),
        short_ns=boots["short_s"] * NS_PER_S if "short_s" in boots else policy.short_ns,
        window_resets_max=boots.get("window_resets_max", policy.window_resets_max),
        window_ns=boots["window_s"] * NS_PER_S if "window_s" in boots else policy.window_ns,
    )


def _slots(configuration: Begun) -> dict[SlotKind, Begun]:
    """Say what this start runs on, in the log too."""
    software = told(os.environ)
    begun = {SlotKind.CONFIGURATION: configuration} | ({} if software is None else {SlotKind.SOFTWARE: software})
    for kind, each in begun.items():
        logger.info("%s: slot %s%s", kind.name.lower(), each.slot.name, " on trial" if each.is_trial else "")
        if each.reason:
            logger.warning("%s: slot %s was left: %s", kind.name.lower(), each.left.name, each.reason)
    return begun


def _log_keys(keys: KeyStore | None) -> None:
    """Say how the link is protected."""
    if keys is None:
        logger.warning("insecure: every frame is believed, and telemetry travels clear")
        return
    logger.info("keys %s, %s", keys.file.set_id[:8], keys.standing.value)
    if keys.standing is Standing.RESTORED:
        logger.warning("telemetry keys that were used are spent; send key.activate for one that was never used")


def _tai_offset_ns() -> int:
    """Give TAI less the monotonic clock, from the computer's own idea of the time.

    A board without a clock battery starts in the past, which the clock on board knows to leave aside.
    """
    return tai_ns_from_unix(time.time_ns()) - time.monotonic_ns()


def _clock_id() -> str:
    """Give what names this run of the computer, and with it of its monotonic clock; empty where none is told."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
