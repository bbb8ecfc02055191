"""A spacecraft and a station to look at: both programs over an emulated link, in real time, until somebody has enough.

Nothing is checked and nothing goes wrong by plan; what an operator does at the console is what happens. Both programs
are the shipped ones. Once the spacecraft is heard, all its housekeeping and its time reports are turned on and jobs are
submitted, so that there is something to see; the model of the first is served as soon as it is trained. Its power and
heat, and the passes that the station expects, are those of an orbit that begins now; the link itself is always there.
"""

import contextlib
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ccsds.sdls.key_file import End
from flight.jobs.corpus import CorpusFile
from ground.server.doors import WebAddress, check_free, make_way
from hil.bridge.bridge import Bridge
from hil.ends.keys import lay_keys
from hil.latest_word import LatestWord
from hil.link.lines import make_lines
from hil.rig.desk import Desk
from hil.rig.ports import far_url, open_plugs
from hil.rig.programs import Programs
from hil.rig.surroundings import RealTimeSurroundings, outlook_from, write_passes
from hil.rig.wiring import Mode, Wiring
from hil.scenario.link import DirectionTable, LinkTable
from hil.streams import Streams
from mission.definition import DICTIONARY
from mission.profile_file import open_profile

NS_PER_S = 1_000_000_000

# The loop looks after the programs at least this often, so that one that ended is noticed.
TURN_NS_MAX = 200_000_000

# As far as a low orbit is from its station at most, each way.
DELAY_S = 0.01

# The on-board time of every fourth frame: a pseudo-terminal carries some frames a second, none of them idle.
TIME_REPORT_EXPONENT = 2


@dataclass(frozen=True, kw_only=True)
class Showing:
    """What is shown."""

    folder: Path
    """Where stores, logs and the archive go; it exists and is empty."""
    web: str
    """Where the console is, as HOST:PORT."""
    socket_path: Path
    """Where the station serves programs."""
    profile: str = "sband"
    seed: int = 1
    bit_error_rate: float = 1e-6
    jobs: Sequence[Mapping[str, Any]] = ()
    """Arguments of the jobs that are submitted at the start, in order."""
    procedures: Path | None = None
    """Directory of procedures that the station offers, or None: none."""
    corpora: Mapping[str, CorpusFile] = field(default_factory=dict)


class Showroom:
    """One showing; its time begins with `run`.

    Args:
        showing: What is shown.
        say: Takes lines for who looks.

    Raises:
        MisuseError: The console's address is taken, or another station serves at the socket.
        PortLostError: A port for the emulated link cannot be had.
    """

    def __init__(self, showing: Showing, say: Callable[[str], None]) -> None:
        if showing.web != "none":
            check_free(WebAddress.of(showing.web))
        # Else its first commands would go to somebody else's spacecraft.
        make_way(showing.socket_path)
        self._showing = showing
        self._say = say
        profile = open_profile(showing.profile)
        streams = Streams(showing.seed)
        direction = DirectionTable(delay_s=DELAY_S, bit_error_rate=showing.bit_error_rate)
        up, down = make_lines(LinkTable(profile=showing.profile, up=direction, down=direction), profile, streams)
        board, station = open_plugs(Wiring(mode=Mode.PTY), showing.folder)
        self._bridge = Bridge(station, board, up, down)
        self._desk = Desk(showing.socket_path)
        keys: Mapping[End, Path] = lay_keys(showing.folder, streams, profile)
        unix_ns = time.time_ns()
        outlook = outlook_from(unix_ns)
        passes = showing.folder / "passes.toml"
        write_passes(outlook, unix_ns, passes)
        self._surroundings = RealTimeSurroundings(outlook, showing.folder / "sensors")
        self._at_work: set[int] = set()
        self._latest = LatestWord()
        self._programs = Programs.of(
            folder=showing.folder,
            profile=showing.profile,
            board_url=far_url(board),
            station_url=far_url(station),
            keys=keys,
            corpora=showing.corpora,
            socket_path=showing.socket_path,
            files=showing.folder / "files",
            web=showing.web,
            procedures=showing.procedures,
            passes=passes,
            sensors=self._surroundings.sensors_path,
        )
        self._is_begun = False

    def run(self, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Show it until it is enough, or somebody interrupts.

        Args:
            is_enough: Asked in each turn.

        Raises:
            ProgramEndedError: One of the two programs ended, with its last words.
        """
        started_ns = time.monotonic_ns()
        self._programs.launch()
        try:
            while not is_enough():
                now_ns = time.monotonic_ns() - started_ns
                self._turn(now_ns)
                self._rest(now_ns)
        finally:
            self._programs.stop()
            self._desk.close()
            self._bridge.close()

    def _turn(self, now_ns: int) -> None:
        self._programs.check()
        self._surroundings.advance(now_ns)
        self._bridge.turn(now_ns)
        self._bridge.take_events()
        if not self._desk.is_manned and self._desk.connect() is not None:
            web = self._showing.web
            place = f"the station serves at {self._showing.socket_path}"
            self._say(f"{place if web == 'none' else f'the console is at http://{web}'}; this ends with Ctrl-C")
        for event in self._desk.hear():
            if event["type"] == "LinkChanged":
                self._say(event["line"])
                if event["state"] == "UP":
                    self._begin()
            if event["type"] == "EventReported" and event["name"] == "job_changed":
                self._look_at_job(event, now_ns)
        if self._desk.is_manned and not self._is_begun and self._desk.state().get("link") == "UP":
            self._begin()

    def _begin(self) -> None:
        """Give the first commands, once."""
        if self._is_begun:
            return
        self._is_begun = True
        self._desk.send("test.connection", {})
        self._desk.send("housekeeping.enable", {"structures": sorted(DICTIONARY.structures)})
        self._desk.send("time.report_rate", {"exponent": TIME_REPORT_EXPONENT})
        for job in self._showing.jobs:
            with contextlib.suppress(MisuseError):
                self._desk.send("job.submit", job)

    def _look_at_job(self, event: Mapping[str, Any], now_ns: int) -> None:
        """Have the device draw power while a job works, and the model of the first job served once it is trained."""
        job_id, state = event["values"]["job_id"], event["values"]["after"]
        before = self._latest.state(job_id)
        if not self._latest.hear(job_id, state, event) or state == before:
            return
        self._say(f"job {job_id} is {state}")
        if state == "RUNNING":
            self._at_work.add(job_id)
        else:
            self._at_work.discard(job_id)
        self._surroundings.work(bool(self._at_work), now_ns)
        if state == "DONE" and self._showing.jobs and job_id == self._showing.jobs[0]["job_id"]:
            with contextlib.suppress(MisuseError):
                self._desk.send("model.activate", {"name": f"jobs/{job_id}/model.safetensors"})

    def _rest(self, now_ns: int) -> None:
        due_ns = self._bridge.next_deadline(now_ns)
        wait_ns = TURN_NS_MAX if due_ns is None else min(max(due_ns - now_ns, 0), TURN_NS_MAX)
        reading, writing = self._bridge.descriptors(now_ns)
        station = self._desk.fileno()
        if station is not None:
            reading.append(station)
        select.select(reading, writing, [], wait_ns / NS_PER_S)
