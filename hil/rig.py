"""A scenario in real time: `flight` and `ground` as programs on pseudo-terminals, the emulated link between them.

The programs are the shipped ones and know nothing of the harness; a board on a UART differs from them by a URL. Events
come from the station alone, as an operator's would. What is checked is content, never timing.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psutil

from ccsds.errors import MisuseError, StarloopError
from ccsds.sdls.key_file import End
from flight.__main__ import RESET_STATUS
from flight.jobs.corpus import CorpusFile
from ground.client import Client, NoStationError
from hil.bridge import Bridge
from hil.channel.line import Line
from hil.evidence import Evidence
from hil.keys import lay_keys
from hil.lines import cable_pulls, make_lines
from hil.plug import Plug
from hil.procedure import Procedure
from hil.scenario.scenario import Scenario
from hil.streams import Streams
from hil.world import NS_PER_S
from mission.profiles import find_profile

# Two Python programs start within seconds; a loaded machine may need many.
START_WAIT_S_MAX = 60.0
STOP_WAIT_S_MAX = 10.0

# The loop looks after itself at least this often, so that a program that ended is noticed.
TURN_NS_MAX = 200_000_000

# The last words of a program that ended are shown up to this.
LOG_OCTETS_SHOWN_MAX = 2_000

EPILOGUE_NS = 2 * NS_PER_S


class ProgramEndedError(StarloopError):
    """The flight or the ground program ended while the scenario ran."""


class Rig:
    """One run of a scenario in real time.

    Args:
        scenario: What happens.
        seed: From which the channel's random choices come.
        folder: Where stores, logs, captures and the event log go; it exists and is empty.
        corpora: The corpora on board, by name.
        watch: Called with each event, in plain form and with its source, as it happens.

    Raises:
        MisuseError: The scenario wants what only virtual time has.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        folder: Path,
        corpora: Mapping[str, CorpusFile],
        watch: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        check_real_time(scenario)
        self._scenario = scenario
        self._folder = folder.absolute()
        self._corpora = corpora
        self._watch = watch
        profile = find_profile(scenario.link.profile)
        streams = Streams(seed)
        self.up, self.down = make_lines(scenario.link, profile, streams)
        self.evidence = Evidence(folder / "events.jsonl")
        self.procedure = Procedure(scenario.procedure, self._send, self._before)
        self.now_ns = 0
        self._started_ns = 0
        self._faults = list(scenario.faults)
        self._captures: dict[Line, BinaryIO] = {}
        self._client: Client | None = None
        self._security: dict[End, list[str]] = {end: ["--insecure"] for end in End}
        if scenario.link.security == "keys":
            for end, path in lay_keys(self._folder, streams, profile).items():
                self._security[end] = ["--keys", str(path)]

    def run(self) -> Evidence:
        """Run to the end of the procedure, or of the scenario's duration.

        Raises:
            ProgramEndedError: One of the two programs ended, with its last words.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self.evidence.close)
            board, station = (self._open(name, stack) for name in ("board", "station"))
            corpora = [
                part for corpus in self._corpora.values() for part in ("--corpus", f"{corpus.name}={corpus.path}")
            ]
            arguments = [
                "--link",
                f"serial:{self._folder / 'board'}",
                "--store",
                str(self._folder / "store"),
                *self._security[End.SPACECRAFT],
                *corpora,
            ]
            self._launch_flight = lambda: self._launch("flight", stack, *arguments)
            self._flight = self._launch_flight()
            # A socket's path may have 107 octets at most, so it cannot lie wherever the folder is.
            socket_path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hil-"))) / "ground.sock"
            self._ground = self._launch(
                "ground", stack, "serve", "--link", f"serial:{self._folder / 'station'}", "--socket", str(socket_path),
                "--archive", str(self._folder / "archive.sqlite"), *self._security[End.GROUND],
            )  # fmt: skip
            client = self._client = stack.enter_context(self._connect(socket_path))
            client.subscribe()
            for line, name in ((self.up, "uplink.bin"), (self.down, "downlink.bin")):
                self._captures[line] = stack.enter_context((self._folder / name).open("wb"))
            bridge = Bridge(
                station, board, self.up, self.down, pulls=cable_pulls(self._scenario.link), on_sent=self._note_sent
            )
            self._started_ns = time.monotonic_ns()
            for dropout in self._scenario.link.dropouts:
                if dropout.at_s is not None:
                    self._line(dropout.direction).drop(round(dropout.at_s * NS_PER_S), _ns(dropout.duration_s))
            self._loop(bridge, client)
        return self.evidence

    def _loop(self, bridge: Bridge, client: Client) -> None:
        end_ns = _ns(self._scenario.duration_s)
        is_over = False
        while self.now_ns < end_ns:
            self._check_programs()
            self.now_ns = time.monotonic_ns() - self._started_ns
            bridge.turn(self.now_ns)
            self._tell(bridge)
            for event in client.read_events():
                self._note("station", {**event, "time_ns": event["time_ns"] - self._started_ns})
            self.procedure.advance(self.now_ns)
            if self.procedure.is_over and not is_over:
                is_over = True
                end_ns = min(end_ns, self.now_ns + EPILOGUE_NS)
            self._rest(bridge, client)
        bridge.finish()
        self._tell(bridge)
        for line in (self.up, self.down):
            self.evidence.line_counts[line.config.name] = msgspec.structs.asdict(line.counts)

    def _note_sent(self, line: Line, octets: bytes) -> None:
        self._captures[line].write(octets)
        self.evidence.link_samples.append((self.now_ns / NS_PER_S, line.config.name, line.counts.octets_sent))

    def _tell(self, bridge: Bridge) -> None:
        for source, event in bridge.take_events():
            told = {"type": type(event).__name__, "time_ns": self.now_ns, "text": str(event)}
            self._note(source, {**told, **msgspec.structs.asdict(event)})

    def _rest(self, bridge: Bridge, client: Client) -> None:
        now_ns = time.monotonic_ns() - self._started_ns
        deadlines = [bridge.next_deadline(now_ns), self.procedure.next_deadline()]
        next_ns = min((each for each in deadlines if each is not None), default=1 << 63)
        wait_ns = min(max(next_ns - now_ns, 0), TURN_NS_MAX)
        reading, writing = bridge.descriptors(now_ns)
        select.select([*reading, client.fileno()], writing, [], wait_ns / NS_PER_S)

    def _note(self, source: str, event: Mapping[str, Any]) -> None:
        self.evidence.note(source, event)
        self._watch(source, event)
        if source != "station":
            return
        self.procedure.observe(event, self.now_ns)
        match event:
            case {"type": "ReportReceived", "name": "job_progress", "values": {"step": step}}:
                for fault in [fault for fault in self._faults if fault.job_step is not None and step >= fault.job_step]:
                    self._kill_worker(step)
                    self._faults.remove(fault)

    def _kill_worker(self, step: int) -> None:
        """Kill the worker process as a bug, an operator or the kernel's out-of-memory killer would."""
        for process in psutil.Process(self._flight.pid).children():
            if "flight.jobs.worker" in process.cmdline():
                process.send_signal(signal.SIGKILL)
                text = f"the worker is killed after step {step}"
                self._note("hil", {"type": "FaultStruck", "time_ns": self.now_ns, "text": text})

    def _send(self, name: str, arguments: Mapping[str, Any]) -> int:
        if self._client is None:
            raise ProgramEndedError("expected a station to send commands, found none")
        return self._client.send(name, arguments)

    def _before(self, step: str) -> None:
        for dropout in self._scenario.link.dropouts:
            if dropout.before == step:
                self._line(dropout.direction).drop(self.now_ns, _ns(dropout.duration_s))

    def _line(self, direction: str) -> Line:
        return self.up if direction == "up" else self.down

    def _open(self, name: str, stack: contextlib.ExitStack) -> Plug:
        plug = Plug(f"pty:{self._folder / name}")
        stack.callback(plug.close)
        plug.advance(0)
        return plug

    def _launch(self, program: str, stack: contextlib.ExitStack, *arguments: str) -> subprocess.Popen[bytes]:
        log = stack.enter_context((self._folder / f"{program}.log").open("ab"))
        command = [sys.executable, "-m", program, *arguments, "--profile", self._scenario.link.profile]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ)
        stack.callback(_stop, process)
        return process

    def _connect(self, socket_path: Path) -> Client:
        deadline_s = time.monotonic() + START_WAIT_S_MAX
        while True:
            self._check_programs()
            try:
                return Client.connect(socket_path)
            except NoStationError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)

    def _check_programs(self) -> None:
        if self._flight.poll() == RESET_STATUS:
            self._flight = self._launch_flight()
        for program, process in (("flight", self._flight), ("ground", self._ground)):
            if process.poll() is not None:
                words = (self._folder / f"{program}.log").read_text(errors="replace")[-LOG_OCTETS_SHOWN_MAX:]
                raise ProgramEndedError(f"{program} ended with exit status {process.returncode}: {words.strip()}")


def check_real_time(scenario: Scenario) -> None:
    """Refuse what needs virtual time: gaps of hours between passes, and power that is cut from a program.

    Raises:
        MisuseError: Naming the key.
    """
    if scenario.orbit is not None:
        raise MisuseError("orbit: expected none in real time; run it in virtual time")
    if scenario.link.passes:
        raise MisuseError("link.passes: expected none in real time, where there is one contact; run it in virtual time")
    for number, step in enumerate(scenario.procedure):
        if step.put_file is not None or step.wait_for_file is not None:
            raise MisuseError(f"procedure[{number}]: expected no files in real time; run it in virtual time")
    for number, fault in enumerate(scenario.faults):
        if fault.kind != "kill_worker":
            raise MisuseError(f"faults[{number}].kind: expected kill_worker in real time, found {fault.kind}")
        if fault.job_step is None:
            raise MisuseError(f"faults[{number}]: expected job_step in real time, found {fault.triggers()[0]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_WAIT_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
