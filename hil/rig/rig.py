"""A scenario in real time: `flight` and `ground` as programs of their own, the emulated link between them.

The programs are the shipped ones and know nothing of the harness; a board on a UART differs from them by a URL. Events
come from the station alone, as an operator's would. What is checked is content, never timing.

Contact is a plug: outside of passes nobody is at the other end of either port. A board's port cannot be pulled; there
all octets are lost instead. A reboot kills the program, which loses less than a power cut: the system keeps what the
program had written and not synced.
"""

import contextlib
import select
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ccsds.errors import MisuseError
from ccsds.sdls.key_file import End
from flight.jobs.corpus import CorpusFile
from ground.client import NoStationError
from hil.agenda import Agenda
from hil.almanac import Almanac
from hil.bridge.bridge import Bridge
from hil.channel.line import Line
from hil.ends.keys import lay_keys
from hil.faults.triggers import Triggers
from hil.link.contact_plan import ContactPlan
from hil.link.lines import cable_pulls, make_lines
from hil.link.recording import Recording
from hil.rig.desk import Desk
from hil.rig.ports import far_url, open_plugs
from hil.rig.programs import Programs
from hil.rig.real_time import check_real_time
from hil.rig.wiring import Power, Wiring
from hil.run.evidence import Evidence
from hil.run.files import compare_files, lay_files
from hil.run.procedure import Procedure
from hil.scenario.faults import DOWN_S, FaultTable
from hil.scenario.scenario import Scenario
from hil.sky import contact_plan, look_samples, sky_changes, sky_spans
from hil.streams import Streams
from hil.world import NS_PER_S
from mission.files import FILES_DIRECTORY
from mission.profile_file import open_profile
from mission.profiles import LinkProfile

# Two Python programs start within seconds; a loaded machine may need many.
START_WAIT_S_MAX = 60.0

# The loop looks after itself at least this often, so that a program that ended is noticed.
TURN_NS_MAX = 200_000_000

EPILOGUE_NS = 2 * NS_PER_S


class Rig:
    """One run of a scenario in real time.

    Args:
        scenario: What happens.
        seed: From which the channel's random choices come.
        folder: Where stores, logs, captures and the event log go; it exists and is empty.
        corpora: The corpora on board, by name.
        watch: Called with each event, in plain form and with its source, as it happens.
        wiring: What the link goes over.
        power: The switch of a board, if there is one.

    Raises:
        MisuseError: The scenario wants what this wiring has not.
        PortLostError: The board's port is not there.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        folder: Path,
        corpora: Mapping[str, CorpusFile],
        watch: Callable[[str, Mapping[str, Any]], None],
        wiring: Wiring,
        power: Power | None = None,
    ) -> None:
        check_real_time(scenario, wiring)
        self._scenario = scenario
        self._folder = folder.absolute()
        self._watch = watch
        self._wiring = wiring
        self._power = power
        profile = open_profile(scenario.link.profile)
        streams = Streams(seed)
        outlook = scenario.outlook()
        self._stack = contextlib.ExitStack()
        recording = Recording(scenario.link, folder)
        self._stack.callback(recording.close)
        self.up, self.down = make_lines(scenario.link, profile, streams, outlook, recording)
        self._plan = contact_plan(outlook, scenario.link.passes)
        almanac = Almanac(self._plan, outlook, duration_s=scenario.duration_s)
        self.procedure = Procedure(scenario.procedure, self.send, self._before, self._put, almanac)
        self.now_ns = 0
        self._end_ns = _ns(scenario.duration_s)
        self._started_ns = time.monotonic_ns()
        self._is_over = False
        self._agenda = Agenda()
        passes_ns = [each.start_ns for each in self._plan.passes]
        self._triggers = Triggers(
            scenario.faults, self._agenda, lambda: self.now_ns, self._strike, streams, passes_ns, self._end_ns
        )
        self._awaited = {fault.event for fault in scenario.faults if fault.event is not None}
        # Of the events that faults wait for: one that was heard may be played back later.
        self._heard: set[str] = set()
        self._has_contact = True
        self._file_roots = (self._folder / "store" / FILES_DIRECTORY, self._folder / "files")
        for root, files in zip(self._file_roots, (scenario.spacecraft.files, scenario.station.files), strict=True):
            lay_files(root, files, streams, corpora)
        self._board, self._station = open_plugs(wiring, self._folder)
        self.evidence = Evidence(folder / "events.jsonl")
        if outlook is not None:
            self.evidence.spans += sky_spans(outlook)
            self.evidence.looks += look_samples(outlook)
            for change in sky_changes(outlook):
                if change.instant:
                    self._agenda.add(change.time_ns, partial(self._triggers.instant, change.instant))
        self._bridge = Bridge(
            self._station,
            self._board,
            self.up,
            self.down,
            pulls=cable_pulls(scenario.link),
            on_sent=self._note_sent,
        )
        self._stack.callback(self._bridge.close)
        # A socket's path may have 107 octets at most, so it cannot lie wherever the folder is.
        socket_path = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hil-"))) / "ground.sock"
        self._desk = Desk(socket_path)
        self._programs = Programs.of(
            folder=self._folder,
            profile=scenario.link.profile,
            board_url=None if wiring.is_device else far_url(self._board),
            station_url=far_url(self._station),
            keys=self._lay_keys(profile, streams),
            corpora=corpora,
            socket_path=socket_path,
            files=self.files,
        )
        self.captures: dict[Line, BinaryIO] = {
            line: self._stack.enter_context((self._folder / f"{name}.bin").open("wb"))
            for line, name in ((self.up, "uplink"), (self.down, "downlink"))
        }

    @property
    def files(self) -> Path:
        """The directory of the station's files."""
        return self._file_roots[1]

    def run(self) -> Evidence:
        """Run to the end of the procedure, or of the scenario's duration.

        Raises:
            ProgramEndedError: One of the two programs ended, with its last words.
        """
        try:
            self.begin()
            self.go_on()
            return self.finish()
        finally:
            self.close()

    def begin(self) -> None:
        """Start both programs, and the time.

        Raises:
            ProgramEndedError: One of them ended, with its last words.
            NoStationError: The station does not come up.
        """
        self._programs.launch()
        deadline_s = time.monotonic() + START_WAIT_S_MAX
        while not self._connect():
            self._programs.check()
            if time.monotonic() > deadline_s:
                raise NoStationError(f"expected a station within {START_WAIT_S_MAX:g} s, found none")
            time.sleep(0.05)
        self._started_ns = time.monotonic_ns()
        if not self._plan.is_up(0):  # It comes with the first pass: nothing is lost before.
            self._change_contact(False)
        elif self._plan.passes:
            self._tell_contact(True)
        for dropout in self._scenario.link.dropouts:
            if dropout.at_s is not None:
                self._line(dropout.direction).drop(_ns(dropout.at_s), _ns(dropout.duration_s))

    def go_on(self, until_ns: int | None = None, is_enough: Callable[[], bool] | None = None) -> None:
        """Let time go on.

        Args:
            until_ns: To when; None is to the end of the procedure, or of the scenario's duration if it has none.
            is_enough: Asked after each turn; it is left off once it says so.

        Raises:
            ProgramEndedError: One of the two programs ended, with its last words.
        """
        end_ns = self._end_ns if until_ns is None else min(until_ns, self._end_ns)
        self._refresh()
        while self.now_ns < end_ns:
            self._turn()
            if until_ns is None and self.procedure.is_over and not self._is_over and self._scenario.procedure:
                self._is_over = True
                end_ns = self._end_ns = min(self._end_ns, self.now_ns + EPILOGUE_NS)
            if is_enough is not None and is_enough():
                return
            self._rest(end_ns)
            self._refresh()

    def finish(self) -> Evidence:
        """Take what is left to be told, and compare the files that were laid before the run or sent down in it."""
        self.evidence.station_state = self._desk.state()
        self._bridge.finish()
        self._tell()
        for line in (self.up, self.down):
            self.evidence.line_counts[line.config.name] = msgspec.structs.asdict(line.counts)
        self.evidence.files = compare_files(self._scenario, *self._file_roots)
        return self.evidence

    def close(self) -> None:
        """End both programs, and finish what was written."""
        self._programs.stop()
        self._desk.close()
        self._stack.close()
        self.evidence.close()

    # What a test does by hand, at the present time.

    def send(self, name: str, arguments: Mapping[str, Any]) -> int:
        """Have the station send a command, and give its number.

        Raises:
            MisuseError: The dictionary has no such command, or it does not take these arguments; or no station.
        """
        return self._desk.send(name, arguments)

    def put_file(self, local: Path, remote: str) -> str:
        """Have the station send a file of this computer, and give the name of its transfer.

        Raises:
            MisuseError: The station does not take it, or there is none.
            OSError: It cannot be read.
        """
        return self._desk.put_file(local, remote)

    def drop(self, direction: str, duration_s: float) -> None:
        """Let every octet of one direction be lost for a time."""
        self._refresh()
        self._line(direction).drop(self.now_ns, _ns(duration_s))

    def follow(self, plan: ContactPlan) -> None:
        """Have contact by another plan from now on.

        Raises:
            MisuseError: There is none now, so what is on its way is lost by the old plan.
        """
        if not self._has_contact:
            raise MisuseError("expected contact when its plan changes, found none; wait for the next pass")
        self._plan = plan

    def kill_worker(self) -> None:
        """Kill the worker process as a bug, an operator or the kernel's out-of-memory killer would.

        Raises:
            MisuseError: There is none.
        """
        self._signal_worker(signal.SIGKILL, "the worker is killed")

    def hang_worker(self) -> None:
        """Let the worker process stand still until it is replaced; see `kill_worker`."""
        self._signal_worker(signal.SIGSTOP, "the worker hangs")

    def reboot(self, end: str, down_s: float) -> None:
        """Let the ``spacecraft`` or the ``station`` lose its power, and start it again later."""
        self._refresh()
        self._cut_power(end, down_s)

    def _turn(self) -> None:
        """Do all there is to do now."""
        self._programs.check()
        self._agenda.advance(self.now_ns)
        self._follow_plan()
        self._bridge.turn(self.now_ns)
        self._tell()
        if not self._desk.is_manned and self._programs.ground.is_on:
            self._connect()
        for event in self._desk.hear():
            self._note("station", {**event, "time_ns": event["time_ns"] - self._started_ns})
        if self._desk.is_manned:
            self.procedure.advance(self.now_ns)

    def _connect(self) -> bool:
        told = self._desk.connect()
        for event in told or ():
            self._note("station", {**event, "time_ns": self.now_ns})
        return told is not None

    def _note_sent(self, line: Line, octets: bytes) -> None:
        self.captures[line].write(octets)
        self.evidence.link_samples.append((self.now_ns / NS_PER_S, line.config.name, line.counts.octets_sent))

    def _tell(self) -> None:
        for source, event in self._bridge.take_events():
            # Without the path of the run, which is another one each time.
            text = str(event).replace(f"{self._folder}/", "")
            told = {"type": type(event).__name__, "time_ns": self.now_ns, "text": text}
            parts = {} if source == "port" else msgspec.structs.asdict(event)
            self._note(source, {**told, **parts})

    def _rest(self, end_ns: int) -> None:
        now_ns = time.monotonic_ns() - self._started_ns
        deadlines = [
            self._bridge.next_deadline(now_ns),
            self._agenda.next_deadline(),
            self._plan.next_change_ns(self.now_ns),
            self.procedure.next_deadline() if self._desk.is_manned else None,
        ]
        next_ns = min((each for each in deadlines if each is not None), default=end_ns)
        wait_ns = min(max(min(next_ns, end_ns) - now_ns, 0), TURN_NS_MAX)
        reading, writing = self._bridge.descriptors(now_ns)
        station = self._desk.fileno()
        if station is not None:
            reading.append(station)
        select.select(reading, writing, [], wait_ns / NS_PER_S)

    def _refresh(self) -> None:
        self.now_ns = time.monotonic_ns() - self._started_ns

    def _follow_plan(self) -> None:
        """Pull both plugs when contact goes, and put them in again when it comes."""
        is_up = self._plan.is_up(self.now_ns)
        if is_up != self._has_contact:
            self._change_contact(is_up)
            self._tell_contact(is_up)

    def _change_contact(self, is_up: bool) -> None:
        self._has_contact = is_up
        self._plug_in(is_up)
        if not is_up:
            gap_ns = max((self._plan.next_change_ns(self.now_ns) or self._end_ns) - self.now_ns, 1)
            for line in (self.up, self.down):
                line.drop(self.now_ns, gap_ns)
        self.procedure.contact(is_up, self.now_ns)

    def _tell_contact(self, is_up: bool) -> None:
        text = "acquisition of signal" if is_up else "loss of signal"
        self._note("hil", {"type": "ContactChanged", "time_ns": self.now_ns, "text": text})
        self._triggers.instant("aos" if is_up else "los")

    def _note(self, source: str, event: Mapping[str, Any]) -> None:
        self.evidence.note(source, event)
        self._watch(source, event)
        if source != "station":
            return
        self.procedure.observe(event, self.now_ns)
        self._desk.note(event)
        match event:
            case {"type": "ReportReceived", "name": "job_progress", "values": {"step": step}}:
                self._triggers.reach(step)
            case {"type": "EventReported", "name": name, "identity": identity} if name in self._awaited:
                if identity not in self._heard:
                    self._heard.add(identity)
                    self._triggers.instant(name)

    def _signal_worker(self, number: signal.Signals, text: str) -> None:
        workers = self._programs.workers()
        if not workers:
            raise MisuseError("expected a worker at work, found none; submit a job and wait until it runs")
        self._tell_fault(text)
        for process in workers:
            process.send_signal(number)

    def _strike(self, number: int, fault: FaultTable, after: str) -> bool:
        """Let a fault of the scenario happen; see `hil.faults.triggers.Strike`."""
        down_s = fault.down_s or DOWN_S
        match fault.kind:
            case "kill_worker" | "hang_worker":
                if not self._programs.workers():
                    return False  # It is being replaced; the fault comes to the next one.
                self.kill_worker() if fault.kind == "kill_worker" else self.hang_worker()
            case "pull_cable":
                self._pull_cable(down_s)
            case _:
                self._cut_power(fault.kind.removeprefix("reboot_"), down_s)
        return True

    def _pull_cable(self, down_s: float) -> None:
        self._tell_fault(f"the cable is out for {down_s:g} s")
        for line in (self.up, self.down):
            line.drop(self.now_ns, _ns(down_s))
        self._plug_in(False)
        self._agenda.add(self.now_ns + _ns(down_s), lambda: self._plug_in(self._has_contact))

    def _plug_in(self, is_in: bool) -> None:
        """Put in or pull what can be; a board's port falls silent only, by its line."""
        for plug in (self._station,) if self._wiring.is_device else (self._station, self._board):
            plug.replug(self.now_ns) if is_in else plug.pull()

    def _cut_power(self, end: str, down_s: float) -> None:
        """Let an end lose its power, and start it again later."""
        back_ns = self.now_ns + _ns(down_s)
        self._tell_fault(f"the {end} loses its power for {down_s:g} s")
        if end == "station":
            self._programs.ground.kill()
            self._desk.close()
            self._agenda.add(back_ns, self._programs.ground.launch)
        elif self._power is not None:
            self._power.off()
            self._agenda.add(back_ns, self._power.on)
        elif self._programs.flight is not None:
            self._programs.flight.kill()
            self._agenda.add(back_ns, self._programs.flight.launch)

    def _tell_fault(self, text: str) -> None:
        self._note("hil", {"type": "FaultStruck", "time_ns": self.now_ns, "text": text})

    def _put(self, name: str, destination: str) -> str:
        return self.put_file(self.files / name, destination)

    def _before(self, step: str) -> None:
        for dropout in self._scenario.link.dropouts:
            if dropout.before == step:
                self._line(dropout.direction).drop(self.now_ns, _ns(dropout.duration_s))

    def _lay_keys(self, profile: LinkProfile, streams: Streams) -> dict[End, Path]:
        if self._wiring.keys_path is not None:
            return {End.GROUND: self._wiring.keys_path}
        if self._scenario.link.security == "keys" and not self._wiring.is_device:
            return lay_keys(self._folder, streams, profile)
        return {}

    def _line(self, direction: str) -> Line:
        return self.up if direction == "up" else self.down


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
