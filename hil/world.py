"""A scenario in virtual time: a spacecraft, a station, the link between them, and a clock that jumps to what is due.

Nothing here waits for real time, except for the worker process whose reply is due. Everything that is due at one
instant is done in one fixed order, and every random choice comes from one seed, so equal seeds give equal runs.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ccsds.errors import StarloopError
from ccsds.sdls.key_file import End
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.security import Security
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile
from flight.spacecraft import Spacecraft, SpacecraftConfig
from ground.events import plain
from ground.station import Station, StationConfig
from hil.channel.line import Line, LineConfig
from hil.evidence import Evidence
from hil.keys import lay_keys
from hil.procedure import Procedure
from hil.scenario import DirectionTable, Scenario
from hil.streams import Streams
from hil.worker import VirtualWorker, WorkerLostError
from mission.profiles import LinkProfile, find_profile
from ports.key_directory import opened_keys

NS_PER_S = 1_000_000_000

# More turns than this at one instant mean that something is due for ever and nobody does it.
TURNS_AT_ONE_INSTANT_MAX = 10_000

# The spacecraft goes on this long after the procedure, so that what it had to say has come down.
EPILOGUE_NS = 10 * NS_PER_S


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
        profile = find_profile(scenario.link.profile)
        streams = Streams(seed)
        link = scenario.link
        self.up = Line(line_config("up", profile, link.up), streams)
        self.down = Line(line_config("down", profile, link.down), streams)
        self.captures: dict[Line, BinaryIO] = {
            self.up: (folder / "uplink.bin").open("wb"),
            self.down: (folder / "downlink.bin").open("wb"),
        }
        # What is held until the end of the run.
        self._held = contextlib.ExitStack()
        keys: dict[End, KeyStore] = {}
        if link.security == "keys":
            for end, path in lay_keys(folder, streams).items():
                keys[end] = self._held.enter_context(opened_keys(path, end))
        store = folder / "store"
        self._worker = VirtualWorker(store, scenario.spacecraft.work)
        self.evidence = Evidence(folder / "events.jsonl")
        self._spacecraft = Spacecraft(
            SpacecraftConfig(profile=profile, tai_offset_ns=round(scenario.spacecraft.tai_s * NS_PER_S)),
            RealDisk(store),
            self._worker,
            corpora,
            keys=keys.get(End.SPACECRAFT),
        )
        source_id = int(streams.block("station", 0).integers(1, 1 << 16))
        security = Security(keys[End.GROUND]) if keys else None
        self._station = Station(StationConfig(profile=profile, source_id=source_id), security=security)
        self.procedure = Procedure(scenario.procedure, self._send, self._before)
        self._faults = list(scenario.faults)
        for dropout in link.dropouts:
            if dropout.at_s is not None:
                line = self.up if dropout.direction == "up" else self.down
                line.drop(round(dropout.at_s * NS_PER_S), round(dropout.duration_s * NS_PER_S))

    def run(self) -> Evidence:
        """Run to the end of the procedure, or of the scenario's duration.

        Raises:
            StalledError: Virtual time stands still, which is a fault of a core.
        """
        try:
            self._spacecraft.contact(True, self.now_ns)
            self._station.contact(True, self.now_ns)
            end_ns = round(self._scenario.duration_s * NS_PER_S)
            is_over = False
            turns = 0
            while self.now_ns < end_ns:
                self._turn()
                if self.procedure.is_over and not is_over:
                    is_over = True
                    end_ns = min(end_ns, self.now_ns + EPILOGUE_NS)
                next_ns = min(self._next_ns(), end_ns)
                turns = turns + 1 if next_ns <= self.now_ns else 0
                if turns > TURNS_AT_ONE_INSTANT_MAX:
                    raise StalledError(f"expected time to go on from {self.now_ns} ns, found {turns} turns there")
                self.now_ns = max(next_ns, self.now_ns)
                self._worker.now_ns = self.now_ns
            self.up.finish()
            self.down.finish()
            self._collect()
            for line in (self.up, self.down):
                self.evidence.line_counts[line.config.name] = msgspec.structs.asdict(line.counts)
            return self.evidence
        finally:
            self._worker.kill()
            self.evidence.close()
            for capture in self.captures.values():
                capture.close()
            self._held.close()

    def _turn(self) -> None:
        """Do all that is due now, in one order."""
        now_ns = self.now_ns
        self._work()
        arrived = self.up.receive(now_ns)
        if arrived:
            self._spacecraft.receive(arrived, now_ns)
        arrived = self.down.receive(now_ns)
        if arrived:
            self._station.receive(arrived, now_ns)
        self._spacecraft.advance(now_ns)
        self._station.advance(now_ns)
        self._collect()
        self.procedure.advance(now_ns)
        self._collect()
        for line, end in ((self.up, self._station), (self.down, self._spacecraft)):
            if line.free_at_ns <= now_ns:
                octets = end.transmit(now_ns)
                if octets:
                    line.send(octets, now_ns)
                    self.captures[line].write(octets)
                    sample = (now_ns / NS_PER_S, line.config.name, line.counts.octets_sent)
                    self.evidence.link_samples.append(sample)
        self._collect()

    def _next_ns(self) -> int:
        deadlines = [
            self._worker.next_deadline(),
            self.up.next_deadline(),
            self.down.next_deadline(),
            self._spacecraft.next_deadline(),
            self._station.next_deadline(),
            self.procedure.next_deadline(),
            *(line.free_at_ns for line in (self.up, self.down) if line.free_at_ns > self.now_ns),
        ]
        return min(deadline for deadline in (*deadlines, 1 << 63) if deadline is not None)

    def _work(self) -> None:
        """Hand over the replies of the worker that are due."""
        while True:
            try:
                reply = self._worker.reply(self.now_ns)
            except WorkerLostError as error:
                self._worker.kill()
                self._spacecraft.worker_lost(str(error), self.now_ns)
                return
            if reply is None:
                return
            self._spacecraft.worker_replied(reply, self.now_ns)

    def _collect(self) -> None:
        """Take the events of all, log them, and show the station's to the procedure."""
        for source, events in (
            ("spacecraft", self._spacecraft.take_events()),
            ("link.up", self.up.take_events()),
            ("link.down", self.down.take_events()),
            ("station", self._station.take_events()),
        ):
            for event in events:
                line_text = {"text": str(event)} if source.startswith("link.") else {}
                self._note(source, {"time_ns": self.now_ns, **plain(event), **line_text})

    def _note(self, source: str, event: Mapping[str, Any]) -> None:
        self.evidence.note(source, event)
        self._watch(source, event)
        if source == "station":
            self.procedure.observe(event, self.now_ns)
        self._strike(source, event)

    def _strike(self, source: str, event: Mapping[str, Any]) -> None:
        """Let happen the faults that this event brings on."""
        if source != "spacecraft" or event["type"] != "Reported" or event["name"] != "job_progress":
            return
        for fault in [fault for fault in self._faults if event["values"]["step"] >= fault.job_step]:
            if self._worker.is_alive:
                self._faults.remove(fault)
                self._worker.kill()
                text = f"the worker is killed after step {event['values']['step']}"
                self._note("hil", {"type": "FaultStruck", "time_ns": self.now_ns, "text": text})
                self._spacecraft.worker_lost("killed by signal 9", self.now_ns)

    def _send(self, name: str, arguments: Mapping[str, Any]) -> int:
        return self._station.command(name, arguments, now_ns=self.now_ns)

    def _before(self, step: str) -> None:
        for dropout in self._scenario.link.dropouts:
            if dropout.before == step:
                line = self.up if dropout.direction == "up" else self.down
                line.drop(self.now_ns, round(dropout.duration_s * NS_PER_S))


def line_config(name: str, profile: LinkProfile, direction: DirectionTable) -> LineConfig:
    """Give what one direction (``up`` or ``down``) of a scenario's link does to octets."""
    return LineConfig(
        name=name,
        rate_bps=profile.uplink_rate_bps if name == "up" else profile.downlink_rate_bps,
        bits_per_octet=profile.bits_per_octet,
        delay_ns=round(direction.delay_s * NS_PER_S),
        bit_error_rate=direction.bit_error_rate,
    )
