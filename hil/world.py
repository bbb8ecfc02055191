"""A scenario in virtual time: a spacecraft, a station, the link between them, and a clock that jumps to what is due.

Nothing here waits for real time, except for the worker process whose reply is due. Everything that is due at one
instant is done in one fixed order, and every random choice comes from one seed, so equal seeds give equal runs.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ccsds.errors import MisuseError, StarloopError
from ccsds.sdls.key_file import End as KeyEnd
from flight.events import ResetDue
from flight.jobs.corpus import CorpusFile
from flight.jobs.uploaded_corpus import is_uploaded
from flight.spacecraft_config import SpacecraftConfig
from ground.events import FrameReceived, plain
from hil.agenda import Agenda
from hil.almanac import Almanac
from hil.channel.line import Line
from hil.disk.faulty_disk import FaultyDisk
from hil.ends.end import End
from hil.ends.keys import lay_keys
from hil.ends.spacecraft_end import SpacecraftEnd
from hil.ends.station_end import StationEnd
from hil.faults.end_faults import cut_power
from hil.faults.hands import RESTART_NS, Hands
from hil.faults.instants import CHECKPOINT_BEGUN
from hil.faults.strike import Strike
from hil.faults.timeline import FaultTimeline
from hil.link.attacker import Forged
from hil.link.contact_plan import ContactPlan
from hil.link.lines import make_lines
from hil.link.onslaught import Onslaught
from hil.link.recording import Recording
from hil.run.evidence import Evidence
from hil.run.files import compare_files, lay_files
from hil.run.procedure import Procedure
from hil.scenario.faults import IN_WORKER_FAULTS
from hil.scenario.scenario import Scenario
from hil.sky import SkyChanged, contact_plan, look_samples, sky_changes, sky_spans
from hil.streams import Streams
from hil.surroundings import Surroundings
from hil.worker.virtual_model_worker import VirtualModelWorker, model_hand_process
from hil.worker.virtual_worker import Hand, VirtualWorker, hand_process
from mission.files import FILES_DIRECTORY
from mission.profile_file import open_profile
from mission.profiles import Contact

NS_PER_S = 1_000_000_000

# More turns than this at one instant mean that something is due for ever and nobody does it.
TURNS_AT_ONE_INSTANT_MAX = 10_000

# The spacecraft goes on this long after the procedure, so that what it had to say has come down.
EPILOGUE_NS = 10 * NS_PER_S

# How much was sent is noted for the plots at most this often: a fast link sends thousands of frames a second.
SAMPLE_NS = NS_PER_S // 10

ACQUIRED = "acquisition of signal"
"""What is told when contact comes."""


class StalledError(StarloopError):
    """Virtual time does not go on: a core asks for a deadline that it does not meet."""


class World:
    """One run of a scenario in virtual time.

    Args:
        scenario: What happens.
        seed: From which every random choice comes.
        folder: Where the store, the event log and the captures go; it exists and is empty.
        corpora: The corpora on board, by name.
        watch: Called with each event, in plain form and with its source, as it happens.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        folder: Path,
        corpora: Mapping[str, CorpusFile],
        watch: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._scenario = scenario
        self._watch = watch
        self.now_ns = 0
        self._end_ns = _ns(scenario.duration_s)
        link = scenario.link
        profile = replace(open_profile(link.profile), contact=Contact(link.contact))
        streams = Streams(seed)
        outlook = scenario.outlook()
        self._recording = Recording(link, folder)
        self.up, self.down = make_lines(link, profile, streams, outlook, self._recording)
        self.captures: dict[Line, BinaryIO] = {
            self.up: (folder / "uplink.bin").open("wb"),
            self.down: (folder / "downlink.bin").open("wb"),
        }
        self._sampled_ns = {self.up: 0, self.down: 0}
        self.evidence = Evidence(folder / "events.jsonl")
        keys = lay_keys(folder, streams, profile) if link.security == "keys" else {}
        tai_offset_ns = _ns(scenario.spacecraft.tai_s)
        self._surroundings: Surroundings | None = None
        if scenario.environment is not None and outlook is not None:
            self._surroundings = Surroundings(scenario.environment, outlook, streams)
            self.evidence.environment_samples = self._surroundings.environment.samples
        self.spacecraft = SpacecraftEnd(
            SpacecraftConfig(profile=profile, tai_offset_ns=tai_offset_ns),
            folder / "store",
            keys.get(KeyEnd.SPACECRAFT),
            self._make_worker,
            self._make_model_worker,
            {name: corpus for name, corpus in corpora.items() if not is_uploaded(name)},
            streams,
            self._surroundings.sensors if self._surroundings is not None else None,
            self._surroundings.environment.power_limit if self._surroundings is not None else None,
        )
        self.station = StationEnd(
            profile,
            folder / "archive.sqlite",
            folder / "files",
            keys.get(KeyEnd.GROUND),
            tai_offset_ns,
            streams,
            outlook.light_time_ns if outlook is not None else None,
        )
        self.file_roots = (folder / "store" / FILES_DIRECTORY, folder / "files")
        for root, files in zip(self.file_roots, (scenario.spacecraft.files, scenario.station.files), strict=True):
            lay_files(root, files, streams, corpora)
        self._plan = contact_plan(outlook, link.passes)
        almanac = Almanac(self._plan, outlook, tai_offset_ns, scenario.duration_s)
        self.procedure = Procedure(scenario.procedure, self.send, self._before, self._put, almanac)
        self._has_contact = False
        self._is_over = False
        self._goes_by_traffic = profile.contact is Contact.TRAFFIC
        self._agenda = Agenda()
        hands = Hands(
            spacecraft=self.spacecraft,
            station=self.station,
            up=self.up,
            down=self.down,
            agenda=self._agenda,
            now_ns=lambda: self.now_ns,
            collect=self._collect,
            tell=self._tell_fault,
            note=lambda event: self._note("hil", plain(event)),
        )
        self._hands = hands
        if self._surroundings is not None:
            self._surroundings.take_hold(hands)
        passes_ns = [each.start_ns for each in self._plan.passes]
        self.faults = FaultTimeline(scenario.faults, hands, streams, passes_ns, self._end_ns)
        if outlook is not None:
            self.evidence.spans += sky_spans(outlook)
            self.evidence.looks += look_samples(outlook)
            for change in sky_changes(outlook):
                self._agenda.add(change.time_ns, lambda change=change: self._change_sky(change))
        self._onslaught: Onslaught | None = None
        if scenario.attacker is not None:
            self._onslaught = Onslaught(
                scenario.attacker, profile, streams, self._agenda, self._end_ns, self._hear_attacker
            )
        self._timed = (*self.spacecraft.workers, self.up, self.down, self._agenda)
        for dropout in link.dropouts:
            if dropout.at_s is not None:
                self._line(dropout.direction).drop(_ns(dropout.at_s), _ns(dropout.duration_s))
        for pull in link.cable_pulls:
            text = f"the cable is pulled for {pull.duration_s:g} s"
            self._agenda.add(_ns(pull.at_s), lambda text=text: self._tell_fault(text))

    def run(self) -> Evidence:
        """Run to the end of the procedure, or of the scenario's duration.

        Raises:
            StalledError: Virtual time stands still, which is a fault of a core.
        """
        try:
            self.begin()
            self.go_on()
            return self.finish()
        finally:
            self.close()

    def begin(self) -> None:
        """Start both ends."""
        self.procedure.contact(False, self.now_ns)
        for end in (self.spacecraft, self.station):
            end.start(self.now_ns)
            if self._goes_by_traffic:
                end.contact(True, self.now_ns)
        if not self._plan.is_up(self.now_ns):
            self._lose_octets()

    def go_on(self, until_ns: int | None = None, is_enough: Callable[[], bool] | None = None) -> None:
        """Let time go on.

        Args:
            until_ns: To when; None is to the end of the procedure, or of the scenario's duration if it has none.
            is_enough: Asked after each turn; time stands still once it says so.

        Raises:
            StalledError: Virtual time stands still, which is a fault of a core.
        """
        end_ns = self._end_ns if until_ns is None else min(until_ns, self._end_ns)
        turns = 0
        while self.now_ns < end_ns:
            self._turn()
            if until_ns is None and not self._is_over and self._scenario.procedure and self.procedure.is_over:
                self._is_over = True
                end_ns = self._end_ns = min(self._end_ns, self.now_ns + EPILOGUE_NS)
            if is_enough is not None and is_enough():
                return
            next_ns = min(self._next_ns(), end_ns)
            turns = turns + 1 if next_ns <= self.now_ns else 0
            if turns > TURNS_AT_ONE_INSTANT_MAX:
                raise StalledError(f"expected time to go on from {self.now_ns} ns, found {turns} turns there")
            self.now_ns = max(next_ns, self.now_ns)
            for worker in self.spacecraft.workers:
                worker.now_ns = self.now_ns

    def finish(self) -> Evidence:
        """Take what is left to be told, and compare files that were laid before the run or sent down in it."""
        self._collect()
        self.spacecraft.worker.drop_strikes()
        if self.station.is_on:
            self.evidence.station_state = self.station.core.snapshot()
        for line in (self.up, self.down):
            line.finish()
            self._collect_line(line)
            self.evidence.line_counts[line.config.name] = msgspec.structs.asdict(line.counts)
        if self._surroundings is not None:
            self.evidence.device_c_max = self._surroundings.environment.hottest_c
        self.evidence.files = compare_files(self._scenario, *self.file_roots)
        return self.evidence

    def close(self) -> None:
        """End both ends, and finish what was written."""
        self.spacecraft.close()
        self.station.close()
        self.evidence.close()
        self._recording.close()
        for capture in self.captures.values():
            capture.close()

    # What a test does by hand, at the present time.

    @property
    def files(self) -> Path:
        """The directory of the station's files."""
        return self.file_roots[1]

    def send(self, name: str, arguments: Mapping[str, Any]) -> int:
        """Have the station send a command, and give its number.

        Raises:
            MisuseError: The dictionary has no such command, or it does not take these arguments.
        """
        return self.station.command(name, arguments, self.now_ns)

    def put_file(self, local: Path, remote: str) -> str:
        """Have the station send a file of this computer, and give the name of its transfer.

        Raises:
            MisuseError: The station does not take it.
            OSError: It cannot be read.
        """
        self.files.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local, self.files / local.name)
        return self._put(local.name, remote)

    def drop(self, direction: str, duration_s: float) -> None:
        """Let every octet of one direction be lost for a time."""
        self._line(direction).drop(self.now_ns, _ns(duration_s))

    def follow(self, plan: ContactPlan) -> None:
        """Have contact by another plan from now on.

        Raises:
            MisuseError: There is none now, so what is on its way is lost by the old plan.
        """
        if not self._has_contact and self.now_ns > 0:
            raise MisuseError("expected contact when its plan changes, found none; wait for the next pass")
        self._plan = plan

    def kill_worker(self) -> None:
        """End the worker, as a kill from outside does.

        Raises:
            MisuseError: There is none.
        """
        self._living_worker()
        self._tell_fault("the worker is killed")
        self.spacecraft.lose_worker("killed by signal 9", self.now_ns)

    def hang_worker(self) -> None:
        """Let the worker stand still until it is replaced; see `kill_worker`."""
        worker = self._living_worker()
        self._tell_fault("the worker hangs")
        worker.hang()

    def reboot(self, end: str, down_s: float) -> None:
        """Let the ``spacecraft`` or the ``station`` lose its power, and start it again later."""
        cut_power(self._hands, self.spacecraft if end == "spacecraft" else self.station, down_s)

    def _living_worker(self) -> VirtualWorker:
        worker = self.spacecraft.worker
        if not worker.is_alive:
            raise MisuseError("expected a worker at work, found none; submit a job and wait until it runs")
        return worker

    def _turn(self) -> None:
        """Do all that is due now, in one order."""
        now_ns = self.now_ns
        if self._surroundings is not None:
            self._surroundings.advance(now_ns)
        self.spacecraft.work(now_ns)
        self._carry(self.up, self.spacecraft)
        self._carry(self.down, self.station)
        self._agenda.advance(now_ns)
        self._follow_plan()
        self.spacecraft.advance(now_ns)
        self.station.advance(now_ns)
        self._collect()
        if self.station.is_on:
            self.procedure.advance(now_ns)
        if self.up.free_at_ns <= now_ns:
            self._transmit(self.up, self.station, self.spacecraft)
        if self.down.free_at_ns <= now_ns:
            self._transmit(self.down, self.spacecraft, self.station)
        self._collect()
        self.faults.settle()

    def _carry(self, line: Line, end: End) -> None:
        """Hand over what was sent together and has arrived wholly."""
        deadline_ns = line.next_deadline()
        if deadline_ns is None or deadline_ns > self.now_ns:
            return
        arrived = line.receive(self.now_ns)
        if arrived and self._onslaught is not None:
            arrived, is_changed = self._onslaught.pass_on(line is self.up, arrived, self.now_ns)
            if is_changed:
                self._tell_attack(f"changes {len(arrived)} octets on their way {line.config.name}")
        if arrived:
            end.receive(arrived, self.now_ns)
        self._collect_line(line)

    def _transmit(self, line: Line, end: End, far_end: End) -> None:
        octets = end.transmit(self.now_ns)
        if not octets:
            return
        line.send(octets, self.now_ns)
        if self._onslaught is not None:
            self._onslaught.hear(line is self.up, octets)
        self.evidence.count(end.name, "FrameSent" if far_end.is_on else "FrameSentToNobody")
        self.captures[line].write(octets)
        if self.now_ns >= self._sampled_ns[line]:
            self._sampled_ns[line] = self.now_ns + SAMPLE_NS
            self.evidence.link_samples.append((self.now_ns / NS_PER_S, line.config.name, line.counts.octets_sent))

    def _next_ns(self) -> int:
        """Give when something is due next."""
        next_ns = self._end_ns
        for each in self._timed:
            deadline_ns = each.next_deadline()
            if deadline_ns is not None and deadline_ns < next_ns:
                next_ns = deadline_ns
        for line, end in ((self.up, self.station), (self.down, self.spacecraft)):
            # A core is called when it says so; and asked for octets when its line falls free, of which it says nothing.
            deadline_ns = end.next_deadline()
            if deadline_ns is not None and deadline_ns < next_ns:
                next_ns = deadline_ns
            if end.may_transmit and self.now_ns < line.free_at_ns < next_ns:
                next_ns = line.free_at_ns
        change_ns = self._plan.next_change_ns(self.now_ns)
        if change_ns is not None and change_ns < next_ns:
            next_ns = change_ns
        if self._surroundings is not None:
            next_ns = min(next_ns, self._surroundings.next_deadline())
        if self.station.is_on:
            deadline_ns = self.procedure.next_deadline()
            if deadline_ns is not None and deadline_ns < next_ns:
                next_ns = deadline_ns
        return next_ns

    def _follow_plan(self) -> None:
        """Tell all when contact comes and goes; what is on its way when it goes is lost."""
        is_up = self._plan.is_up(self.now_ns)
        if is_up == self._has_contact:
            return
        self._has_contact = is_up
        if not is_up:
            self._lose_octets()
        if not self._goes_by_traffic:
            for end in (self.spacecraft, self.station):
                end.contact(is_up, self.now_ns)
        self.procedure.contact(is_up, self.now_ns)
        if self._plan.passes:
            text = ACQUIRED if is_up else "loss of signal"
            self._note("hil", {"type": "ContactChanged", "time_ns": self.now_ns, "text": text})
            self.faults.instant("aos" if is_up else "los")

    def _change_sky(self, change: SkyChanged) -> None:
        """Tell that the spacecraft came to where the sky is another; of nodes only those who wait for them."""
        if change.kind != "north":
            self._note("hil", plain(change))
        if change.instant:
            self.faults.instant(change.instant)

    def _lose_octets(self) -> None:
        """Let nothing arrive until contact comes."""
        next_ns = self._plan.next_change_ns(self.now_ns) or self._end_ns
        for line in (self.up, self.down):
            line.drop(self.now_ns, max(next_ns - self.now_ns, 1))

    def _collect(self) -> None:
        """Take the events of both ends, log them, and show the station's to the procedure."""
        for end in (self.spacecraft, self.station):
            for event in end.take_events():
                if isinstance(event, FrameReceived):
                    self.evidence.count(end.name, type(event).__name__)
                else:
                    self._note(end.name, {"time_ns": self.now_ns, **plain(event)})
                if isinstance(event, ResetDue):
                    self.spacecraft.reset()
                    self._hands.later(RESTART_NS, lambda: self._hands.start(self.spacecraft))

    def _collect_line(self, line: Line) -> None:
        for event in line.take_events():
            self._note(f"link.{line.config.name}", {"time_ns": self.now_ns, **plain(event), "text": str(event)})

    def _note(self, source: str, event: Mapping[str, Any]) -> None:
        self.evidence.note(source, event)
        self._watch(source, event)
        if source == "station":
            self.procedure.observe(event, self.now_ns)
        self.faults.observe(source, event)

    def _tell_fault(self, text: str) -> None:
        self._note("hil", {"type": "FaultStruck", "time_ns": self.now_ns, "text": text})

    def _tell_idle(self, strike: Strike) -> None:
        self._note("hil", {"type": "StrikeIdle", "time_ns": self.now_ns, "text": f"{strike}: no step came any more"})

    def _hear_attacker(self, forged: Forged) -> None:
        self._tell_attack(forged.text)
        (self.spacecraft if forged.is_up else self.station).receive(forged.octets, self.now_ns)

    def _tell_attack(self, text: str) -> None:
        self._note("attacker", {"type": "Forged", "time_ns": self.now_ns, "text": f"the attacker {text}"})

    def _make_worker(self, disk: FaultyDisk) -> VirtualWorker:
        spacecraft, around = self._scenario.spacecraft, self._surroundings
        if spacecraft.worker == "inline":
            from hil.worker.inline_worker import InlineWorker  # It brings torch into this process.

            hand: Hand = InlineWorker(disk)
        else:
            is_struck = any(fault.kind in IN_WORKER_FAULTS for fault in self._scenario.faults)
            hand = hand_process(disk.root, is_struck=is_struck or (around is not None and bool(around.particles)))
        return VirtualWorker(
            hand,
            spacecraft.work,
            lambda: self.faults.instant(CHECKPOINT_BEGUN),
            around.activity if around is not None else None,
            around.environment.power_limit if around is not None else None,
            self._tell_idle,
        )

    def _make_model_worker(self, disk: FaultyDisk) -> VirtualModelWorker:
        spacecraft, around = self._scenario.spacecraft, self._surroundings
        if spacecraft.worker == "inline":
            from hil.worker.inline_model_worker import InlineModelWorker  # It brings torch into this process.

            hand: Hand = InlineModelWorker(disk)
        else:
            hand = model_hand_process(disk.root)
        return VirtualModelWorker(hand, spacecraft.work, around.model_activity if around is not None else None)

    def _put(self, name: str, destination: str) -> str:
        return self.station.put_file(name, destination, self.now_ns)

    def _before(self, step: str) -> None:
        for dropout in self._scenario.link.dropouts:
            if dropout.before == step:
                self._line(dropout.direction).drop(self.now_ns, _ns(dropout.duration_s))

    def _line(self, direction: str) -> Line:
        return self.up if direction == "up" else self.down


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
